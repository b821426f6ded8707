"""The assignment as minimum-cost flows over arrays.

- First, only where limits of reviewers leave too little room: how many reviews each application
  gets, as many as possible in all and the lack spread evenly.
- Then who gives them: loads least uneven, then those who know most, then mixed by the seed. One
  cost holds the three aims: one step of an earlier aim outweighs all of the later ones together.
- A reviewer's next review costs more than the one before. Any growing cost gives the same even
  loads (they are the least majorised vector of an M-convex set: Frank, Murota, "Decreasing
  minimization on M-convex sets", 2018), so the smallest steps are used.
- A greedy assignment bounds the loads, as no even one has a higher peak; so few arcs are needed.
- With many reviewers the most promising pairs are tried first, and the answer is proven over all
  pairs (`exchanges`); where the proof fails all pairs are tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dure.engine.assignment.exchanges import NEVER, is_cheapest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.int64]
    Table = npt.NDArray[np.bool_]

# How finely the seed tells equals apart; fewer where the solver's 64-bit costs would not hold it.
_MIX_STEPS: Final = 256
_RANGE: Final = NEVER

# Pairs an application that are tried first. At 5,000 x 300 x 3 even 30 held the optimum, at a fifth
# of the time (2026-11-22); what they do not hold is seen, and all pairs are tried.
_FEW: Final = 40

_SOURCE, _SINK, _FIRST = 0, 1, 2


class UnableToAssignError(RuntimeError):
    """The solver gave up: the instance is beyond its range of costs."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A row an application, a column a reviewer.

    `open`: the pairs that may be made. `room` is never more than there are applications. `lacks`
    are reviews missing whatever is decided. `mix` is below 2**32.
    """

    needs: Numbers
    lacks: Numbers
    loads: Numbers
    room: Numbers
    open: Table
    points: Numbers
    mix: Numbers


def solve(instance: Instance) -> list[tuple[int, int]]:
    """The pairs to make, as (row, column). Raises UnableToAssignError."""
    import numpy as np  # noqa: PLC0415  # loaded where a plan is made, not where its types are read

    if not instance.open.size:
        return []
    chosen = _greedily(instance)
    if (chosen.sum(axis=1) < instance.needs).any():
        chosen = _as_many_as_possible(instance)
    taken = _best(instance, chosen)
    return [(int(row), int(column)) for row, column in np.argwhere(taken)]


def _greedily(instance: Instance) -> Table:
    """Each application in turn, the choosiest first, takes the least loaded who may review it."""
    import numpy as np  # noqa: PLC0415  # likewise

    loads, room = instance.loads.copy(), instance.room.copy()
    chosen = np.zeros_like(instance.open)
    for row in np.argsort(instance.open.sum(axis=1), kind="stable"):
        columns = np.flatnonzero(instance.open[row] & (room > 0))
        least = columns[np.argsort(loads[columns], kind="stable")[: instance.needs[row]]]
        chosen[row, least] = True
        loads[least] += 1
        room[least] -= 1
    return chosen


def _as_many_as_possible(instance: Instance) -> Table:
    """A flow that fills what limits let it; an application's next missing review costs more."""
    import numpy as np  # noqa: PLC0415  # likewise

    rows, columns = np.nonzero(instance.open)
    arcs = _Arcs(len(instance.needs), len(instance.loads))
    arcs.pairs(rows, columns, np.zeros(len(rows), dtype=np.int64))
    arcs.supply(instance.needs)
    arcs.limits(instance.room)
    arcs.shortfalls(instance.needs, instance.lacks)
    return arcs.solved(instance.needs.sum(), instance.open)


def _best(instance: Instance, feasible: Table) -> Table:
    """The best way to give each application as many reviews as in `feasible`."""
    if not feasible.any():
        return feasible
    prices = _prices(instance, feasible)
    few = instance.open if instance.open.shape[1] <= _FEW else _promising(prices, feasible)
    taken = _cheapest(prices, few)
    if few is not instance.open and not _is_proven(prices, taken):
        taken = _cheapest(prices, instance.open)
    return taken


@dataclass(frozen=True, slots=True)
class _Prices:
    """What each pair costs; a reviewer's n-th review, counted from `floor`, costs n times `step`.

    `needs`: how many reviews each application gets. `most`: how many a reviewer may take.
    """

    instance: Instance
    needs: Numbers
    pairs: Numbers
    most: Numbers
    floor: int
    step: int


def _prices(instance: Instance, feasible: Table) -> _Prices:
    import numpy as np  # noqa: PLC0415  # likewise

    reviews = int(feasible.sum())
    final = instance.loads + feasible.sum(axis=0)
    peak = int(final[feasible.any(axis=0)].max())
    floor = int(instance.loads.min())
    unknown = int(instance.points.max()) - instance.points
    widest = int(unknown.max()) + 1
    steps = _mix_steps(reviews, widest * (peak - floor + 1) * (sum(feasible.shape) + 3))
    off_subject = reviews * steps + 1
    return _Prices(
        instance=instance,
        needs=feasible.sum(axis=1),
        pairs=unknown * off_subject + instance.mix % steps,
        most=np.clip(peak - instance.loads, 0, instance.room),
        floor=floor,
        step=(reviews * (widest - 1) + 1) * off_subject,
    )


