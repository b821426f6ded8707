"""What capacity is worth, and a merit that no plan can exceed: the linear relaxation.

- Parts of servers are allowed and pools of one model count as one; of the rules of rank only those
  stand that nothing could excuse. So its optimum is no less than the merit of any plan.
- The bound is computed anew in whole numbers from rounded prices (weak duality holds for any
  prices), so the solver's floating point decides nothing about it.
- Few of the ways to serve a request matter: the first prices come from a part of the requests with
  that part of the capacity; then come the ways that could pay, and others until none is missing.
- A cap enters when it is exceeded, a rule of rank when it is broken; floors stand from the
  beginning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dure.engine.allocation.columns import Columns, Index, columns_of
from dure.engine.allocation.limits import Limit, Round
from dure.engine.allocation.passed_over import OrderRow, Pair, PassedOver
from dure.engine.allocation.prices import Numbers, Prices
from dure.engine.allocation.program import Floor, Optimum, Resource, optimum

CLOSE: Final = 0.01
"""Ways within this part of what they bring of paying for themselves, and of their request's best,
are in the program: with it two rounds suffice for 20,000 requests over 24 months."""

SAMPLED: Final = 2_000
"""About so many requests give the first prices."""

ENOUGH: Final = 1e-5
"""A bound that leaves less than this part open is not worth another round."""

LITTLE: Final = 5e-4
"""Of many ways, rules of rank that lower the bound by less than this part are not worth seconds."""

MANY: Final = 10_000
"""Ways from which on that counts."""

ROUNDS: Final = 20
"""How often ways, caps and rules are taken in; the bound holds at whatever prices it stops."""


@dataclass(frozen=True, eq=False)
class Relaxation:
    """`bound`: no plan has more merit. `share`: how much of each column the optimum takes.

    `profit`: what each column brings less the price of what it uses.
    """

    bound: int
    prices: Prices
    columns: Columns
    share: Numbers
    profit: Index


class NothingMeetsFloors(Exception):
    """Not even with parts of servers can the floors be met."""


def relax(round_: Round) -> Relaxation:
    """The relaxation's optimum, or nearly. Raises NothingMeetsFloors."""
    return _Search(round_, columns_of(round_)).run()


