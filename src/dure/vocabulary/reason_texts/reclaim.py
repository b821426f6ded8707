"""Sentences of the reclaim decision."""

from typing import Final

TEXTS: Final[dict[str, str]] = {}
