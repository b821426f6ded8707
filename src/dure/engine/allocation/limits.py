"""The room left: in pools, under capping quotas, under the organisation cap.

- A limit is a quota or an organisation's cap: it counts the servers of the requests it binds.
- Limits that cannot fill up even if every request were served whole are left out at once.
- Awarding only ever takes room; nothing here gives room back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from dure.engine.allocation.facts import PoolOffer, Request, RoundPolicy, RoundSnapshot


@dataclass(frozen=True, slots=True)
class Limit:
    """A named bound on the servers of a group of requests."""

    kind: Literal["organisation_cap", "quota"]
    name: str
    room: int


@dataclass(frozen=True, slots=True)
class Award:
    """Servers of one pool."""

    pool: str
    servers: int


Awards = Mapping[str, Award]
"""Application -> what it gets; who gets nothing is absent."""


@dataclass(frozen=True)
class Round:
    """A snapshot under a policy, in one order, with what each request may use and is bound by."""

    requests: tuple[Request, ...]
    offers: tuple[PoolOffer, ...]
    pools: Mapping[str, tuple[PoolOffer, ...]]
    limits: Mapping[str, frozenset[Limit]]

    def room(self, awards: Awards) -> Room:
        """What is left once `awards` are made."""
        room = Room(
            pools={offer.pool: offer.servers for offer in self.offers},
            limits={limit: limit.room for bound in self.limits.values() for limit in bound},
        )
        for application, award in awards.items():
            room.take(award, self.limits[application])
        return room


@dataclass
class Room:
    """Servers left, per pool and per limit."""

    pools: dict[str, int]
    limits: dict[Limit, int]

    def take(self, award: Award, limits: frozenset[Limit]) -> None:
        self.pools[award.pool] -= award.servers
        for limit in limits:
            self.limits[limit] -= award.servers

    def under(self, limits: frozenset[Limit]) -> int | None:
        """The least room under these limits; None where there is no limit."""
        return min((self.limits[limit] for limit in limits), default=None)


def read(snapshot: RoundSnapshot, policy: RoundPolicy) -> Round:
    """The round in its one order: requests by rank, pools by the request's wish, then by name."""
    requests = tuple(sorted(snapshot.requests, key=lambda r: r.rank))
    offers = tuple(sorted(snapshot.offers, key=lambda o: o.pool))
    bound: dict[str, set[Limit]] = {r.application: set() for r in requests}
    for limit, members in _limits(snapshot, policy, requests):
        if sum(r.servers for r in members) > limit.room:
            for request in members:
                bound[request.application].add(limit)
    return Round(
        requests=requests,
        offers=offers,
        pools={r.application: tuple(_acceptable(r, offers)) for r in requests},
        limits={application: frozenset(limits) for application, limits in bound.items()},
    )


def _acceptable(request: Request, offers: tuple[PoolOffer, ...]) -> Iterator[PoolOffer]:
    """Pools large enough for the minimum, most wanted model first."""
    for model in request.models:
        for offer in offers:
            if offer.model == model and offer.servers >= request.minimum:
                yield offer


def _limits(
    snapshot: RoundSnapshot, policy: RoundPolicy, requests: tuple[Request, ...]
) -> Iterator[tuple[Limit, list[Request]]]:
    for quota in sorted(snapshot.quotas, key=lambda q: q.quota):
        members = [r for r in requests if r.sector in quota.sectors]
        yield Limit("quota", quota.quota, quota.servers_left), members
    if policy.organisation_cap is None:
        return
    for organisation in sorted({r.organisation for r in requests}):
        used = snapshot.organisation_used.get(organisation, 0)
        room = max(0, policy.organisation_cap - used)
        members = [r for r in requests if r.organisation == organisation]
        yield Limit("organisation_cap", organisation, room), members
