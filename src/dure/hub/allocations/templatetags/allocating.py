"""Kinds, outcomes and intents of decisions in templates: `{% load allocating %}`."""

from __future__ import annotations

from collections.abc import Mapping

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dure.hub.allocations.labels import KINDS, OUTCOME_TONES, OUTCOMES

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
