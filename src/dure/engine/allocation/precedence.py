"""Strict rank as constraints: who must be served before whom.

- Within one track and size class, a better-ranked request `ahead` may be left out while a
  worse-ranked `behind` holds servers only if those servers would not do for it: another pool than
  it accepts, a smaller amount than it needs, or a limit that binds only `ahead` and is full.
- "Full" means: the limit's room left in the final plan is less than `ahead` needs.
- A rule that follows from two others is left out; what remains says exactly the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from dure.engine.allocation.facts import Request
from dure.engine.allocation.limits import Limit, Round

Full = tuple[Limit, int]
"""A limit that has not room for so many servers any more."""


@dataclass(frozen=True, slots=True)
class Precedence:
    """`behind` in one of `pools` implies: `ahead` is served, or one of `excuses` holds."""

    ahead: Request
    behind: Request
    pools: frozenset[str]
    excuses: frozenset[Full]


@dataclass(frozen=True, slots=True)
class _Likeness:
    """All of a request that matters here besides its rank."""

    minimum: int
    pools: frozenset[str]
    limits: frozenset[Limit]


def precedences(round_: Round) -> Iterator[Precedence]:
    """Every rule of strict rank, directly or through others, in a fixed order."""
    by_class = sorted(round_.requests, key=lambda r: (r.track, r.size_class, r.rank))
    for _, members in groupby(by_class, key=lambda r: (r.track, r.size_class)):
        latest: dict[_Likeness, Request] = {}
        for behind in members:
            candidates = [
                rule
                for ahead in latest.values()
                if (rule := _between(ahead, behind, round_)) is not None
            ]
            yield from (r for r in candidates if not _follows(r, candidates, round_))
            latest[_likeness(behind, round_)] = behind


def _likeness(request: Request, round_: Round) -> _Likeness:
    application = request.application
    pools = frozenset(offer.pool for offer in round_.pools[application])
    return _Likeness(request.minimum, pools, round_.limits[application])


def _between(ahead: Request, behind: Request, round_: Round) -> Precedence | None:
    if ahead.rank >= behind.rank or ahead.minimum > behind.minimum:
        return None
    first, second = _likeness(ahead, round_), _likeness(behind, round_)
    common = first.pools & second.pools
    if not common:
        return None
    excuses = frozenset((limit, ahead.minimum) for limit in first.limits - second.limits)
    return Precedence(ahead, behind, common, excuses)


def _follows(rule: Precedence, others: list[Precedence], round_: Round) -> bool:
    """Whether serving `behind` already implies `ahead` by way of a third request."""
    own = _likeness(rule.ahead, round_).pools
    for step in others:
        first = _between(rule.ahead, step.ahead, round_)
        if (
            first is not None
            and rule.pools <= step.pools
            and _likeness(step.ahead, round_).pools <= own
            and first.excuses | step.excuses <= rule.excuses
        ):
            return True
    return False
