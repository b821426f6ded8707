"""Ids that must differ: a fact given twice is an error, never the last one wins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class RepeatedError(ValueError):
    """Something is named twice where it may stand once."""


def require_distinct(kind: str, ids: Iterable[str]) -> None:
    """Raises RepeatedError naming every one of `ids` that comes more than once."""
    repeated = sorted(name for name, times in Counter(ids).items() if times > 1)
    if repeated:
        msg = f"{kind} named more than once: {', '.join(repeated)}"
        raise RepeatedError(msg)
