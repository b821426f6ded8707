"""Who of the same class holds servers that another one could have used.

- One table for each class and model: those who hold servers of it, the best place first.
- An award would do for a request if a term of the request lies inside its months and those that
  stay free after it, the request's minimum is no larger than the minimum it was asked with, and the
  blocks suffice: rule of rank.
- The tables are arrays: thousands who wait are each held against hundreds who are served.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from dure.engine.allocation.facts import Request, Wish
from dure.engine.allocation.limits import Award, Awards, Limit, Round, Whole, blocks_for

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Holder:
    """A served request, what it holds and the wish that this answers."""

    request: Request
    award: Award
    wish: Wish
    place: int


@dataclass(frozen=True, eq=False)
class Served:
    """The holders of one class and model, one element each in every array."""

    model: str
    holders: tuple[Holder, ...]
    place: Whole
    start: Whole
    end: Whole
    free_until: Whole
    servers: Whole
    minimum: Whole
    blocks: Whole
    block_servers: Whole
    _members: dict[int, Mask] = field(default_factory=dict)
    _spared: dict[int, Mask] = field(default_factory=dict)

    def overlapping(self, request: Request) -> Mask:
        """Who holds servers in a month that the request could run in."""
        end = request.latest + request.months
        return (self.start < end) & (self.end > request.earliest)

    def would_do(self, request: Request, wish: Wish) -> Mask:
        """Whose servers would do for the request, limits aside."""
        first = np.maximum(self.start, request.earliest)
        last = np.minimum(self.free_until - request.months, request.latest)
        found: Mask = (first <= last) & (wish.minimum <= self.minimum)
        if request.contiguity == "blocks":
            needed = -(-wish.minimum // self.block_servers)
            found &= (self.blocks > 0) & (needed <= self.blocks)
        return found

    def members(self, limit: Limit, round_: Round) -> Mask:
        """Who is under the limit."""
        if limit.index not in self._members:
            found = [limit in round_.bound(h.request, self.model) for h in self.holders]
            self._members[limit.index] = np.array(found, dtype=np.bool_)
        return self._members[limit.index]

    def spared(self, floor: Limit, reached: int, round_: Round) -> Mask:
        """Without whom the floor would still be reached, nobody coming in their place."""
        if floor.index not in self._spared:
            kept = reached - self.servers * (self.end - self.start) >= (floor.least or 0)
            self._spared[floor.index] = ~self.members(floor, round_) | kept
        return self._spared[floor.index]


class Rivals:
    """The tables of one finished plan, and what its floors have reached."""

    def __init__(self, round_: Round, awards: Awards) -> None:
        self._round = round_
        self._tables: dict[tuple[str, str, str], Served] = {}
        self._by_score: dict[str, Served | None] = {}
        self.reached: dict[int, int] = {x.index: 0 for x in round_.limits if x.least is not None}
        found: dict[tuple[str, str, str], list[Holder]] = {}
        for request in round_.requests:
            award = awards.get(request.application)
            if award is not None:
                holder = self._holder(request, award)
                found.setdefault((*_class(request), holder.wish.model), []).append(holder)
        for key, holders in found.items():
            self._tables[key] = self._table(key[2], tuple(holders))

    def of(self, request: Request, model: str) -> Served | None:
        """Those of the request's class who hold servers of the model."""
        return self._tables.get((*_class(request), model))

    def lowest_score(self, request: Request, model: str) -> Fraction | None:
        """Of any class who hold servers of the model in months the request could run in."""
        if model not in self._by_score:
            holders = [
                h for table in self._tables.values() if table.model == model for h in table.holders
            ]
            holders.sort(key=lambda h: (h.request.score, h.place))
            self._by_score[model] = self._table(model, tuple(holders)) if holders else None
        served = self._by_score[model]
        if served is None:
            return None
        here = np.flatnonzero(served.overlapping(request))
        return served.holders[here[0]].request.score if here.size else None

    def span(self, request: Request, holder: Holder) -> range:
        """The starts at which it would stand in the holder's months and what stays free after."""
        free_until = int(self._round.free_until[holder.award.start + holder.request.months])
        first = max(request.earliest, holder.award.start)
        return range(first, min(request.latest, free_until - request.months) + 1)

    def _holder(self, request: Request, award: Award) -> Holder:
        model = self._round.offers[award.pool].model
        wish = next(w for w in request.wishes if w.model == model)
        for limit in self._round.bound(request, model):
            if limit.least is not None:
                self.reached[limit.index] += award.servers * request.months
        return Holder(request, award, wish, self._round.place[request.application])

    def _table(self, model: str, holders: tuple[Holder, ...]) -> Served:
        rows = [self._row(holder) for holder in holders]
        columns = np.array(rows, dtype=np.int64).T
        return Served(model, holders, *columns)

    def _row(self, holder: Holder) -> tuple[int, ...]:
        request, award, offer = holder.request, holder.award, self._round.offers[holder.award.pool]
        blocks = blocks_for(holder.wish.minimum, offer) if request.contiguity == "blocks" else 0
        return (
            holder.place,
            award.start,
            award.start + request.months,
            int(self._round.free_until[award.start + request.months]),
            award.servers,
            holder.wish.minimum,
            blocks,
            offer.block_servers,
        )


def _class(request: Request) -> tuple[str, str]:
    return request.track, request.size_class
