"""The ledger's words in templates: `{% load ledger %}`."""

from __future__ import annotations

from typing import Final

from django import template
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import pgettext_lazy

register = template.Library()

ENTRY_KINDS: Final[dict[str, Promise]] = {
    "DEPOSIT": pgettext_lazy("kind of ledger entry", "Award"),
    "CHARGE": pgettext_lazy("kind of ledger entry", "Use"),
    "REFUND": pgettext_lazy("kind of ledger entry", "Given back"),
    "CREDIT": pgettext_lazy("kind of ledger entry", "Credit for an outage"),
    "PULLBACK": pgettext_lazy("kind of ledger entry", "Pull-back"),
    "VOID": pgettext_lazy("kind of ledger entry", "Undone"),
}

_TONES: Final = {"DEPOSIT": "positive", "CHARGE": "neutral", "REFUND": "info", "CREDIT": "info"}


@register.filter
def entry_kind(kind: str) -> SafeString:
    """The kind of an entry as a badge."""
    tone = _TONES.get(kind, "warning")
    return format_html('<span class="badge badge-{}">{}</span>', tone, ENTRY_KINDS[kind])
