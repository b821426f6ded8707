"""What-if: a stored round under other rules or with other supply.

- `apply` gives the snapshot and the policy of the scenario; the stored ones stay as they are. An
  empty change gives them back as they were, so that planning them gives the stored plan again.
- Bounds mean what they mean in a programme file: a floor is what the group lacks of it in every
  month, and no more than it asks for.
- Servers that come go into new blocks, after the others; servers that go leave the last blocks
  first. A pool gives no less than nothing in a month, however many are taken off.
- What cannot be done is refused with the field and the reason; the first found is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Literal

from dure.engine.allocation.facts import (
    Group,
    Monthly,
    PoolOffer,
    Request,
    RoundPolicy,
    RoundSnapshot,
)
from dure.engine.allocation.policy import rule_group, with_floor
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme.allotment import PolicyName
from dure.vocabulary.scenario import BoundChange, Change, Standing, SupplyChange

__all__ = ["Change", "UnableToChange", "apply", "pools_beyond"]

ORGANISATION_CAP = "organisation_cap"


class UnableToChange(Exception):
    """The change does not fit the round: `where` is the field, `reason` says what is wrong."""

    def __init__(self, where: str, code: str, **params: str | int) -> None:
        self.where = where
        self.reason = Reason(code=code, params={**params})
        super().__init__(f"{where}: {code} {params}")


def apply(
    snapshot: RoundSnapshot, policy: RoundPolicy, change: Change
) -> tuple[RoundSnapshot, RoundPolicy]:
    """The facts and rules of the scenario. Raises UnableToChange."""
    facts = snapshot.model_copy(
        update={
            "requests": _standing(snapshot, change.standings),
            "offers": _offers(snapshot.offers, change),
        }
    )
    name, bands = _way_to_choose(policy, change)
    return facts, RoundPolicy(
        policy=name, groups=_groups(facts, policy, change), lottery_bands=bands
    )


def pools_beyond(stored: RoundSnapshot, changed: RoundSnapshot) -> tuple[str, ...]:
    """The pools that give more in some month than the stored round has; sorted."""
    had = {offer.pool: offer.servers for offer in stored.offers}
    return tuple(
        sorted(
            offer.pool
            for offer in changed.offers
            if any(now > then for now, then in zip(offer.servers, had[offer.pool], strict=True))
        )
    )


def _known(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "–"


def _way_to_choose(policy: RoundPolicy, change: Change) -> tuple[PolicyName, tuple[Fraction, ...]]:
    """The policy's name and the bands of its lottery."""
    name = change.policy or policy.policy
    bands = change.lottery_bands
    if name != "lottery":
        if bands:
            raise UnableToChange("lottery_bands", "scenario.bands_without_lottery")
        return name, ()
    if list(bands) != sorted(set(bands), reverse=True):
        raise UnableToChange("lottery_bands", "scenario.bands_fall")
    if not bands and not policy.lottery_bands:
        raise UnableToChange("lottery_bands", "scenario.needs_bands")
    return name, bands or policy.lottery_bands


def _standing(snapshot: RoundSnapshot, standings: Mapping[str, Standing]) -> tuple[Request, ...]:
    if not standings:
        return snapshot.requests
    _require_all(snapshot, standings)
    return tuple(
        request.model_copy(update={"score": now.score, "rank": now.rank})
        for request in snapshot.requests
        if (now := standings[request.application]).rank is not None
    )


def _require_all(snapshot: RoundSnapshot, standings: Mapping[str, Standing]) -> None:
    """Every application has a standing, and every rank is one application's."""
    applications = {request.application for request in snapshot.requests}
    for unknown in sorted(standings.keys() - applications):
        where = f"standings.{unknown}"
        raise UnableToChange(where, "scenario.no_such_application", name=unknown)
    for missing in sorted(applications - standings.keys()):
        where = f"standings.{missing}"
        raise UnableToChange(where, "scenario.standing_missing", name=missing)
    ranks: set[int] = set()
    for application in sorted(standings):
        rank = standings[application].rank
        if rank is None:
            continue
        if rank in ranks:
            where = f"standings.{application}.rank"
            raise UnableToChange(where, "scenario.rank_twice", name=application, rank=rank)
        ranks.add(rank)


def _offers(offers: tuple[PoolOffer, ...], change: Change) -> tuple[PoolOffer, ...]:
    pools = {offer.pool for offer in offers}
    for field, named in (("supply", change.supply), ("spares", change.spares)):
        for unknown in sorted(named.keys() - pools):
            where = f"{field}.{unknown}"
            raise UnableToChange(where, "scenario.no_such_pool", name=unknown, known=_known(pools))
    return tuple(
        _kept_back(
            _supplied(offer, change.supply.get(offer.pool)), change.spares.get(offer.pool, 0)
        )
        for offer in offers
    )


