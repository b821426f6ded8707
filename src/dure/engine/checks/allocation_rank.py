"""Rank, and nothing left out: who of those waiting has cause to complain.

- Only requests of one track and size class compare; one before the other by place.
- Who waits complains of a worse-placed holder if its own minimum, for its own months, would stand
  in what the holder's minimum takes there. Later months count with the holder's up to the next in
  which any request could start, a pool or a block has fewer servers, or more is held from before.
- It does not if a cap that binds it and not the holder has no room for it in those months, or if a
  floor that counts the holder and not it would be missed without the holder's minimum.
- Nothing that fits is left out: nobody who waits could be served at the minimum, and nobody
  reduced given one server more, with every rule still kept. (More for one can end the second
  excuse of another, which then breaks rank; such a gift is not owed.)
- Whole blocks fit where enough are free in all the months, with the others standing as they do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from dure.engine.allocation.facts import PoolOffer, Request, RoundPolicy, RoundSnapshot, Wish
from dure.engine.checks.allocation_use import Served, Use, Whole
from dure.engine.placement import BlockShare
from dure.vocabulary.plans import Violation

Truth = npt.NDArray[np.bool_]


def places(snapshot: RoundSnapshot, policy: RoundPolicy, seed: str) -> dict[str, int]:
    """Application -> its place in the round, from 1."""

    def key(request: Request) -> tuple[int, str, str]:
        if policy.policy != "lottery":
            return request.rank, "", ""
        reached = (n for n, least in enumerate(policy.lottery_bands) if least <= request.score)
        band = next(reached, len(policy.lottery_bands))
        drawn = sha256(f"{seed}:{request.application}".encode()).hexdigest()
        return band, drawn, request.application

    order = sorted(snapshot.requests, key=key)
    return {request.application: place for place, request in enumerate(order, start=1)}


@dataclass(frozen=True)
class State:
    """A round and a set of awards in it."""

    snapshot: RoundSnapshot
    policy: RoundPolicy
    place: Mapping[str, int]
    served: Mapping[str, Served]
    shares: Mapping[str, tuple[BlockShare, ...]]

    @cached_property
    def use(self) -> Use:
        return Use(self.snapshot, self.policy, tuple(self.served.values()))

    @property
    def ranked(self) -> bool:
        return self.policy.policy != "score-weighted"

    @property
    def floors(self) -> bool:
        return any(group.least for group in self.policy.groups)

    @cached_property
    def waiting(self) -> tuple[Request, ...]:
        """Who gets nothing, the best place first."""
        idle = (r for r in self.snapshot.requests if r.application not in self.served)
        return tuple(sorted(idle, key=lambda r: self.place[r.application]))

    @cached_property
    def promised(self) -> dict[str, list[list[tuple[int, int]]]]:
        """By pool and block, the months that whole-block awards hold it, as (first, end)."""
        found: dict[str, list[list[tuple[int, int]]]] = {
            o.pool: [[] for _ in o.blocks] for o in self.snapshot.offers
        }
        for name, award in self.served.items():
            pool = found[award.offer.pool]
            for share in self.shares.get(name, ()):
                if award.blocks and 0 <= share.block < len(pool):
                    pool[share.block].append((award.start, award.end))
        return found

    def whole_blocks(self, offer: PoolOffer, start: int, end: int) -> int:
        """Blocks that are wholly free, and promised to nobody, in all these months."""
        return sum(
            min(free[start:end]) == offer.block_servers
            and all(end <= first or last <= start for first, last in promised)
            for free, promised in zip(offer.blocks, self.promised[offer.pool], strict=True)
        )

    @cached_property
    def _closing(self) -> set[int]:
        """The months in which something may be taken that was free the month before."""
        found: set[int] = {self.snapshot.months}
        for month in range(1, self.snapshot.months):
            starts = any(r.earliest <= month <= r.latest for r in self.snapshot.requests)
            shrinks = any(
                supply[month] < supply[month - 1]
                for offer in self.snapshot.offers
                for supply in (offer.servers, *offer.blocks)
            )
            grows = any(h.servers[month] > h.servers[month - 1] for h in self.snapshot.held)
            if starts or shrinks or grows:
                found.add(month)
        return found

    def free_until(self, award: Served) -> int:
        """The month up to which an award's servers would be free if it were not there."""
        return min(month for month in self._closing if month >= award.end)

    def with_award(self, award: Served) -> State:
        return replace(self, served={**self.served, award.request.application: award})


@dataclass(frozen=True, eq=False)
class _Holders:
    """The awards of one class and model, the best place first; an entry or row for each."""

    awards: tuple[Served, ...]
    place: Whole
    row: Whole
    minimum: Whole
    blocks: Whole
    start: Whole
    free_until: Whole
    units: Whole
    needed: Truth  # by group: its floor would be missed without the holder's minimum

    def rest(self, ahead_of: int) -> _Holders:
        """Those with a worse place than this."""
        first = int(np.searchsorted(self.place, ahead_of, side="right"))
        arrays = {name: value[first:] for name, value in vars(self).items()}
        return _Holders(**arrays)


def _holders(state: State, awards: Sequence[Served]) -> _Holders:
    def column(values: Iterator[int]) -> Whole:
        return np.fromiter(values, dtype=np.int64, count=len(awards))

    units = np.array([state.use.units.of(a.request, a.offer.model) for a in awards])
    minimum = column(a.wish.minimum for a in awards)
    least = np.array([g.least or 0 for g in state.use.units.groups], dtype=np.int64)
    paid = minimum * column(a.request.months for a in awards)
    missed = state.use.totals[None, :] - paid[:, None] < least[None, :]
    return _Holders(
        awards=tuple(awards),
        place=column(state.place[a.request.application] for a in awards),
        row=column(state.use.row(a.offer) for a in awards),
        minimum=minimum,
        blocks=column(a.blocks_of(a.wish.minimum) for a in awards),
        start=column(a.start for a in awards),
        free_until=column(state.free_until(a) for a in awards),
        units=units,
        needed=(units >= 0) & missed,
    )


