"""What every way of deciding a round reads and returns, apart from the planner's own code.

- Awards are application -> (pool, first month, servers).
- A unit is a group, or one organisation or region of it where each has its own bound. What binds
  whom is worked out here from the facts alone, in the words of the round's rules.
- A round is named `SIZE/RULES/SEED`, so that another process makes the same one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from tests.scenarios.round_sizes import Instance, five_thousand, korea_sized, twenty_thousand

from dure.engine.allocation.facts import (
    Group,
    Held,
    PoolOffer,
    Request,
    RoundPolicy,
    RoundSnapshot,
    Wish,
)


class Award(NamedTuple):
    pool: str
    start: int
    servers: int


Awards = dict[str, Award]
Unit = tuple[str, str]
"""A group's name, and the organisation or region where each has its own bound."""


def instance(name: str) -> Instance:
    """`korea-3-open/strict-rank/1` and the like; `RULES` replaces the policy's name."""
    size, rules, seed = name.split("/")
    snapshot, policy = _made(size, int(seed))
    return snapshot, RoundPolicy.model_validate({**policy.model_dump(), "policy": rules})


def _made(size: str, seed: int) -> Instance:
    if size == "5000x20":
        return five_thousand(seed)
    if size == "20000x40x24":
        return twenty_thousand(seed)
    _, pools, *how = size.split("-")
    return korea_sized(
        seed,
        pools=3 if pools == "3" else 5,
        capped="capped" in how,
        over_months="months" in how,
    )


@dataclass(frozen=True)
class Facts:
    snapshot: RoundSnapshot
    policy: RoundPolicy
    _units: dict[tuple[str, ...], tuple[frozenset[Unit], frozenset[Unit]]] = field(
        default_factory=dict
    )

    @cached_property
    def ranked(self) -> tuple[Request, ...]:
        return tuple(sorted(self.snapshot.requests, key=lambda r: r.rank))

    @cached_property
    def offers(self) -> dict[str, PoolOffer]:
        return {o.pool: o for o in self.snapshot.offers}

    def choices(self, request: Request) -> Iterator[tuple[Wish, PoolOffer]]:
        """Wish by wish, the pools of its model."""
        for wish in request.wishes:
            for offer in self.snapshot.offers:
                if offer.model == wish.model:
                    yield wish, offer

    def wish(self, request: Request, pool: str) -> Wish:
        model = self.offers[pool].model
        return next(w for w in request.wishes if w.model == model)

    def caps(self, request: Request, model: str) -> frozenset[Unit]:
        """The units whose `most` binds the request with this model."""
        return self._bound(request, model)[0]

    def floors(self, request: Request, model: str) -> frozenset[Unit]:
        """The units whose `least` it counts for."""
        return self._bound(request, model)[1]

    def _bound(self, request: Request, model: str) -> tuple[frozenset[Unit], frozenset[Unit]]:
        who = request.organisation, request.sector, request.region, request.track
        key = (*who, request.size_class, model)
        if key not in self._units:
            groups = [g for g in self.policy.groups if _matches(g, request, model)]
            self._units[key] = (
                frozenset(_unit(g, request) for g in groups if g.most is not None),
                frozenset(_unit(g, request) for g in groups if g.least is not None),
            )
        return self._units[key]

    @cached_property
    def least(self) -> dict[Unit, int]:
        return {(g.group, ""): g.least for g in self.policy.groups if g.least is not None}

    @cached_property
    def room(self) -> dict[Unit, list[int]]:
        """What each capped unit of this round's requests may take in each month."""
        held: defaultdict[Unit, list[int]] = defaultdict(lambda: [0] * self.snapshot.months)
        by_name = {g.group: g for g in self.policy.groups}
        for group in self.policy.groups:
            for row in self.snapshot.held:
                if _matches(group, row, row.model):
                    for month, servers in enumerate(row.servers):
                        held[_unit(group, row)][month] += servers
        units = {u for r in self.snapshot.requests for w in r.wishes for u in self.caps(r, w.model)}
        return {u: [max(0, (by_name[u[0]].most or 0) - n) for n in held[u]] for u in sorted(units)}


def _matches(group: Group, who: Request | Held, model: str) -> bool:
    return all(
        not named or value in named
        for named, value in (
            (group.sectors, who.sector),
            (group.regions, who.region),
            (group.tracks, who.track),
            (group.size_classes, who.size_class),
            (group.models, model),
        )
    )


def _unit(group: Group, who: Request | Held) -> Unit:
    match group.each:
        case "together":
            return group.group, ""
        case "organisation":
            return group.group, who.organisation
        case "region":
            return group.group, who.region