class _Search:
    """`resources` are the models, their whole blocks where asked for, and the caps so far."""

    def __init__(self, round_: Round, columns: Columns) -> None:
        self._round = round_
        self._columns = columns
        self._caps: list[Limit] = []
        self._ranked = PassedOver(round_, columns) if round_.ranked else None
        self._order: dict[Pair, OrderRow] = {}
        self._resources = list(self._supply())
        self._limits = [x for x in round_.limits if x.least is not None]
        self._floors = [
            Floor(limit.least or 0, self._under(limit) * (columns.end - columns.start))
            for limit in self._limits
        ]

    def _supply(self) -> Iterator[Resource]:
        columns, by_model = self._columns, self._round.by_model
        for number, model in enumerate(columns.models):
            here = columns.model == number
            servers = np.sum([offer.servers for offer in by_model[model]], axis=0)
            yield Resource(np.asarray(servers, dtype=np.int64), columns.servers * here)
            months = range(self._round.snapshot.months)
            blocks = [sum(offer.whole_blocks(m) for offer in by_model[model]) for m in months]
            yield Resource(np.array(blocks, dtype=np.int64), columns.blocks * here)

    def _under(self, limit: Limit) -> Index:
        """The servers of each column that count under the limit."""
        member = np.array([limit in bound for _, bound in self._columns.bounds], dtype=np.bool_)
        return self._columns.servers * member[self._columns.bound]

    def run(self) -> Relaxation:
        columns = self._columns
        active = self._first_columns()
        best: Relaxation | None = None
        bounds: list[int] = []
        for _ in range(ROUNDS):
            found = self._optimum(active, 1.0)
            relaxed = self._relaxation(found)
            if self._order:
                bounds.append(relaxed.bound)
            if best is None or relaxed.bound <= best.bound:
                best = relaxed
            exceeded = self._exceeded(found.share)
            broken = [] if exceeded else self._broken(found.share)
            missing = np.setdiff1d(self._near(relaxed.profit), active)
            reached = float(columns.worth @ found.share)
            stands = not exceeded and (not broken or self._slow(active, bounds))
            if stands and (not len(missing) or reached >= relaxed.bound * (1 - ENOUGH)):
                break
            self._take_in(exceeded, broken)
            ahead = [self._order[pair].ahead for pair in broken]
            active = np.unique(np.concatenate([active, missing, *ahead]))
        if best is None:
            raise NothingMeetsFloors
        return best

    def _slow(self, active: Index, bounds: Sequence[int]) -> bool:
        """Whether there are many ways and the last rules of rank have gained little."""
        if len(active) < MANY or not bounds[:-1]:
            return False
        before, now = bounds[-2:]
        return before - now < now * LITTLE

    def _first_columns(self) -> Index:
        """All columns; of many, those near to paying at the prices of a part of the requests."""
        columns = self._columns
        step = len(columns.first) // SAMPLED
        if step <= 1:
            return np.arange(len(columns.request))
        part = np.flatnonzero(columns.request % step == 0)
        found = self._optimum(part, 1 / step)
        near = self._near(self._relaxation(found).profit)
        counted = np.flatnonzero(np.sum([f.amount for f in self._floors], axis=0))
        return np.union1d(near, counted[:: max(1, step)]) if len(counted) else near

    def _near(self, profit: Index) -> Index:
        """Columns that nearly pay, and nearly as well as their request's best."""
        slack = self._columns.worth * CLOSE
        best = self._columns.each(self._columns.best(profit))
        return np.flatnonzero((profit >= -slack) & (profit >= best - slack))

    def _optimum(self, active: Index, part: float) -> Optimum:
        found = optimum(
            self._columns,
            active,
            self._resources,
            self._floors,
            tuple(self._order.values()),
            months=self._round.snapshot.months,
            fresh=np.array(self._round.fresh),
            part=part,
        )
        if found is None:
            raise NothingMeetsFloors
        return found

    def _exceeded(self, share: Numbers) -> list[Limit]:
        """Caps that the optimum breaks and that are not in the program yet."""
        columns = self._columns
        taken = np.flatnonzero(share > 0)
        months = self._round.snapshot.months
        used = {x: np.zeros(months) for x in self._round.limits if x.room is not None}
        for cap in self._caps:
            del used[cap]
        for column in taken.tolist():
            _, bound = columns.bounds[columns.bound[column]]
            when = slice(columns.start[column], columns.end[column])
            for limit in bound:
                if limit in used:
                    used[limit][when] += columns.servers[column] * share[column]
        return [x for x, much in used.items() if (much > np.array(x.room) + 1e-6).any()]

    def _broken(self, share: Numbers) -> list[Pair]:
        """Rules of rank that the optimum breaks and that are not in the program yet."""
        if self._ranked is None:
            return []
        return [pair for pair in self._ranked.broken(share) if pair not in self._order]

    def _take_in(self, caps: list[Limit], pairs: list[Pair]) -> None:
        self._caps += caps
        for cap in caps:
            self._resources.append(Resource(np.array(cap.room), self._under(cap)))
        if self._ranked is not None:
            self._order |= {pair: self._ranked.row(pair) for pair in pairs}

    def _relaxation(self, found: Optimum) -> Relaxation:
        """Its prices in whole numbers, and what follows from them exactly."""
        columns = self._columns
        prices = np.rint(found.prices).astype(np.int64)
        floors = np.rint(found.floors).astype(np.int64)
        order = np.rint(found.order).astype(np.int64)
        zero = np.zeros((len(prices), 1), dtype=np.int64)
        sums = np.concatenate([zero, np.cumsum(prices, axis=1)], axis=1)
        profit = columns.worth.copy()
        bound = 0
        for resource, price, summed in zip(self._resources, prices, sums, strict=True):
            profit = profit - resource.amount * (summed[columns.end] - summed[columns.start])
            bound += int(resource.capacity @ price)
        for floor, pays in zip(self._floors, floors.tolist(), strict=True):
            profit = profit + floor.amount * pays
            bound -= floor.least * pays
        for row, gain in zip(self._order.values(), order.tolist(), strict=True):
            profit[row.behind] -= gain
            profit[row.ahead] += gain * row.times
        bound += int(np.maximum(columns.best(profit), 0).sum())
        return Relaxation(bound, self._prices(prices, floors), columns, found.share, profit)

    def _prices(self, prices: Index, floors: Index) -> Prices:
        models = self._columns.models
        return Prices(
            round_=self._round,
            models={m: prices[2 * n].astype(float) for n, m in enumerate(models)},
            limits={
                cap: prices[2 * len(models) + n].astype(float) for n, cap in enumerate(self._caps)
            },
            floors={x: float(p) for x, p in zip(self._limits, floors.tolist(), strict=True)},
        )