def complaints(state: State) -> Iterator[tuple[Request, Served]]:
    """Who waits with cause, and one holder that it complains of."""
    if not state.ranked:
        return
    found: dict[tuple[str, str, str], list[Served]] = {}
    for award in sorted(state.served.values(), key=lambda a: state.place[a.request.application]):
        found.setdefault((*_class(award.request), award.offer.model), []).append(award)
    holders = {key: _holders(state, awards) for key, awards in found.items()}
    for request in state.waiting:
        for wish in request.wishes:
            near = holders.get((*_class(request), wish.model))
            held = None if near is None else _complaint(state, near, request, wish)
            if held is not None:
                yield request, held
                break


def _class(request: Request) -> tuple[str, str]:
    return request.track, request.size_class


def _complaint(state: State, holders: _Holders, request: Request, wish: Wish) -> Served | None:
    behind = holders.rest(state.place[request.application])
    first = np.maximum(request.earliest, behind.start)
    last = np.minimum(request.latest, behind.free_until - request.months)
    open_ = (behind.minimum >= wish.minimum) & (first <= last)
    if request.contiguity == "blocks":
        size = state.use.block_servers[behind.row]
        open_ &= (behind.blocks > 0) & (behind.blocks >= -(-wish.minimum // size))
    if not open_.any():
        return None
    units = state.use.units.of(request, wish.model)
    open_ &= ~(behind.needed & (units < 0)).any(axis=1)
    rows = np.flatnonzero(open_)
    rows = rows[_in_time(state, behind, rows, request, wish)]
    return behind.awards[int(rows[0])] if rows.size else None


def _in_time(state: State, behind: _Holders, rows: Whole, request: Request, wish: Wish) -> Truth:
    """By holder: can a start within its months be had, with no cap of its own full."""
    when = slice(request.earliest, request.latest + 1)
    starts = np.arange(request.earliest, request.latest + 1)
    can = np.ones((len(rows), len(starts)), dtype=np.bool_)
    can &= starts >= behind.start[rows, None]
    can &= starts + request.months <= behind.free_until[rows, None]
    most = state.use.window(request.months).most
    for group, unit in enumerate(state.use.units.of(request, wish.model)):
        roomy = most[unit, when] >= wish.minimum
        if unit >= 0 and not roomy.all():
            can &= roomy | (behind.units[rows, group] == unit)[:, None]
    return np.asarray(can.any(axis=1), dtype=np.bool_)


def left_out(state: State) -> Iterator[Violation]:
    """Who could be served, or given more, with every rule still kept."""
    for request in state.waiting:
        for wish in request.wishes:
            offer = next(_additions(state, request, wish), None)
            if offer is not None:
                detail = f"{request.application} waits but {offer.pool} has room for it"
                yield Violation(rule="unserved_but_fits", detail=detail)
                break
    for award in state.served.values():
        if award.servers < award.wish.servers and _could_grow(state, award):
            detail = f"{award.request.application} could hold more of {award.offer.pool}"
            yield Violation(rule="reduced_but_fits", detail=detail)


def _additions(state: State, request: Request, wish: Wish) -> Iterator[PoolOffer]:
    """The pools where it could be served at its minimum."""
    for offer, start in _fitting(state.use, request, wish):
        end = start + request.months
        award = Served(
            request=request,
            wish=wish,
            offer=offer,
            servers=wish.minimum,
            start=start,
            end=end,
        )
        if award.blocks <= state.whole_blocks(offer, start, end) and _harmless(state, award):
            yield offer


def _fitting(use: Use, request: Request, wish: Wish) -> Iterator[tuple[PoolOffer, int]]:
    """Pools and starts with room for the minimum."""
    when = slice(request.earliest, request.latest + 1)
    window = use.window(request.months)
    rows = use.rows(wish.model)
    fits = window.servers[rows, when] >= wish.minimum
    if request.contiguity == "blocks":
        needed = -(-wish.minimum // use.block_servers[rows])
        fits &= window.blocks[rows, when] >= needed[:, None]
    if not fits.any():
        return
    units = use.units.of(request, wish.model)
    fits &= (window.most[units[units >= 0], when] >= wish.minimum).all(axis=0)
    for row, start in np.argwhere(fits):
        yield use.offers[rows[row]], request.earliest + int(start)


def _could_grow(state: State, award: Served) -> bool:
    use, window = state.use, state.use.window(award.end - award.start)
    row, start = use.row(award.offer), award.start
    units = use.units.of(award.request, award.offer.model)
    more = award.blocks_of(award.servers + 1) - award.blocks
    return bool(
        window.servers[row, start] >= 1
        and (more == 0 or window.blocks[row, start] >= more)
        and more <= state.whole_blocks(award.offer, start, award.end)
        and (window.most[units[units >= 0], start] >= 1).all()
        and _harmless(state, replace(award, servers=award.servers + 1))
    )


def _harmless(state: State, award: Served) -> bool:
    """Whether nobody has cause to complain once `award` is made too.

    Only a floor's total can do harm: where there is none, who fits best of those that fit harms
    nobody, so the plan is at fault whoever is named.
    """
    if not (state.ranked and state.floors):
        return True
    return next(complaints(state.with_award(award)), None) is None
