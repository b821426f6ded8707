"""The room left: in pools, in their whole blocks, under the bounds on groups.

- A limit is one unit of a group: the group itself, or one organisation or region of it.
- A cap that cannot fill up even if everybody it binds were served whole is left out at once.
- Awarding only ever takes room; nothing here gives room back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil

import numpy as np
import numpy.typing as npt

from dure.engine.allocation.facts import (
    Group,
    Monthly,
    PoolOffer,
    Request,
    RoundPolicy,
    RoundSnapshot,
    Wish,
)
from dure.engine.allocation.fresh import fresh_months, next_fresh
from dure.engine.allocation.matching import holds, unit, wants
from dure.engine.allocation.order import ordered

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Limit:
    """A named bound: `room` is what may be taken in each month, `least` what must be in all."""

    index: int
    kind: str
    name: str
    unit: str
    room: Monthly | None
    least: int | None

    @property
    def said(self) -> str:
        """How it is called: the organisation or region, where each has its own bound."""
        return self.unit or self.name


@dataclass(frozen=True, slots=True)
class Award:
    """Servers of one pool, from the month `start` on for all the request's months."""

    pool: str
    servers: int
    start: int = 0


Awards = Mapping[str, Award]
"""Application -> what it gets; who gets nothing is absent."""


Way = tuple[str, str, int]
"""An application, a pool and a start."""


