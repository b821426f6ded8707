"""Rules of rank as rows of the relaxation: how much of one may be served before another is.

- Where no cap and no floor could excuse it, the part of a worse-placed request that is served in
  ways that would do for a better-placed one is no more than the part of that one that is served;
  times the parts it can be divided into, where it can be reduced.
- There are millions of such pairs and hardly any matters, so they are looked for in an optimum: for
  each request that breaks one, the pair broken most and the nearest one.
- It looks at arrays, a part of those who wait at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dure.engine.allocation.columns import Columns, Index
from dure.engine.allocation.limits import Limit, Round
from dure.engine.allocation.prices import Numbers

BROKEN: Final = 0.01
"""A part by which a rule must be broken to be worth a row."""

TOGETHER: Final = 1_000
"""Those who wait that are compared with all who are served at once: some tens of megabytes."""

Pair = tuple[int, int]
"""The requests' numbers: the better-placed one, the worse-placed one."""

Parts = npt.NDArray[np.float32]
Truth = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class OrderRow:
    """The columns `behind` may together not exceed the columns `ahead`, each so many times."""

    ahead: Index
    times: Index
    behind: Index


class PassedOver:
    """The rules of rank among the columns of one round."""

    def __init__(self, round_: Round, columns: Columns) -> None:
        self._columns = columns
        requests = [round_.requests[n] for n in columns.request[columns.first].tolist()]
        classes = {(r.track, r.size_class): n for n, r in enumerate(requests)}

        def each(values: Iterator[int]) -> Index:
            return columns.each(np.fromiter(values, dtype=np.int64, count=len(requests)))

        self._class = each(classes[r.track, r.size_class] for r in requests)
        self._earliest = each(r.earliest for r in requests)
        self._latest = each(r.latest for r in requests)
        self._blocks = each(r.contiguity == "blocks" for r in requests)
        self._months = columns.end - columns.start
        self._free_until = round_.free_until[columns.end]
        wishes = zip(columns.request.tolist(), columns.wish.tolist(), strict=True)
        self._minimum = np.fromiter(
            (round_.requests[n].wishes[w].minimum for n, w in wishes),
            dtype=np.int64,
            count=len(columns.request),
        )
        self._times = -(-columns.servers // self._minimum)
        self._unexcused = _unexcused(columns.bounds, round_.limits)
        changes = np.diff(columns.request, prepend=-1) | np.diff(columns.wish, prepend=-1)
        self._wish_first = np.flatnonzero(changes)

    def row(self, pair: Pair) -> OrderRow:
        """The rule for a pair."""
        ahead, behind = (self._columns_of(number) for number in pair)
        would_do = self._would_do(ahead, behind).any(axis=0)
        return OrderRow(ahead, self._times[ahead], behind[would_do])

    def broken(self, share: Numbers) -> list[Pair]:
        """Pairs whose rule these shares break."""
        columns = self._columns
        served = np.zeros(int(columns.request[-1]) + 1) if len(share) else np.zeros(0)
        np.add.at(served, columns.request, share * self._times)
        waits = self._wish_first[served[columns.request[self._wish_first]] < 1 - BROKEN]
        holds = np.flatnonzero(share > 0)
        found: set[Pair] = set()
        for number in np.unique(self._class[holds]).tolist():
            behind = holds[self._class[holds] == number]
            ahead = waits[self._class[waits] == number]
            found |= set(self._pairs(ahead, behind, share, served))
        return sorted(found)

    def _pairs(self, ahead: Index, behind: Index, share: Numbers, served: Numbers) -> list[Pair]:
        """For each behind, the nearest ahead that is passed over and the one most passed over."""
        columns = self._columns
        groups = np.flatnonzero(np.diff(columns.request[behind], prepend=-1))
        names = columns.request[behind][groups]
        most, nearest = np.full((2, len(names)), -1, dtype=np.int64)
        by_how_much = np.full(len(names), BROKEN)
        for part in np.array_split(ahead, 1 + len(ahead) // TOGETHER):
            if not len(part):
                continue
            waiting, taken = self._taken(part, behind, share)
            excess = np.add.reduceat(taken, groups, axis=1)
            excess -= served[waiting].astype(np.float32)[:, None]
            row = excess.argmax(axis=0)
            worst = excess[row, np.arange(len(names))]
            better = worst > by_how_much
            most[better], by_how_much[better] = waiting[row[better]], worst[better]
            last = len(waiting) - 1 - (excess > BROKEN)[::-1].argmax(axis=0)
            here = worst > BROKEN
            nearest[here] = waiting[last[here]]
        pairs = [*zip(most.tolist(), names.tolist(), strict=True)]
        pairs += zip(nearest.tolist(), names.tolist(), strict=True)
        return [pair for pair in pairs if pair[0] >= 0]

    def _taken(self, ahead: Index, behind: Index, share: Numbers) -> tuple[Index, Parts]:
        """The requests ahead, and by them and the columns behind, how much would do for them."""
        columns = self._columns
        waiting, row = np.unique(columns.request[ahead], return_inverse=True)
        taken = np.zeros((len(waiting), len(behind)), dtype=np.float32)
        for model in np.unique(columns.model[ahead]).tolist():
            a = np.flatnonzero(columns.model[ahead] == model)
            b = np.flatnonzero(columns.model[behind] == model)
            would_do = self._would_do(ahead[a], behind[b])
            taken[np.ix_(row[a], b)] = would_do * share[behind[b]].astype(np.float32)
        return waiting, taken

    def _would_do(self, ahead: Index, behind: Index) -> Truth:
        """By ahead and behind: whether what the one holds would do for the other, unexcused."""
        columns = self._columns
        a, b = ahead[:, None], behind[None, :]
        found = columns.model[a] == columns.model[b]
        found &= columns.request[a] < columns.request[b]
        found &= self._minimum[a] <= self._minimum[b]
        found &= self._blocks[a] <= self._blocks[b]
        first = np.maximum(self._earliest[a], columns.start[b])
        last = np.minimum(self._latest[a], self._free_until[b] - self._months[a])
        found &= first <= last
        found &= self._unexcused[columns.bound[a], columns.bound[b]]
        return np.asarray(found, dtype=np.bool_)

    def _columns_of(self, number: int) -> Index:
        span = np.searchsorted(self._columns.request, [number, number + 1])
        return np.arange(*span.tolist(), dtype=np.int64)


def _unexcused(
    bounds: tuple[tuple[str, tuple[Limit, ...]], ...], limits: tuple[Limit, ...]
) -> Truth:
    """By ahead's and behind's limits: no cap is ahead's alone, and no floor behind's alone."""
    capped = np.zeros((len(bounds), len(limits)), dtype=np.float32)
    floored = np.zeros_like(capped)
    for row, (_, bound) in enumerate(bounds):
        for limit in bound:
            capped[row, limit.index] = limit.room is not None
            floored[row, limit.index] = limit.least is not None
    alone = capped @ (1 - capped).T + ((1 - floored) @ floored.T)
    return np.asarray(alone == 0, dtype=np.bool_)
