"""From the programme's rules to a round's: shares become servers of this programme and round.

- A quota's cap is its share of all that the programme can award, rounded down.
- A quota's floor is what its group still lacks of that share, in every month of the round, but no
  more than the group asks for: nobody is made to take what nobody wants.
- The same for the floor of a group rule; a floor in servers is servers in every month.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import ceil, floor

from dure.engine.allocation.facts import Group, Request, RoundPolicy, RoundSnapshot
from dure.engine.allocation.matching import holds, wants
from dure.vocabulary.programme import Allotment, Bound, GroupRule, Quota


def policy_of(
    quotas: Iterable[Quota], allotment: Allotment, snapshot: RoundSnapshot
) -> RoundPolicy:
    """The rules of a round of this programme over these facts."""
    groups = [g for q in quotas if (g := _quota(q, snapshot)) is not None]
    if allotment.organisation_cap is not None:
        groups.append(
            Group(
                group="organisation_cap",
                kind="organisation_cap",
                each="organisation",
                most=allotment.organisation_cap,
            )
        )
    groups += [g for rule in allotment.rules if (g := rule_group(rule, snapshot)) is not None]
    return RoundPolicy(
        policy=allotment.policy, groups=tuple(groups), lottery_bands=allotment.lottery_bands
    )


def _quota(quota: Quota, snapshot: RoundSnapshot) -> Group | None:
    if not quota.sectors:
        return None
    whole = snapshot.programme_servers * quota.share
    group = Group(group=quota.id, sectors=quota.sectors, most=floor(whole))
    match quota.enforcement:
        case "target":
            return None
        case "cap":
            return group
        case "floor":
            return with_floor(group, ceil(whole), snapshot, most=None)


def rule_group(rule: GroupRule, snapshot: RoundSnapshot) -> Group | None:
    """What a group rule asks of this round; None where it asks for nothing."""
    most = None if rule.most is None else floor(_servers(rule.most, snapshot))
    group = Group(
        group=rule.id,
        kind="rule",
        sectors=rule.sectors,
        regions=rule.regions,
        tracks=rule.tracks,
        size_classes=rule.size_classes,
        models=rule.models,
        each=rule.each,
        most=most if most is not None else 0,
    )
    if rule.least is None:
        return group
    return with_floor(group, ceil(_servers(rule.least, snapshot)), snapshot, most=most)


def _servers(bound: Bound, snapshot: RoundSnapshot) -> Fraction:
    """The bound in servers; a share of the round is one of its fullest month."""
    if bound.servers is not None:
        return Fraction(bound.servers)
    share = bound.share or Fraction(0)
    if bound.of == "programme":
        return snapshot.programme_servers * share
    monthly = (sum(o.servers[month] for o in snapshot.offers) for month in range(snapshot.months))
    return max(monthly, default=0) * share


def with_floor(
    group: Group, servers: int, snapshot: RoundSnapshot, *, most: int | None
) -> Group | None:
    """The group with what it lacks of `servers` in each month, as far as it asks for it."""
    held = [
        sum(h.servers[month] for h in snapshot.held if holds(group, h))
        for month in range(snapshot.months)
    ]
    lacking = sum(max(0, servers - now) for now in held)
    asked = sum(_largest(group, r) for r in snapshot.requests)
    least = min(lacking, asked)
    if most is None and least == 0:
        return None
    return group.model_copy(update={"most": most, "least": least})


def _largest(group: Group, request: Request) -> int:
    wanted = (w.servers for w in request.wishes if wants(group, request, w.model))
    return max(wanted, default=0) * request.months