def _supplied(offer: PoolOffer, supply: SupplyChange | None) -> PoolOffer:
    if supply is None:
        return offer
    if supply.to is not None:
        to = supply.to
        return _with_servers(offer, lambda _servers: to)
    return _by(offer, supply.by or 0, where=f"supply.{offer.pool}")


def _kept_back(offer: PoolOffer, spares: int) -> PoolOffer:
    return _by(offer, -spares, where=f"spares.{offer.pool}")


def _by(offer: PoolOffer, servers: int, *, where: str) -> PoolOffer:
    if servers == 0:
        return offer
    most = max(offer.servers)
    if -servers > most:
        raise UnableToChange(
            where, "scenario.takes_too_many", name=offer.pool, most=most, taken=-servers
        )
    return _with_servers(offer, lambda now: max(0, now + servers))


def _with_servers(offer: PoolOffer, of: Callable[[int], int]) -> PoolOffer:
    """The pool with another number of servers in each month."""
    servers = tuple(of(now) for now in offer.servers)
    more = tuple(max(0, to - now) for now, to in zip(offer.servers, servers, strict=True))
    fewer = tuple(max(0, now - to) for now, to in zip(offer.servers, servers, strict=True))
    blocks = _without(offer.blocks, fewer)
    if offer.blocks:
        blocks += _new_blocks(more, offer.block_servers)
    return offer.model_copy(update={"servers": servers, "blocks": blocks})


def _new_blocks(more: Monthly, size: int) -> tuple[Monthly, ...]:
    count = -(-max(more, default=0) // size)
    return tuple(
        tuple(min(size, max(0, servers - index * size)) for servers in more)
        for index in range(count)
    )


def _without(blocks: tuple[Monthly, ...], fewer: Monthly) -> tuple[Monthly, ...]:
    """The blocks once so many servers have left in each month, the last blocks first."""
    left, rows = list(fewer), list[Monthly]()
    for block in reversed(blocks):
        taken = [min(free, off) for free, off in zip(block, left, strict=True)]
        rows.append(tuple(free - off for free, off in zip(block, taken, strict=True)))
        left = [off - gone for off, gone in zip(left, taken, strict=True)]
    return tuple(reversed(rows))


def _groups(facts: RoundSnapshot, policy: RoundPolicy, change: Change) -> tuple[Group, ...]:
    _require_known(policy, change)
    kept = [g for g in policy.groups if g.group not in change.dropped]
    bounded = [
        g if (bound := change.bounds.get(g.group)) is None else _bounded(g, bound, facts)
        for g in kept
    ]
    return (
        *_capped([g for g in bounded if g is not None], change.organisation_cap),
        *_added(facts, kept, change),
    )


def _require_known(policy: RoundPolicy, change: Change) -> None:
    known = {group.group for group in policy.groups}
    for unknown in sorted({*change.dropped} - known):
        where = f"dropped.{unknown}"
        raise UnableToChange(where, "scenario.no_such_group", name=unknown, known=_known(known))
    for unknown in sorted(change.bounds.keys() - (known - {*change.dropped})):
        where = f"bounds.{unknown}"
        raise UnableToChange(where, "scenario.no_such_group", name=unknown, known=_known(known))


def _bounded(group: Group, bound: BoundChange, facts: RoundSnapshot) -> Group | None:
    """The group under its other bounds; None where nothing is left that binds."""
    if group.each != "together" and isinstance(bound.least, int):
        where = f"bounds.{group.group}.least"
        raise UnableToChange(where, "scenario.floor_of_each", name=group.group)
    most = _bound(group.most, bound.most)
    if isinstance(bound.least, int):
        return with_floor(group, bound.least, facts, most=most)
    least = None if bound.least == "none" else group.least
    if most is None and least is None:
        return None
    return group.model_copy(update={"most": most, "least": least})


def _bound(stored: int | None, asked: int | Literal["none"] | None) -> int | None:
    if asked is None:
        return stored
    return None if asked == "none" else asked


def _capped(groups: list[Group], cap: int | Literal["none"] | None) -> list[Group]:
    if cap is None:
        return groups
    others = [g for g in groups if g.group != ORGANISATION_CAP]
    if cap == "none":
        return others
    capped = Group(group=ORGANISATION_CAP, kind="organisation_cap", each="organisation", most=cap)
    return [*others, capped]


def _added(facts: RoundSnapshot, kept: list[Group], change: Change) -> Iterable[Group]:
    taken = {group.group for group in kept} | {ORGANISATION_CAP}
    for rule in change.added:
        if rule.id in taken:
            raise UnableToChange(f"added.{rule.id}", "scenario.group_exists", name=rule.id)
        taken.add(rule.id)
        group = rule_group(rule, facts)
        if group is not None:
            yield group
