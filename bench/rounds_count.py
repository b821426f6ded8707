"""What a round's awards come to: counted from the facts, for every way of deciding alike.

- Broken bounds: pool-months, block-months and unit-months over their limit, and floors missed.
- A justified complaint is an application left out while a worse-ranked one of its track and size
  class holds servers that would have done for it, and no bound excuses it: (i) a cap on the one
  left out and not on the holder has too little room left, (ii) a floor counts the holder and not
  the one left out, and would be missed without the holder.
- Complaints are found with one vector over the holders for each application, pool and start.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
from bench.rounds_data import Award, Awards, Facts, Unit

from dure.engine.allocation.facts import PoolOffer, Request, Wish

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Count:
    """`score` is the sum over those served; `idle` is a share of the server-months offered."""

    merit: int
    served: int
    score: float
    servers: int
    idle_pct: float
    complaints: int
    broken: int


def count(facts: Facts, awards: Awards) -> Count:
    held = [(r, awards[r.application]) for r in facts.ranked if r.application in awards]
    taken = _Taken(facts, held)
    offered = sum(sum(o.servers) for o in facts.snapshot.offers)
    used = sum(award.servers * r.months for r, award in held)
    return Count(
        merit=sum(a.servers * r.merit(facts.wish(r, a.pool)) for r, a in held),
        served=len(held),
        score=float(sum(r.score for r, _ in held)),
        servers=sum(a.servers for _, a in held),
        idle_pct=100 * (offered - used) / offered,
        complaints=sum(
            _wronged(facts, taken, held, [r for r in members if r.application not in awards])
            for members in _classes(facts)
        ),
        broken=taken.broken(),
    )


class _Taken:
    """Server-months taken of pools, blocks and units."""

    def __init__(self, facts: Facts, held: list[tuple[Request, Award]]) -> None:
        months = facts.snapshot.months
        self.facts = facts
        self.pools = {p: np.array(o.servers) for p, o in facts.offers.items()}
        self.blocks = {
            p: np.array([o.whole_blocks(m) for m in range(months)]) for p, o in facts.offers.items()
        }
        self.room = {u: np.array(room) for u, room in facts.room.items()}
        self.total: defaultdict[Unit, int] = defaultdict(int)
        for request, award in held:
            self._take(request, award, facts.offers[award.pool])

    def _take(self, request: Request, award: Award, offer: PoolOffer) -> None:
        when = slice(award.start, award.start + request.months)
        self.pools[award.pool][when] -= award.servers
        if request.contiguity == "blocks":
            self.blocks[award.pool][when] -= -(-award.servers // offer.block_servers)
        for unit in self.facts.caps(request, offer.model):
            self.room[unit][when] -= award.servers
        for unit in self.facts.floors(request, offer.model):
            self.total[unit] += award.servers * request.months

    def broken(self) -> int:
        bounds = (*self.pools.values(), *self.blocks.values(), *self.room.values())
        missed = sum(self.total[u] < least for u, least in self.facts.least.items())
        return int(sum((left < 0).sum() for left in bounds)) + missed

    def full(self, request: Request, wish: Wish, start: int) -> set[Unit]:
        when = slice(start, start + request.months)
        caps = self.facts.caps(request, wish.model)
        return {u for u in caps if int(self.room[u][when].min()) < wish.minimum}


def _classes(facts: Facts) -> Iterator[list[Request]]:
    by_class = sorted(facts.ranked, key=lambda r: (r.track, r.size_class, r.rank))
    for _, members in groupby(by_class, key=lambda r: (r.track, r.size_class)):
        yield list(members)


def _wronged(
    facts: Facts, taken: _Taken, held: list[tuple[Request, Award]], waiting: list[Request]
) -> int:
    """How many of one class have a justified complaint."""
    if not waiting:
        return 0
    own = waiting[0].track, waiting[0].size_class
    holders = [(r, a) for r, a in held if (r.track, r.size_class) == own]
    by_pool: dict[str, _Holders] = {
        pool: _Holders(facts, taken, [(r, a) for r, a in holders if a.pool == pool])
        for pool in {a.pool for _, a in holders}
    }
    return sum(
        any(
            by_pool[offer.pool].envied(request, wish, offer)
            for wish, offer in facts.choices(request)
            if offer.pool in by_pool
        )
        for request in waiting
    )


class _Holders:
    """Those of one class who hold servers of one pool, a number or a flag for each."""

    def __init__(self, facts: Facts, taken: _Taken, held: list[tuple[Request, Award]]) -> None:
        self.facts, self.taken = facts, taken
        self.model = facts.offers[held[0][1].pool].model
        minimum = [facts.wish(r, a.pool).minimum for r, a in held]
        self.rank = np.array([r.rank for r, _ in held])
        self.minimum = np.array(minimum)
        self.start = np.array([a.start for _, a in held])
        self.end = np.array([a.start + r.months for r, a in held])
        self.whole = np.array([r.contiguity == "blocks" for r, _ in held])
        self.capped = self._by_unit([facts.caps(r, self.model) for r, _ in held])
        counted = self._by_unit([facts.floors(r, self.model) for r, _ in held])
        self.needed = {
            u: who & (taken.total[u] - self.minimum * (self.end - self.start) < facts.least[u])
            for u, who in counted.items()
        }

    def _by_unit(self, units: list[frozenset[Unit]]) -> dict[Unit, Flags]:
        return {u: np.array([u in own for own in units]) for u in frozenset().union(*units)}

    def envied(self, request: Request, wish: Wish, offer: PoolOffer) -> bool:
        """Whether one of them holds what would do for the request, and nothing excuses it."""
        rivals = (self.rank > request.rank) & (self.minimum >= wish.minimum)
        if request.contiguity == "blocks":
            size = offer.block_servers
            rivals &= self.whole & (-(-self.minimum // size) >= -(-wish.minimum // size))
        for unit, needed in self.needed.items():
            if unit not in self.facts.floors(request, wish.model):
                rivals &= ~needed
        return bool(rivals.any()) and any(
            self._unexcused(request, wish, start, rivals).any()
            for start in range(request.earliest, request.latest + 1)
        )

    def _unexcused(self, request: Request, wish: Wish, start: int, rivals: Flags) -> Flags:
        """Those who hold it for all the request's months from this start, under the same caps."""
        found: Flags = rivals & (self.start <= start) & (start + request.months <= self.end)
        if found.any():
            for unit in self.taken.full(request, wish, start):
                found = found & self.capped.get(unit, np.zeros_like(found))
        return found
