"""The best awards of a round, with a bound on the merit of any.

- First the relaxation: what capacity is worth, and a merit that no plan can exceed.
- Then awards that keep the rules, served by place at those prices.
- Then the exact model over the ways that matter: first the few that hardly pay or hardly do not,
  and what is found there tells which others can be part of anything better.
- What fits is added at the end, so that nothing stands idle that somebody could take.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from dure.engine.allocation.completion import complete
from dure.engine.allocation.exact import Infeasible, Model
from dure.engine.allocation.facts import Price
from dure.engine.allocation.fill import fill
from dure.engine.allocation.limits import Award, Awards, Limit, Round
from dure.engine.allocation.options import AllOptions, Option
from dure.engine.allocation.relaxation import NothingMeetsFloors, Relaxation, relax
from dure.engine.allocation.rounding import rounded

WHOLE_MODEL: Final = 4_000
"""Options up to which all that could be better is put into one model and proven: 1,200 options
take 0.2 s, 1,100 with caps on every organisation 2 s."""

CORE: Final = (60, 120, 240, 480)
"""Requests whose fate is reconsidered together, nearest to paying first; the others keep theirs."""

CORE_EFFORT: Final = 2.0
"""Deterministic time for one of these."""

WHOLE_EFFORT: Final = 10.0
"""Deterministic time for the model of all that could be better."""

GOOD_ENOUGH: Final = 5e-4
"""Rounds too large for one model stop when less than this part of the bound is open."""


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
    """Awards, their merit, the merit no plan can exceed, and what scarcity is worth."""

    awards: dict[str, Award]
    merit: int
    bound: int
    prices: tuple[Price, ...]


def solve(round_: Round) -> Solution:
    """The best awards found, with a proven bound on the merit of any. Raises UnableToMeetFloors."""
    try:
        relaxed = relax(round_)
        search = _Search(round_, relaxed)
        awards, bound = search.run()
    except (NothingMeetsFloors, Infeasible):
        raise UnableToMeetFloors(_conflict(round_)) from None
    awards = complete(round_, awards)
    reached = merit(round_, awards)
    return Solution(awards, reached, max(bound, reached), relaxed.prices.said())


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


class _Search:
    """Better and better awards of one round, and the bound on any."""

    def __init__(self, round_: Round, relaxed: Relaxation) -> None:
        self._round = round_
        self._relaxed = relaxed
        self._options = AllOptions(round_)
        self._best = relaxed.columns.best(relaxed.profit)
        self._bound = relaxed.bound

    def run(self) -> tuple[dict[str, Award], int]:
        """The best awards found and the bound. Raises Infeasible."""
        awards = self._start()
        if awards is None:
            model = Model(self._round, self._options.every())
            found = model.most_merit(None, bound=self._bound, effort=WHOLE_EFFORT)
            return self._refined(model, found.awards), found.bound
        if self._few:
            return self._proven(self._reconsidered(awards, CORE[0], pinned=False))
        for count in CORE:
            if self._open_part(awards) <= GOOD_ENOUGH:
                break
            awards = self._reconsidered(awards, count, pinned=True)
        return awards, self._bound

    @property
    def _few(self) -> bool:
        columns, by_model = self._relaxed.columns, self._round.by_model
        pools = np.array([len(by_model[model]) for model in columns.models], dtype=np.int64)
        return int(pools[columns.model].sum()) <= WHOLE_MODEL

    def _start(self) -> dict[str, Award] | None:
        """Awards that keep all rules to begin with; None where floors leave nothing simple."""
        ways = [
            fill(self._round, {}, prices=self._relaxed.prices),
            fill(self._round, {}),
        ]
        if not self._round.ranked:
            ways.append(rounded(self._round, self._relaxed))
        keeping = [awards for awards in ways if not missed(self._round, awards)]
        return max(keeping, key=lambda awards: merit(self._round, awards), default=None)

    def _open_part(self, awards: Awards) -> float:
        return 1 - merit(self._round, awards) / max(1, self._bound)

    def _reconsidered(
        self, awards: dict[str, Award], count: int, *, pinned: bool
    ) -> dict[str, Award]:
        """These awards, improved by the requests nearest to paying; `pinned`: others stay put."""
        margins = np.sort(np.abs(self._best))
        if not len(margins):
            return awards
        slack = int(margins[min(count, len(margins) - 1)])
        served = {a for a in self._surely_served(slack) if a in awards}
        open_ = self._open(awards, slack, pinned=served if pinned else set())
        model = Model(self._round, open_, served=served)
        return model.most_merit(awards, bound=self._bound, effort=CORE_EFFORT).awards

    def _proven(self, awards: dict[str, Award]) -> tuple[dict[str, Award], int]:
        """The best of all awards, or the best found and a bound; then the best places."""
        slack = self._bound - merit(self._round, awards)
        model = Model(
            self._round, self._open(awards, slack, pinned=set()), served=self._surely_served(slack)
        )
        found = model.most_merit(awards, bound=self._bound, effort=WHOLE_EFFORT)
        return self._refined(model, found.awards), found.bound

    def _refined(self, model: Model, awards: dict[str, Award]) -> dict[str, Award]:
        return model.best_places(awards, merit(self._round, awards))

    def _surely_served(self, slack: int) -> set[str]:
        """Who is served in all awards that come within `slack` of the bound."""
        columns, requests = self._relaxed.columns, self._round.requests
        sure = np.flatnonzero(self._best > slack)
        return {requests[n].application for n in columns.request[columns.first[sure]].tolist()}

    def _open(
        self, awards: Awards, slack: int, *, pinned: set[str]
    ) -> dict[str, tuple[Option, ...]]:
        """The options that can be part of awards within `slack` of the bound, and those held.

        Who is `pinned` keeps the one held; so does who can be served in no such awards but is.
        """
        relaxed, columns = self._relaxed, self._relaxed.columns
        lost = columns.each(np.maximum(self._best, 0)) - relaxed.profit
        kept: dict[int, set[tuple[int, int]]] = {}
        for column in np.flatnonzero(lost <= slack).tolist():
            ways = kept.setdefault(int(columns.request[column]), set())
            ways.add((int(columns.wish[column]), int(columns.start[column])))
        open_: dict[str, tuple[Option, ...]] = {}
        for number, request in enumerate(self._round.requests):
            name = request.application
            award, ways = awards.get(name), kept.get(number, set())
            if award is not None and (name in pinned or not ways):
                open_[name] = self._options.held(request, award)
            elif ways:
                open_[name] = tuple(
                    option
                    for option in self._options.of(request)
                    if (option.number, option.start) in ways or _is(option, award)
                )
        return open_


def _is(option: Option, award: Award | None) -> bool:
    return award is not None and (award.pool, award.start) == (option.offer.pool, option.start)


def missed(round_: Round, awards: Awards) -> list[Limit]:
    """The floors that these awards do not reach."""
    total = dict.fromkeys((x for x in round_.limits if x.least is not None), 0)
    for request in round_.requests:
        award = awards.get(request.application)
        if award is not None:
            for limit in round_.floors(request, round_.offers[award.pool]):
                total[limit] += award.servers * request.months
    return [limit for limit, reached in total.items() if reached < (limit.least or 0)]


def _conflict(round_: Round) -> tuple[str, ...]:
    """Floors of which each is needed for the conflict: without it the others can be met."""
    options = AllOptions(round_).every()
    kept = [x for x in round_.limits if x.least is not None]
    for limit in list(kept):
        without = frozenset(x for x in round_.limits if x is limit or x not in kept)
        if not Model(round_, options, without=without).can_be_met():
            kept.remove(limit)
    return tuple(limit.said for limit in kept)
