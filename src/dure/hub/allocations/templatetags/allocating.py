"""Kinds, outcomes and intents of decisions in templates: `{% load allocating %}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from dure.engine.allocation.compare import Place
from dure.hub.allocations.labels import KINDS, OUTCOME_TONES, OUTCOMES
from dure.hub.allocations.models import Outcome
from dure.hub.allocations.round_months import RoundMonths
from dure.hub.allocations.scenario_queries import CHANGES
from dure.hub.portal.templatetags.dure import day, figure, last_day, servers

register = template.Library()


@register.filter
def kind_name(kind: str) -> str:
    return str(KINDS.get(kind, kind))


@register.filter
def outcome_badge(outcome: str) -> SafeString:
    """An outcome of a round as a badge."""
    tone = OUTCOME_TONES.get(outcome, "neutral")
    return format_html('<span class="badge badge-{}">{}</span>', tone, OUTCOMES[outcome])


@register.filter
def facts(intent: Mapping[str, object]) -> list[tuple[str, object]]:
    """What an intent says besides its reason, as it is stored."""
    return [(name, value) for name, value in intent.items() if name != "reason"]


@register.simple_tag
def term(outcome: Outcome, months: RoundMonths | None) -> str:
    """The days that an award runs for; nothing where there is none."""
    if outcome.pool_id is None or months is None:
        return ""
    starts, ends = months.period(outcome.start, outcome.months)
    return f"{day(starts)} – {last_day(ends)}"


@register.filter
def placement(blocks: Sequence[Sequence[int]]) -> str:
    """Where an award stands: servers in each block, the blocks counted from 1 as people do."""
    said = gettext("block %(block)s: %(servers)s")
    return ", ".join(said % {"block": figure(b + 1), "servers": figure(n)} for b, n in blocks)


@register.simple_tag
def by_month(offered: Sequence[int], given: Sequence[int]) -> SafeString:
    """A column a month, what is given of what is offered; the numbers are read out."""
    most = max([1, *offered])
    pairs = list(zip(given, offered, strict=True))
    said = ", ".join(f"{figure(part)}/{figure(whole)}" for part, whole in pairs)
    columns = format_html_join(
        "",
        '<rect class="bar-track" x="{0}" y="{1}" width="8" height="{2}"></rect>'
        '<rect class="bar-fill" x="{0}" y="{3}" width="8" height="{4}"></rect>',
        (
            (10 * k, 100 - high, high, 100 - full, full)
            for k, (part, whole) in enumerate(pairs)
            for high, full in [(whole * 100 // most, part * 100 // most)]
        ),
    )
    return format_html(
        '<svg class="bar months" viewBox="0 0 {} 100" preserveAspectRatio="none" role="img"'
        ' aria-label="{}">{}</svg>',
        10 * len(pairs) - 2,
        gettext("Given of offered, month by month: %(months)s") % {"months": said},
        columns,
    )


@register.filter
def signed(number: int) -> str:
    """A difference, with its sign."""
    return f"{'+' if number > 0 else '−' if number < 0 else ''}{figure(abs(number))}"


@register.filter
def change_name(change: str) -> str:
    """What a scenario does to an application."""
    return str(CHANGES.get(change, change))


@register.simple_tag
def difference_bar(value: int, most: int) -> SafeString:
    """More to the right, fewer to the left of the middle; the figure beside it tells."""
    width = abs(value) * 500 // max(1, most)
    return format_html(
        '<svg class="bar difference" viewBox="0 0 1000 12" preserveAspectRatio="none"'
        ' aria-hidden="true"><rect class="bar-track" width="1000" height="12"></rect>'
        '<rect class="{}" x="{}" width="{}" height="12"></rect>'
        '<line class="zero" x1="500" x2="500" y1="0" y2="12"></line></svg>',
        "gain" if value > 0 else "loss",
        500 if value > 0 else 500 - width,
        width,
    )


@register.simple_tag
def held(place: Place) -> str:
    """What an application holds in a plan: servers, pool and months."""
    if place.pool is None:
        return gettext("nothing")
    said = gettext("%(servers)s in %(pool)s, months %(first)s to %(last)s")
    return said % {
        "servers": servers(place.servers),
        "pool": place.pool,
        "first": figure(place.start + 1),
        "last": figure(place.start + place.months),
    }