def _promising(prices: _Prices, feasible: Table) -> Table:
    """The cheapest pairs of each application, and those that make sure there is an answer."""
    import numpy as np  # noqa: PLC0415  # likewise

    asked = np.where(prices.instance.open, prices.pairs, NEVER)
    some = feasible.copy()
    np.put_along_axis(some, np.argpartition(asked, _FEW, axis=1)[:, :_FEW], values=True, axis=1)
    return some & prices.instance.open


def _cheapest(prices: _Prices, pairs: Table) -> Table:
    """The cheapest flow over these pairs."""
    import numpy as np  # noqa: PLC0415  # likewise

    rows, columns = np.nonzero(pairs & (prices.needs > 0)[:, None])
    arcs = _Arcs(*pairs.shape)
    arcs.pairs(rows, columns, prices.pairs[rows, columns])
    arcs.supply(prices.needs)
    arcs.levels(prices.instance.loads - prices.floor, prices.most, prices.step)
    return arcs.solved(prices.needs.sum(), pairs)


def _is_proven(prices: _Prices, taken: Table) -> bool:
    import numpy as np  # noqa: PLC0415  # likewise

    given = taken.sum(axis=0)
    next_level = prices.instance.loads + given - prices.floor
    more = np.where(given < prices.most, next_level * prices.step, NEVER)
    ends = more, (next_level - 1) * prices.step
    return is_cheapest(taken, prices.instance.open, prices.pairs, ends)


def _mix_steps(reviews: int, factor: int) -> int:
    """The finest mixing whose costs the solver still holds."""
    steps = _MIX_STEPS
    while steps > 1 and (reviews + 1) ** 2 * steps * factor > _RANGE:
        steps //= 2
    if (reviews + 1) ** 2 * steps * factor > _RANGE:
        msg = f"{reviews} reviews are too many for so few reviewers"
        raise UnableToAssignError(msg)
    return steps


class _Arcs:
    """A flow source -> application -> reviewer -> sink under construction; the pairs come first."""

    def __init__(self, applications: int, reviewers: int) -> None:
        import numpy as np  # noqa: PLC0415  # likewise

        self._application = np.arange(applications) + _FIRST
        self._reviewer = np.arange(reviewers) + _FIRST + applications
        self._parts: list[tuple[Numbers, ...]] = []

    def pairs(self, rows: Numbers, columns: Numbers, costs: Numbers) -> None:
        """A reviewer reviews an application once at most."""
        self._add(self._application[rows], self._reviewer[columns], 1, costs)

    def supply(self, needs: Numbers) -> None:
        self._add(_SOURCE, self._application, needs, 0)

    def limits(self, room: Numbers) -> None:
        self._add(self._reviewer, _SINK, room, 0)

    def shortfalls(self, needs: Numbers, lacks: Numbers) -> None:
        """Reviews that are not given; they end at the sink without a reviewer."""
        import numpy as np  # noqa: PLC0415  # likewise

        owners, nth = _each(needs)
        self._add(self._application[owners], _SINK, 1, np.asarray(lacks[owners] + nth + 1))

    def levels(self, loads: Numbers, most: Numbers, step: int) -> None:
        """An arc for each review that a reviewer may take, each dearer than the one before."""
        owners, nth = _each(most)
        self._add(self._reviewer[owners], _SINK, 1, (loads[owners] + nth) * step)

    def solved(self, reviews: int, shape: Table) -> Table:
        """The pairs that the cheapest flow uses."""
        import numpy as np  # noqa: PLC0415  # likewise
        from ortools.graph.python import min_cost_flow  # noqa: PLC0415  # likewise

        tails, heads, capacities, costs = (
            np.concatenate(column) for column in zip(*self._parts, strict=True)
        )
        flow = min_cost_flow.SimpleMinCostFlow()
        flow.add_arcs_with_capacity_and_unit_cost(tails, heads, capacities, costs)
        flow.set_node_supply(_SOURCE, int(reviews))
        flow.set_node_supply(_SINK, -int(reviews))
        status = flow.solve()
        if status != flow.OPTIMAL:
            msg = f"{shape.shape[0]} applications, {shape.shape[1]} reviewers: {status}"
            raise UnableToAssignError(msg)
        pairs = len(self._parts[0][0])
        used = np.flatnonzero(flow.flows(np.arange(pairs)))
        chosen = np.zeros_like(shape)
        chosen[tails[used] - _FIRST, heads[used] - self._reviewer[0]] = True
        return chosen

    def _add(self, *columns: Numbers | int) -> None:
        import numpy as np  # noqa: PLC0415  # likewise

        wide = np.broadcast_arrays(*columns)
        self._parts.append(tuple(np.asarray(part, dtype=np.int64) for part in wide))


def _each(counts: Numbers) -> tuple[Numbers, Numbers]:
    """Every index as often as its count says, and which time it is, from 0."""
    import numpy as np  # noqa: PLC0415  # likewise

    counts = np.maximum(counts, 0)
    owners = np.repeat(np.arange(len(counts)), counts)
    firsts = np.cumsum(counts) - counts
    return owners, np.arange(len(owners)) - firsts[owners]
