"""Kinds, outcomes and intents of decisions in templates: `{% load allocating %}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from dure.hub.allocations.labels import KINDS, OUTCOME_TONES, OUTCOMES
from dure.hub.allocations.models import Outcome
from dure.hub.allocations.round_months import RoundMonths
from dure.hub.portal.templatetags.dure import day, figure, last_day

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
