"""Waiting for what another process brings about: looked at again and again, and never for ever.

- A look may start a command or two. A third of the time at most goes into looking, so that what is
  waited for, and the tests beside it, have the rest of the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

PATIENCE_S: Final = 30.0
"""On a machine that is busy, too."""

T = TypeVar("T")


def eventually(
    holds: Callable[[], T | None],
    what: str = "it never held",
    *,
    within_s: float = PATIENCE_S,
    every_s: float = 0.1,
) -> T:
    """What it says, as soon as that holds. Fails with these words where it never does."""
    until = time.monotonic() + within_s
    while True:
        looked = time.monotonic()
        if found := holds():
            return found
        now = time.monotonic()
        assert now < until, f"not within {within_s:g} s: {what}"
        time.sleep(max(every_s, 2 * (now - looked)))
