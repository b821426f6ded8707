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

from dure.engine.allocation.columns import Index
from dure.engine.allocation.completion import complete
from dure.engine.allocation.conflict import UnableToMeetFloors, conflict_of
from dure.engine.allocation.exact import Infeasible, Model
from dure.engine.allocation.excuses import justified_complaints
from dure.engine.allocation.facts import Price, Request
from dure.engine.allocation.fill import fill
from dure.engine.allocation.limits import Award, Awards, Round, merit, missed
from dure.engine.allocation.options import AllOptions, Option
from dure.engine.allocation.relaxation import NothingMeetsFloors, Relaxation, relax
from dure.engine.allocation.rounding import rounded

WHOLE_MODEL: Final = 4_000
"""Options up to which all that could be better is put into one model and proven: 1,200 options
take 0.2 s, 1,100 with caps on every organisation 2 s."""

CORE: Final = 60
"""Requests whose fate is reconsidered first, nearest to paying: that finds the optimum, or nearly,
of rounds of 514, and leaves little to prove."""

CORE_EFFORT: Final = 0.5
"""Deterministic time for that."""

PARTS: Final = (60, 120)
"""The same for large rounds, in which who is surely served keeps what it holds."""

PART_EFFORT: Final = 1.0
"""Deterministic time for each of these."""

WHOLE_EFFORT: Final = 5.0
"""Deterministic time for the model of all that could be better."""

GOOD_ENOUGH: Final = 5e-4
"""Rounds too large for one model stop when less than this part of the bound is open."""


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
        raise UnableToMeetFloors(conflict_of(round_)) from None
    awards = complete(round_, awards)
    reached = merit(round_, awards)
    return Solution(awards, reached, max(bound, reached), relaxed.prices.said())


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
        awards = self._start() or self._floors_first()
        if awards is None:
            if not self._few:
                raise Infeasible
            model = Model(self._round, self._options.every())
            found = model.most_merit(None, bound=self._bound, effort=WHOLE_EFFORT)
            return self._refined(model, found.awards), found.bound
        if self._few:
            return self._proven(self._reconsidered(awards, CORE))
        return self._reconsidered_in_parts(awards), self._bound

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

    def _floors_first(self) -> dict[str, Award] | None:
        """Awards of a large round in which as few as need be of those floors count go first.

        None where that does not help, or breaks rank; then nothing is known of a round too large
        for one model, and it is refused.
        """
        if self._few:
            return None
        round_ = self._round
        counted = [r for r in round_.requests if self._counts(r)]
        least, most = 0, len(counted)
        best: dict[str, Award] | None = None
        while least < most:
            count = (least + most) // 2
            order = [*counted[:count], *round_.requests]
            awards = fill(round_, {}, order=order, prices=self._relaxed.prices)
            if missed(round_, awards):
                least = count + 1
            else:
                best, most = awards, count
        return None if best is None or justified_complaints(round_, best) else best

    def _counts(self, request: Request) -> bool:
        models = (w.model for w in request.wishes if w.model in self._round.by_model)
        return any(x.least is not None for m in models for x in self._round.bound(request, m))

    def _open_part(self, awards: Awards) -> float:
        return 1 - merit(self._round, awards) / max(1, self._bound)

    def _reconsidered(self, awards: dict[str, Award], count: int) -> dict[str, Award]:
        """These awards, improved by all that could be with so many requests nearest to paying."""
        margins = np.sort(np.abs(self._best))
        if not len(margins):
            return awards
        slack = int(margins[min(count, len(margins) - 1)])
        served = {a for a in self._surely_served(slack) if a in awards}
        model = Model(self._round, self._open(awards, slack), served=served)
        return model.most_merit(awards, bound=self._bound, effort=CORE_EFFORT).awards

    def _reconsidered_in_parts(self, awards: dict[str, Award]) -> dict[str, Award]:
        """These awards, improved by more and more of the requests nearest to paying."""
        margins = np.sort(np.abs(self._best))
        for count in PARTS:
            if self._open_part(awards) <= GOOD_ENOUGH:
                break
            slack = int(margins[min(count, len(margins) - 1)])
            better = self._with_part(awards, slack)
            awards = max(awards, better, key=lambda a: merit(self._round, a))
        return awards

    def _with_part(self, awards: dict[str, Award], slack: int) -> dict[str, Award]:
        """Who is surely served keeps what it holds; the others choose anew within the slack."""
        sure = self._surely_served(slack)
        fixed = {a: award for a, award in awards.items() if a in sure}
        held = {a: award for a, award in awards.items() if a not in sure}
        open_ = {a: ways for a, ways in self._open(held, slack).items() if a not in fixed}
        model = Model(self._round, open_, fixed=fixed)
        return model.most_merit(awards, bound=self._bound, effort=PART_EFFORT).awards

    def _proven(self, awards: dict[str, Award]) -> tuple[dict[str, Award], int]:
        """The best of all awards, or the best found and a bound; then the best places."""
        slack = self._bound - merit(self._round, awards)
        model = Model(self._round, self._open(awards, slack), served=self._surely_served(slack))
        found = model.most_merit(awards, bound=self._bound, effort=WHOLE_EFFORT)
        return self._refined(model, found.awards), found.bound

    def _refined(self, model: Model, awards: dict[str, Award]) -> dict[str, Award]:
        return model.best_places(awards, merit(self._round, awards))

    def _surely_served(self, slack: int) -> set[str]:
        """Who is served in all awards that come within `slack` of the bound."""
        columns, requests = self._relaxed.columns, self._round.requests
        sure = np.flatnonzero(self._best > slack)
        return {requests[n].application for n in columns.request[columns.first[sure]].tolist()}

    def _open(self, awards: Awards, slack: int) -> dict[str, tuple[Option, ...]]:
        """The options that can be part of awards within `slack` of the bound, and those held."""
        relaxed, columns = self._relaxed, self._relaxed.columns
        lost = columns.each(np.maximum(self._best, 0)) - relaxed.profit
        return self._ways(np.flatnonzero(lost <= slack), awards)

    def _ways(self, near: Index, awards: Awards) -> dict[str, tuple[Option, ...]]:
        """The options of these columns, and those held."""
        columns = self._relaxed.columns
        kept: dict[int, set[tuple[int, int]]] = {}
        for column in near.tolist():
            ways = kept.setdefault(int(columns.request[column]), set())
            ways.add((int(columns.wish[column]), int(columns.start[column])))
        open_: dict[str, tuple[Option, ...]] = {}
        for number, request in enumerate(self._round.requests):
            award, ways = awards.get(request.application), kept.get(number, set())
            if award is not None or ways:
                open_[request.application] = tuple(
                    option
                    for option in self._options.of(request)
                    if (option.number, option.start) in ways or _is(option, award)
                )
        return open_


def _is(option: Option, award: Award | None) -> bool:
    return award is not None and (award.pool, award.start) == (option.offer.pool, option.start)
