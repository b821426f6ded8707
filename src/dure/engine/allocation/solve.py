"""The best awards of a round, with a bound on the merit of any.

- First the relaxation: what capacity is worth, and a merit that no plan can exceed.
- Then awards that keep the rules, served by place at those prices.
- Then the exact model over the ways that matter: first the few that hardly pay or hardly do not,
  and what is found there tells which others can be part of anything better.
- What fits is added at the end, so that nothing stands idle that somebody could take.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dure.engine.allocation.completion import complete
from dure.engine.allocation.conflict import UnableToMeetFloors, conflict_of
from dure.engine.allocation.exact import Infeasible, Model
from dure.engine.allocation.fill import fill
from dure.engine.allocation.limits import Award, Awards, Round, merit
from dure.engine.allocation.options import AllOptions, Option
from dure.engine.allocation.relaxation import NothingMeetsFloors, Relaxation, relax
from dure.engine.allocation.rounding import filled, mended, rounded
from dure.engine.allocation.solution import Solution
from dure.engine.allocation.together import apart, as_one, together

WHOLE_MODEL: Final = 4_000
"""Options up to which all that could be better is put into one model and proven: 1,200 options
take 0.2 s, 1,100 with caps on every organisation 2 s."""

CORES: Final = (60, 180)
"""Requests whose fate is reconsidered first, nearest to paying: that finds the optimum, or nearly,
of rounds of 514, and leaves little to prove. More of them where the first leave half of it open."""

CORE_EFFORT: Final = 0.1
"""Deterministic time for that."""

PARTS: Final = (60, 120)
"""The same for large rounds, in which who is surely served keeps what it holds."""

PART_EFFORT: Final = 1.0
"""Deterministic time for each of these."""

WHOLE_EFFORT: Final = 5.0
"""Deterministic time for the model of all that could be better."""

APART_EFFORT: Final = 2.0
"""Deterministic time for the pools one by one, where they cannot hold what one pool could."""

GOOD_ENOUGH: Final = 5e-4
"""Rounds too large for one model stop when less than this part of the bound is open."""


def solve(round_: Round) -> Solution:
    """The best awards found, with a proven bound on the merit of any. Raises UnableToMeetFloors."""
    try:
        relaxed = relax(round_)
        search = _Search(round_, relaxed)
        awards, bound = search.run()
    except (NothingMeetsFloors, Infeasible):
        raise UnableToMeetFloors(conflict_of(round_)) from None
    awards = complete(round_, awards)
    reached = merit(round_, awards)
    return Solution(awards, reached, max(bound, reached), relaxed.prices.said())


class _Search:
    """Better and better awards of one round, and the bound on any.

    The exact model knows one pool of each model (`together`); what it finds is parted again.
    """

    def __init__(self, round_: Round, relaxed: Relaxation) -> None:
        self._round = round_
        self._one = together(round_)
        self._relaxed = relaxed
        self._best = relaxed.columns.best(relaxed.profit)
        self._bound = relaxed.bound

    def run(self) -> tuple[dict[str, Award], int]:
        """The best awards found and the bound. Raises Infeasible."""
        awards = self._start()
        if awards is None:
            return self._from_nothing()
        if self._many:
            return self._reconsidered_in_parts(awards), self._bound
        one = self._reconsidered(as_one(self._round, self._one, awards))
        return self._parted(*self._proven(one), awards)

    def _from_nothing(self) -> tuple[dict[str, Award], int]:
        """Where no simple awards keep the rules: the exact model of all pools."""
        options = AllOptions(self._round).every()
        if sum(map(len, options.values())) > WHOLE_MODEL:
            raise Infeasible
        model = Model(self._round, options)
        found = model.most_merit(None, bound=self._bound, effort=WHOLE_EFFORT)
        return model.best_places(found.awards, merit(self._round, found.awards)), found.bound

    def _start(self) -> dict[str, Award] | None:
        """Awards that keep all rules to begin with; None where floors leave nothing simple."""
        relaxed = self._relaxed
        near = rounded(self._round, self._one, relaxed)
        if near is not None and (self._many or self._open_part(near) <= GOOD_ENOUGH):
            return near
        ways = [
            near,
            mended(self._round, fill(self._round, {}, prices=relaxed.prices), relaxed),
            mended(self._round, filled(self._round, {}, relaxed), relaxed),
            mended(self._round, fill(self._round, {}), relaxed),
        ]
        keeping = [awards for awards in ways if awards is not None]
        return max(keeping, key=self._merit, default=None)

    @property
    def _many(self) -> bool:
        return len(self._relaxed.columns.request) > WHOLE_MODEL

    def _merit(self, awards: Awards) -> int:
        return merit(self._round, awards)

    def _open_part(self, awards: Awards) -> float:
        return 1 - self._merit(awards) / max(1, self._bound)

    def _reconsidered(self, awards: dict[str, Award]) -> dict[str, Award]:
        """These awards, improved by what could be with some requests nearest to paying."""
        margins = np.sort(np.abs(self._best))
        least = self._bound - (self._bound - merit(self._one, awards)) // 2
        for count in CORES if len(margins) and least < self._bound else ():
            slack = int(margins[min(count, len(margins) - 1)])
            served = {a for a in self._surely_served(slack) if a in awards}
            model = Model(self._one, self._open(awards, slack), served=served)
            awards = model.most_merit(awards, bound=self._bound, effort=CORE_EFFORT).awards
            if merit(self._one, awards) >= least:
                break
        return awards

    def _reconsidered_in_parts(self, awards: dict[str, Award]) -> dict[str, Award]:
        """These awards, improved by more and more of the requests nearest to paying."""
        margins = np.sort(np.abs(self._best))
        one = as_one(self._round, self._one, awards)
        for count in PARTS:
            if self._open_part(awards) <= GOOD_ENOUGH:
                break
            slack = int(margins[min(count, len(margins) - 1)])
            one = self._with_part(one, slack)
            better = mended(self._round, self._parted_and_filled(one), self._relaxed)
            if better is not None:
                awards = max(awards, better, key=self._merit)
        return awards

    def _with_part(self, awards: dict[str, Award], slack: int) -> dict[str, Award]:
        """Who is surely served keeps what it holds; the others choose anew within the slack."""
        sure = self._surely_served(slack)
        fixed = {a: award for a, award in awards.items() if a in sure}
        held = {a: award for a, award in awards.items() if a not in sure}
        open_ = {a: ways for a, ways in self._open(held, slack).items() if a not in fixed}
        model = Model(self._one, open_, fixed=fixed)
        return model.most_merit(awards, bound=self._bound, effort=PART_EFFORT).awards

    def _proven(self, awards: dict[str, Award]) -> tuple[dict[str, Award], int]:
        """The best of all awards, or the best found and a bound; then the best places."""
        reached = merit(self._one, awards)
        slack = self._bound - reached
        model = Model(self._one, self._open(awards, slack), served=self._surely_served(slack))
        found = model.most_merit(awards, bound=self._bound, effort=WHOLE_EFFORT)
        return model.best_places(found.awards, merit(self._one, found.awards)), found.bound

    def _parted(
        self, one: dict[str, Award], bound: int, start: dict[str, Award]
    ) -> tuple[dict[str, Award], int]:
        """The awards in pools; where those do not hold them all, the best of all that could be."""
        if self._one is self._round:
            return one, bound
        parted = mended(self._round, self._parted_and_filled(one), self._relaxed)
        awards = start if parted is None else max(start, parted, key=self._merit)
        if bound <= self._merit(awards):
            return awards, bound
        slack = self._bound - self._merit(awards)  # what is lost is counted from this bound
        held = as_one(self._round, self._one, awards)
        near = {_way(o) for ways in self._open(held, slack).values() for o in ways}
        every = AllOptions(self._round)
        open_ = {
            r.application: tuple(o for o in every.of(r) if _way(o) in near)
            for r in self._round.requests
        }
        model = Model(self._round, open_, served=self._surely_served(slack))
        found = model.most_merit(awards, bound=bound, effort=APART_EFFORT)
        return model.best_places(found.awards, self._merit(found.awards)), found.bound

    def _parted_and_filled(self, one: Awards) -> dict[str, Award]:
        parted = apart(self._round, self._one, one)
        return parted if len(parted) == len(one) else filled(self._round, parted, self._relaxed)

    def _surely_served(self, slack: int) -> set[str]:
        """Who is served in all awards that come within `slack` of the bound."""
        columns, requests = self._relaxed.columns, self._round.requests
        sure = np.flatnonzero(self._best > slack)
        return {requests[n].application for n in columns.request[columns.first[sure]].tolist()}

    def _open(self, awards: Awards, slack: int) -> dict[str, tuple[Option, ...]]:
        """The options that can be part of awards within `slack` of the bound, and those held."""
        relaxed, columns = self._relaxed, self._relaxed.columns
        lost = columns.each(np.maximum(self._best, 0)) - relaxed.profit
        held = np.array([self._is_held(n, awards) for n in range(len(lost))], dtype=np.bool_)
        open_: dict[str, list[Option]] = {}
        for column in np.flatnonzero((lost <= slack) | held).tolist():
            option = self._option(column)
            open_.setdefault(option.request.application, []).append(option)
        return {application: tuple(options) for application, options in open_.items()}

    def _is_held(self, column: int, awards: Awards) -> bool:
        columns = self._relaxed.columns
        award = awards.get(self._round.requests[int(columns.request[column])].application)
        if award is None or award.start != columns.start[column]:
            return False
        return self._one.offers[award.pool].model == columns.models[int(columns.model[column])]

    def _option(self, column: int) -> Option:
        columns = self._relaxed.columns
        request = self._round.requests[int(columns.request[column])]
        number = int(columns.wish[column])
        wish = request.wishes[number]
        return Option(
            request=request,
            number=number,
            wish=wish,
            offer=self._one.by_model[wish.model][0],
            start=int(columns.start[column]),
            most=int(columns.servers[column]),
            merit=int(columns.merit[column]),
        )


def _way(option: Option) -> tuple[str, int, int]:
    return option.request.application, option.number, option.start
