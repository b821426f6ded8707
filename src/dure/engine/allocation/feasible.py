"""Whether any plan keeps the rules of a round: yes, no, or not told within the effort.

- No where not even parts of servers would do: the relaxation proves most conflicts.
- Yes where serving by place keeps the rules, if need be with some of those a floor counts first:
  as few as it lacks, so that those passed over have no complaint.
- Between the two the exact model decides. Its effort is counted and never timed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dure.engine.allocation.exact import Model
from dure.engine.allocation.excuses import justified_complaints
from dure.engine.allocation.facts import Request
from dure.engine.allocation.fill import fill
from dure.engine.allocation.limits import Award, Awards, Limit, Round, missed, totals
from dure.engine.allocation.options import AllOptions
from dure.engine.allocation.prices import Prices
from dure.engine.allocation.relaxation import NothingMeetsFloors, relax

EFFORT: Final = 1.0
"""Deterministic time of one question to the exact model."""

MOST_OPTIONS: Final = 500
"""Options that the exact model is asked about at once: 700 of them, under strict rank, take 6 s."""

OPTIONS_IN_ALL: Final = 2_000
"""And in all questions about one round."""

PROVEN_BELOW: Final = 4_000
"""Requests from which on the relaxation starts from a part of them, and so proves no conflict."""

STEPS: Final = 12
"""How often it is chosen anew who goes first; on rounds of 514, 2 to 6 times are enough or none."""


class Feasible:
    """Answers about rounds that are alike; the exact model is asked as long as its effort lasts."""

    def __init__(self) -> None:
        self._left = OPTIONS_IN_ALL

    def ask(self, round_: Round) -> bool | None:
        """Whether any awards keep all the rules of the round; None where it is not told."""
        if not any(limit.least for limit in round_.limits):
            return True
        try:
            prices = relax(round_).prices
        except NothingMeetsFloors:
            return False if len(round_.requests) < PROVEN_BELOW else None
        if any(_keeps(round_, awards) for awards in _simple(round_, prices)):
            return True
        options = AllOptions(round_).every()
        count = sum(map(len, options.values()))
        if count > min(MOST_OPTIONS, self._left):
            return None
        self._left -= count
        return Model(round_, options).can_be_met(EFFORT)


def _keeps(round_: Round, awards: dict[str, Award]) -> bool:
    return not missed(round_, awards) and not justified_complaints(round_, awards)


def _simple(round_: Round, prices: Prices) -> Iterator[dict[str, Award]]:
    yield fill(round_, {}, prices=prices)
    yield fill(round_, {})
    yield _floors_first(round_)


def _floors_first(round_: Round) -> dict[str, Award]:
    """Awards by place, except that of those a floor counts enough go first."""
    first: set[str] = set()
    awards = fill(round_, {})
    for _ in range(STEPS):
        reached = totals(round_, awards)
        short = [(limit, (limit.least or 0) - reached[limit]) for limit in missed(round_, awards)]
        more = {
            name for limit, lack in short for name in _first(limit, lack, round_, awards, first)
        }
        if more <= first:
            break
        first |= more
        order = [r for r in round_.requests if r.application in first]
        awards = fill(round_, {}, order=[*order, *round_.requests])
    return awards


def _first(
    limit: Limit, lacking: int, round_: Round, awards: Awards, tried: set[str]
) -> Iterator[str]:
    """Those served that count, and of the others, best place first, those within what is lacking.

    Where all exceed it, the smallest. Who was tried in vain is not tried again.
    """
    waiting: list[tuple[int, str]] = []
    for request in round_.requests:
        if size := _size(limit, request, round_):
            if request.application in awards:
                yield request.application
            elif request.application not in tried:
                waiting.append((size, request.application))
    if waiting and min(waiting)[0] > lacking:
        yield min(waiting, key=lambda one: one[0])[1]
    for size, application in waiting:
        if size <= lacking:
            lacking -= size
            yield application


def _size(limit: Limit, request: Request, round_: Round) -> int:
    """The server-months that the request brings the floor where it is served whole."""
    counted = (w.servers for w in request.wishes if limit in round_.bound(request, w.model))
    return max(counted, default=0) * request.months
