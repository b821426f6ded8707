"""The ledger's words: what is reclaimed by rule is pulled back, not taken back."""

from __future__ import annotations

from django.utils import translation

from dure.hub.usage.templatetags.ledger import entry_kind


def test_a_pull_back_is_called_so_in_both_languages() -> None:
    with translation.override("en"):
        assert "Pull-back" in entry_kind("PULLBACK")
    with translation.override("ko"):
        assert "환수" in entry_kind("PULLBACK")
