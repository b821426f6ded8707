"""Waiting for what another process brings about: looked at again and again, and never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(
    holds: Callable[[], object],
    what: str = "it never held",
    *,
    within_s: float,
    every_s: float = 0.05,
) -> None:
    """Returns as soon as it holds. Fails with these words where it never does."""
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until, f"not within {within_s:g} s: {what}"
        time.sleep(every_s)
