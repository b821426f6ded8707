"""What happens on a cluster that is not there, from a seed: owners' activity and node failures.

- Every draw is a hash of the seed and of what it is for, so it is the same in every process and
  does not depend on what was drawn before it.
- No metric is a state of its own: an activity without one says None, never zero.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import Field

from dure.vocabulary.frozen import Frozen

DAY_S = 86_400
WHOLE = 1000  # permille

FAILURES_PER_SERVER_DAY = 1 / 264
"""Meta, 16,384 H100 over 54 days: 419 unplanned interruptions (Llama 3 report)."""

REPAIR_S = (1800, 6 * 3600)
"""Shortest and longest outage. Our assumption: published repair times range from minutes
(restart) to a replaced host; nothing a published distribution covers."""

_JITTER = 100  # permille either way: no two days are alike; our assumption
_BUSY_WHILE_HELD = (600, 950)  # mean activity of held accelerators, permille; our assumption


class Activity(Frozen):
    """An owner's use of an allocation: for each day since the simulation's start, the share of
    the entitlement that is held, in permille; the last figure holds for all later days."""

    busy: tuple[int, ...] = Field(min_length=1)
    metric: bool = True

    def on(self, day: int) -> int:
        return max(0, min(WHOLE, self.busy[min(day, len(self.busy) - 1)]))


@dataclass(frozen=True, slots=True)
class Outage:
    """A node was down over [start_s, end_s), seconds since the simulation's start."""

    node: str
    start_s: int
    end_s: int


def draw(seed: str, *about: str | int) -> int:
    """An integer in [0, 2**32) that depends on nothing but its arguments."""
    text = "\x1f".join((seed, *map(str, about)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


def held_permille(seed: str, allocation: str, activity: Activity, day: int) -> int:
    """The share of the entitlement that the owner holds on that day, with its jitter."""
    busy = activity.on(day)
    jitter = draw(seed, "held", allocation, day) % (2 * _JITTER + 1) - _JITTER
    return min(WHOLE, busy * (WHOLE + jitter) // WHOLE)


def busy_permille(seed: str, allocation: str, activity: Activity, day: int) -> int | None:
    """The mean activity of what is held, or None where the allocation has no metric."""
    if not activity.metric:
        return None
    low, high = _BUSY_WHILE_HELD
    return low + draw(seed, "busy", allocation, day) % (high - low + 1)


def outages(seed: str, nodes: list[str], day: int, *, rate: float) -> Iterator[Outage]:
    """The outages that begin on that day; each ends with the day at the latest."""
    bound = int(rate * 2**32)
    low, high = REPAIR_S
    for node in nodes:
        if draw(seed, "fails", node, day) < bound:
            length = low + draw(seed, "repair", node, day) % (high - low + 1)
            start = draw(seed, "when", node, day) % (DAY_S - length)
            yield Outage(node, day * DAY_S + start, day * DAY_S + start + length)