@dataclass(frozen=True, eq=False)
class Round:
    """A snapshot under a policy, in its one order; pools are in the order of their names.

    `closed` ways take at most so many servers: more whole blocks could not stand there throughout.
    """

    snapshot: RoundSnapshot
    policy: RoundPolicy
    requests: tuple[Request, ...]
    offers: Mapping[str, PoolOffer]
    limits: tuple[Limit, ...]
    _units: Mapping[tuple[str, str], Limit]
    closed: Mapping[Way, int] = field(default_factory=dict)
    _bound: dict[tuple[str, ...], tuple[Limit, ...]] = field(default_factory=dict)

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Where each application stands, from 1."""
        return {r.application: n for n, r in enumerate(self.requests, start=1)}

    @cached_property
    def pool_index(self) -> Mapping[str, int]:
        """A pool's row in the arrays of `Room`."""
        return {pool: n for n, pool in enumerate(self.offers)}

    @cached_property
    def by_model(self) -> Mapping[str, tuple[PoolOffer, ...]]:
        """The pools of each model."""
        found: dict[str, list[PoolOffer]] = {}
        for offer in self.offers.values():
            found.setdefault(offer.model, []).append(offer)
        return {model: tuple(offers) for model, offers in found.items()}

    @cached_property
    def fresh(self) -> tuple[int, ...]:
        """The months whose bounds can bind."""
        return fresh_months(self.snapshot)

    @cached_property
    def free_until(self) -> Whole:
        """By the month in which a stay ends, that up to which what it gives back stays free."""
        return np.array(next_fresh(self.fresh, self.snapshot.months), dtype=np.int64)

    def rows_of(self, model: str) -> npt.NDArray[np.intp]:
        """The rows in the arrays of `Room` of the pools of a model."""
        return self._rows[model]

    @cached_property
    def _rows(self) -> Mapping[str, npt.NDArray[np.intp]]:
        return {
            model: np.array([self.pool_index[o.pool] for o in offers], dtype=np.intp)
            for model, offers in self.by_model.items()
        }

    @property
    def ranked(self) -> bool:
        """Whether nobody may be passed over without a named constraint."""
        return self.policy.policy != "score-weighted"

    def choices(self, request: Request) -> Iterator[tuple[Wish, PoolOffer]]:
        """The pools with an acceptable model, most wanted model first."""
        for wish in request.wishes:
            for offer in self.by_model.get(wish.model, ()):
                yield wish, offer

    def bound(self, request: Request, model: str) -> tuple[Limit, ...]:
        """Every limit that the request is under with this model."""
        key = (
            request.sector,
            request.region,
            request.track,
            request.size_class,
            request.organisation,
            model,
        )
        if key not in self._bound:
            self._bound[key] = tuple(
                self._units[group.group, unit(group, request)]
                for group in self.policy.groups
                if (group.group, unit(group, request)) in self._units
                and wants(group, request, model)
            )
        return self._bound[key]

    def binding(self, request: Request, offer: PoolOffer) -> tuple[Limit, ...]:
        """The caps that the request is under in this pool."""
        return tuple(x for x in self.bound(request, offer.model) if x.room is not None)

    def floors(self, request: Request, offer: PoolOffer) -> tuple[Limit, ...]:
        """The floors that the request counts for in this pool."""
        return tuple(x for x in self.bound(request, offer.model) if x.least is not None)

    def room(self, awards: Awards) -> Room:
        """What is left once `awards` are made."""
        months = self.snapshot.months
        offers = self.offers.values()
        unbounded = (np.iinfo(np.int64).max // 4,) * months
        room = Room(
            round_=self,
            servers=_table([o.servers for o in offers], months),
            blocks=_table(
                [tuple(o.whole_blocks(m) for m in range(months)) for o in offers], months
            ),
            most=_table([x.room or unbounded for x in self.limits], months),
        )
        requests = {r.application: r for r in self.requests}
        for application, award in awards.items():
            room.take(requests[application], award)
        return room


@dataclass
class Room:
    """What is left in each month: rows are pools (`pool_index`), or limits (`Limit.index`)."""

    round_: Round
    servers: Whole
    blocks: Whole
    most: Whole

    def take(self, request: Request, award: Award) -> None:
        """Takes an award's servers, its whole blocks, and what it uses of its caps."""
        offer = self.round_.offers[award.pool]
        when = slice(award.start, award.start + request.months)
        self.servers[self.round_.pool_index[award.pool], when] -= award.servers
        if request.contiguity == "blocks":
            taken = blocks_for(award.servers, offer)
            self.blocks[self.round_.pool_index[award.pool], when] -= taken
        for limit in self.round_.binding(request, offer):
            self.most[limit.index, when] -= award.servers

    def growing(self, request: Request, held: Award) -> int:
        """How many servers more the request could hold where it stands."""
        offer = self.round_.offers[held.pool]
        when = slice(held.start, held.start + request.months)
        row = self.round_.pool_index[held.pool]
        most = int(self.servers[row, when].min())
        if request.contiguity == "blocks":
            blocks = blocks_for(held.servers, offer) + int(self.blocks[row, when].min())
            most = min(most, blocks * offer.block_servers - held.servers)
        for limit in self.round_.binding(request, offer):
            most = min(most, int(self.most[limit.index, when].min()))
        closed = self.round_.closed.get((request.application, held.pool, held.start))
        return most if closed is None else min(most, closed - held.servers)

    def grow(self, request: Request, held: Award, more: int) -> None:
        """Takes what an award grows by."""
        offer = self.round_.offers[held.pool]
        when = slice(held.start, held.start + request.months)
        row = self.round_.pool_index[held.pool]
        self.servers[row, when] -= more
        if request.contiguity == "blocks":
            before = blocks_for(held.servers, offer)
            self.blocks[row, when] -= blocks_for(held.servers + more, offer) - before
        for limit in self.round_.binding(request, offer):
            self.most[limit.index, when] -= more

    def fitting(self, request: Request, offer: PoolOffer, start: int) -> int:
        """The most servers the request could take here from this start, if it held none."""
        when = slice(start, start + request.months)
        row = self.round_.pool_index[offer.pool]
        least = int(self.servers[row, when].min())
        if request.contiguity == "blocks":
            least = min(least, int(self.blocks[row, when].min()) * offer.block_servers)
        for limit in self.round_.binding(request, offer):
            least = min(least, int(self.most[limit.index, when].min()))
        return least


def blocks_for(servers: int, offer: PoolOffer) -> int:
    """How many whole blocks hold so many servers."""
    return ceil(servers / offer.block_servers)


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


def totals(round_: Round, awards: Awards) -> dict[Limit, int]:
    """The server-months that count towards each floor."""
    reached = dict.fromkeys((x for x in round_.limits if x.least is not None), 0)
    for request in round_.requests:
        award = awards.get(request.application)
        if award is not None and reached:
            for limit in round_.floors(request, round_.offers[award.pool]):
                reached[limit] += award.servers * request.months
    return reached


def missed(round_: Round, awards: Awards) -> list[Limit]:
    """The floors that these awards do not reach."""
    return [x for x, reached in totals(round_, awards).items() if reached < (x.least or 0)]


def read(snapshot: RoundSnapshot, policy: RoundPolicy, seed: str) -> Round:
    """The round in its one order, with the limits that can bind."""
    limits = tuple(_limits(snapshot, policy))
    return Round(
        snapshot=snapshot,
        policy=policy,
        requests=ordered(snapshot, policy, seed),
        offers={o.pool: o for o in sorted(snapshot.offers, key=lambda o: o.pool)},
        limits=limits,
        _units={(x.name, x.unit): x for x in limits},
    )


def _table(rows: list[Monthly], months: int) -> Whole:
    return np.array(rows, dtype=np.int64).reshape(len(rows), months)


def _limits(snapshot: RoundSnapshot, policy: RoundPolicy) -> Iterator[Limit]:
    index = 0
    for group in sorted(policy.groups, key=lambda g: g.group):
        asked = _asked(group, snapshot.requests)
        held = _held(group, snapshot)
        for name in sorted(asked):
            nothing = (0,) * snapshot.months
            room = _room_under(group, held.get(name, nothing), asked[name])
            if room is not None or group.least is not None:
                yield Limit(index, group.kind, group.group, name, room, group.least)
                index += 1
        if not asked and group.least:
            yield Limit(index, group.kind, group.group, "", None, group.least)
            index += 1


def _asked(group: Group, requests: tuple[Request, ...]) -> dict[str, int]:
    """Servers that each unit would take if everybody in it were served whole."""
    asked: dict[str, int] = {}
    for request in requests:
        wanted = [w.servers for w in request.wishes if wants(group, request, w.model)]
        if wanted:
            name = unit(group, request)
            asked[name] = asked.get(name, 0) + max(wanted)
    return asked


def _held(group: Group, snapshot: RoundSnapshot) -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for held in snapshot.held:
        if holds(group, held):
            months = found.setdefault(unit(group, held), [0] * snapshot.months)
            for month, servers in enumerate(held.servers):
                months[month] += servers
    return {name: tuple(months) for name, months in found.items()}


def _room_under(group: Group, held: tuple[int, ...], asked: int) -> Monthly | None:
    """What the cap leaves in each month; None where it cannot bind."""
    if group.most is None:
        return None
    room = tuple(max(0, group.most - servers) for servers in held)
    return None if asked <= min(room) else room
