"""The best awards of a round, with a bound on the merit of any.

- First the linear relaxation: what capacity is worth (prices), and a bound in whole numbers.
- Then awards that keep the rules; then, where the round is small enough, the exact model.
- What fits is added at the end, so that nothing stands idle that somebody could take.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dure.engine.allocation.exact import Infeasible, Model
from dure.engine.allocation.fill import fill
from dure.engine.allocation.limits import Award, Awards, Limit, Round
from dure.engine.allocation.options import Option, Way, options_of


class UnableToMeetFloors(ValueError):
    """Floors that cannot be met together; without any one of `groups` the others could be."""

    def __init__(self, groups: tuple[str, ...]) -> None:
        self.groups = groups
        super().__init__(
            f"no plan keeps all the rules: these floors conflict: {', '.join(groups)}"
            if len(groups) > 1
            else f"no plan keeps all the rules: the floor of {groups[0]} cannot be met"
        )


@dataclass(frozen=True, slots=True)
class Solution:
    """Awards, their merit, and the merit no plan can exceed."""

    awards: dict[str, Award]
    merit: int
    bound: int


def solve(round_: Round, *, closed: frozenset[Way] = frozenset()) -> Solution:
    """The best awards found, with a proven bound on the merit of any; `closed` ways are not open.

    Raises UnableToMeetFloors.
    """
    options = options_of(round_, closed)
    start = fill(round_, {})
    if not start and not _missed(round_, start):
        return Solution(awards={}, merit=0, bound=0)
    model = Model(round_, options, without=frozenset())
    everybody = sum(max((o.most * o.merit for o in ways), default=0) for ways in options.values())
    begin = None if _missed(round_, start) else start
    try:
        found = model.most_merit(begin, bound=everybody)
    except Infeasible:
        raise UnableToMeetFloors(_conflict(round_, options)) from None
    refined = model.best_places(found.awards, merit(round_, found.awards))
    awards = fill(round_, refined)
    reached = merit(round_, awards)
    return Solution(awards=awards, merit=reached, bound=max(found.bound, reached))


def merit(round_: Round, awards: Awards) -> int:
    """Score-weighted servers, over their months."""
    total = 0
    for request in round_.requests:
        award = awards.get(request.application)
        if award is not None:
            model = round_.offers[award.pool].model
            wish = next(w for w in request.wishes if w.model == model)
            total += request.merit(wish) * award.servers
    return total


def _missed(round_: Round, awards: Awards) -> list[Limit]:
    """The floors that these awards do not reach."""
    total = dict.fromkeys((x for x in round_.limits if x.least is not None), 0)
    for request in round_.requests:
        award = awards.get(request.application)
        if award is not None:
            for limit in round_.floors(request, round_.offers[award.pool]):
                total[limit] += award.servers * request.months
    return [limit for limit, reached in total.items() if reached < (limit.least or 0)]


def _conflict(round_: Round, options: Mapping[str, tuple[Option, ...]]) -> tuple[str, ...]:
    """Floors of which each is needed for the conflict: without it the others can be met."""
    kept = [x for x in round_.limits if x.least is not None]
    for limit in list(kept):
        without = frozenset(x for x in round_.limits if x is limit or x not in kept)
        if not Model(round_, options, without=without).can_be_met():
            kept.remove(limit)
    return tuple(limit.said for limit in kept)
