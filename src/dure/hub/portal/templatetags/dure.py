"""How facts are shown: reasons, texts in two languages, amounts, times, states, bars.

- Times come out in the programme's zone: the middleware makes it the current one.
- Whatever people wrote is escaped; only the markup written here is safe.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final

from django import template
from django.core.paginator import Page, Paginator
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext

from dure.hub.portal.reasons import sentence
from dure.vocabulary.plans import Reason

register = template.Library()

TONES: Final = {
    "open": "positive",
    "active": "positive",
    "awarded": "positive",
    "applied": "positive",
    "published": "positive",
    "promoted": "positive",
    "done": "positive",
    "submitted": "info",
    "admitted": "info",
    "ranked": "info",
    "reviewing": "info",
    "screened": "info",
    "announced": "info",
    "queued": "info",
    "running": "info",
    "offered": "warning",
    "proposed": "warning",
    "waitlisted": "warning",
    "waiting": "warning",
    "refused": "negative",
    "rejected": "negative",
    "executed": "negative",
    "failed": "negative",
    "lasting": "negative",
    "down": "negative",
    "draining": "warning",
    "approved": "warning",
}
"""The badge of each state; states not named here are neutral."""

PAGE_SIZE: Final = 25
"""Rows of a list before it is cut into pages: a screen. With 50, most lists took 20 to 35 ms of
server CPU (`make bench-pages`)."""

_MESSAGES: Final = {"success": "positive", "error": "negative", "warning": "warning"}


@register.simple_tag
def reason(given: Reason | Mapping[str, object] | None) -> str:
    """A reason's sentence in the reader's language; nothing where there is none."""
    return sentence(given) if given else ""


@register.filter
def words(text: Any) -> str:
    """A text in two languages (a Text, its JSON, or a row with name_ko and name_en), as one."""
    language = "ko" if (get_language() or "ko").startswith("ko") else "en"
    if isinstance(text, Mapping):
        return str(text.get(language, ""))
    return str(getattr(text, language, None) or getattr(text, f"name_{language}", ""))


@register.filter
def figure(number: int | None) -> str:
    """A whole number, grouped by thousands; a dash where there is none."""
    return "–" if number is None else number_format(number, use_l10n=True, force_grouping=True)


@register.filter
def servers(number: int) -> str:
    """An amount of servers in words."""
    return ngettext("%(number)s server", "%(number)s servers", number) % {"number": figure(number)}


@register.filter
def accelerators(number: int) -> str:
    """An amount of accelerators in words."""
    return ngettext("%(number)s accelerator", "%(number)s accelerators", number) % {
        "number": figure(number)
    }


@register.filter
def hours(seconds: int) -> str:
    """Seconds (of one accelerator, or of time) as hours, cut to one decimal."""
    tenths = abs(seconds) // 360
    sign = "−" if seconds < 0 else ""
    return f"{sign}{figure(tenths // 10)}.{tenths % 10}"


@lru_cache(maxsize=4096)
def _in_language(at: date, pattern: str, _language: str | None) -> str:
    return date_format(at, pattern)


def _written(at: date, pattern: str) -> str:
    """A date as the reader's language writes it; the rows of a list share most of theirs."""
    return _in_language(at, pattern, get_language())


@register.filter
def moment(at: datetime | None) -> str:
    """Date and time in the programme's zone."""
    return _written(timezone.localtime(at), gettext("j F Y, H:i")) if at else "–"


@register.filter
def until(at: datetime | None) -> str:
    """The end of a half-open period, as people say it: 24:00 of the last day, not 0:00 after it."""
    if at and timezone.localtime(at).time() == time():
        return gettext("%(day)s, 24:00") % {"day": last_day(at)}
    return moment(at)


@register.filter
def day(at: date | None) -> str:
    """The date, in the programme's zone."""
    local = timezone.localtime(at) if isinstance(at, datetime) else at
    return _written(local, gettext("j F Y")) if local else "–"


@register.filter
def last_day(at: datetime | None) -> str:
    """The last day of a half-open period that ends at `at`."""
    return day(at - timedelta(microseconds=1)) if at else "–"


@register.filter
def badge(row: Any) -> SafeString:
    """The state of a row as a badge."""
    return format_html(
        '<span class="badge badge-{}">{}</span>',
        TONES.get(row.state, "neutral"),
        type(row).State(row.state).label,
    )


@register.filter
def tone(level: str) -> str:
    """The notice class of a message's level."""
    return _MESSAGES.get(level, "info")


@register.filter
def pages(rows: Any, request: HttpRequest) -> Page[Any]:
    """The page of the rows that the address asks for; one that is not there gives the nearest."""
    return Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))


@register.simple_tag
def bar(value: int, of: int, label: str = "", tone: str = "") -> SafeString:
    """A bar, `value` of `of`. With a label it is an image; else the figure beside it tells."""
    permille = min(1000, value * 1000 // of) if of else 0
    drawing = format_html(
        '<rect class="bar-track" width="1000" height="12"></rect>'
        '<rect class="bar-fill" width="{}" height="12"></rect>',
        permille,
    )
    said = format_html('role="img" aria-label="{}"', label) if label else 'aria-hidden="true"'
    return format_html(
        '<svg class="bar bar-{}" viewBox="0 0 1000 12" preserveAspectRatio="none" {}>{}</svg>',
        tone or "plain",
        SafeString(said),
        drawing,
    )
