"""The facts that a round, or a turn of the waitlist, is decided from, read from the hub.

- A pool offers what it can award (spares and the provider's own use are off) in the months in which
  it is wholly in the programme, less what live allocations hold in any part of the month.
- Blocks are numbered from 0; what a pool cannot award stands in its last blocks. An allocation is
  counted where it was placed; one without a placement in the last blocks that have room.
- What is held counts for groups by whose it is, standing allocations by the sector of their quota;
  a rehearsal pool is the operator's own and counts in no total.
- Everything is in a fixed order, so that the same facts are the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from dure.engine import allocation as engine
from dure.hub.allocations.models import Allocation, WaitlistEntry
from dure.hub.allocations.round_months import RoundMonths
from dure.hub.allocations.round_requests import lane_of, months_of, starts_of, wishes_of
from dure.hub.calls.models import Application
from dure.hub.people.models import Organisation
from dure.hub.supply import models as supply
from dure.hub.supply.queries import rules
from dure.vocabulary.programme import Call as CallRules
from dure.vocabulary.programme import Cluster, Pool, Programme

LIVE = (Allocation.State.OFFERED, Allocation.State.ACTIVE)
"""What a pool has promised: offered awards are nobody else's either."""


@dataclass(frozen=True, slots=True)
class _Holding:
    """A live allocation, by the months of the round that it overlaps."""

    allocation: Allocation
    pool: str
    months: range
    servers: int
    blocks: tuple[tuple[int, int], ...]


def round_months(document: Programme, call: CallRules, *, now: datetime) -> RoundMonths:
    """The call's months; a round that is made late counts them from now."""
    months = RoundMonths(now, document.zone)
    return RoundMonths(max(now, months.midnight(call.supply_from)), document.zone)


def round_snapshot(
    *,
    programme: supply.Programme,
    call: CallRules,
    applications: Sequence[Application],
    now: datetime,
) -> engine.RoundSnapshot:
    """The round of a call over these ranked applications."""
    document = rules(programme)
    months = round_months(document, call, now=now)
    earlier = _awarded_before({a.organisation_id for a in applications})
    requests = tuple(_request(a, a.rank or 0, document, months, earlier) for a in applications)
    return _snapshot(
        name=call.id,
        document=document,
        pools=call.pools,
        requests=requests,
        months=months,
        at_least=call.months,
    )


def waitlist_snapshot(
    *, programme: supply.Programme, entries: Sequence[WaitlistEntry], now: datetime
) -> tuple[engine.RoundSnapshot, RoundMonths]:
    """All who wait, in their order, and what the pools of the calls have free from now on.

    Months count from the first supply of any of their calls; who may start later does.
    """
    document = rules(programme)
    lanes = {e.pk: lane_of(e.application, document) for e in entries}
    supplies = [round_months(document, lane.call, now=now) for lane in lanes.values()]
    months = min(supplies, key=lambda one: one.first)
    earlier = _awarded_before({e.application.organisation_id for e in entries})
    requests = tuple(
        _request(e.application, place, document, months, earlier)
        for place, e in enumerate(entries, start=1)
    )
    snapshot = _snapshot(
        name="waitlist",
        document=document,
        pools={pool for call in document.calls for pool in call.pools},
        requests=requests,
        months=months,
        at_least=1,
    )
    return snapshot, months


def _snapshot(
    *,
    name: str,
    document: Programme,
    pools: Iterable[str],
    requests: tuple[engine.Request, ...],
    months: RoundMonths,
    at_least: int,
) -> engine.RoundSnapshot:
    horizon = max([at_least, *(r.latest + r.months for r in requests)])
    holdings = _holdings(months, horizon)
    return engine.RoundSnapshot(
        call=name,
        months=horizon,
        requests=requests,
        offers=tuple(_offers(document, sorted(pools), holdings, months, horizon)),
        held=tuple(_held(document, holdings, horizon)),
        programme_servers=sum(
            pool.awardable_nodes
            for _, _, pool in document.pools()
            if pool.arrangement == "acquired"
        ),
    )


def _request(
    application: Application,
    rank: int,
    document: Programme,
    months: RoundMonths,
    earlier: frozenset[int],
) -> engine.Request:
    lane = lane_of(application, document)
    earliest, latest = starts_of(application, lane, months)
    organisation = application.organisation
    return engine.Request(
        application=application.number,
        organisation=_called(organisation),
        region=organisation.region,
        sector=organisation.sector,
        track=application.track,
        size_class=application.size_class,
        wishes=wishes_of(application, lane, document),
        months=months_of(application, lane),
        earliest=earliest,
        latest=latest,
        contiguity=lane.size.contiguity,
        rank=rank,
        score=Fraction(application.score),
        facets={
            "first_time": "no" if organisation.pk in earlier else "yes",
            "young_company": "yes" if organisation.young_company else "no",
        },
    )


def _called(organisation: Organisation) -> str:
    """What reasons call it: its name, and its number, for names are not unique."""
    return f"{organisation.name} (#{organisation.pk})"


def _awarded_before(organisations: set[int]) -> frozenset[int]:
    """Which of the organisations have been awarded anything yet, whatever became of it."""
    found = Organisation.objects.filter(pk__in=organisations, projects__allocations__isnull=False)
    return frozenset(found.values_list("pk", flat=True))


def _holdings(months: RoundMonths, horizon: int) -> list[_Holding]:
    live = (
        Allocation.objects.filter(state__in=LIVE, ends_at__gt=months.first)
        .select_related("project__organisation", "project__application", "pool")
        .defer("project__application__answers", "project__application__failures")
        .order_by("pk")
    )
    return [
        _Holding(
            allocation=one,
            pool=one.pool.key,
            months=months.overlapped(one.starts_at, one.ends_at, of=horizon),
            servers=one.servers,
            blocks=tuple((block, servers) for block, servers in one.blocks),
        )
        for one in live
    ]


def _offers(
    document: Programme,
    pools: Sequence[str],
    holdings: Sequence[_Holding],
    months: RoundMonths,
    horizon: int,
) -> Iterator[engine.PoolOffer]:
    declared = {pool.id: (cluster, pool) for _, cluster, pool in document.pools()}
    for key in pools:
        cluster, pool = declared[key]
        here = [h for h in holdings if h.pool == key]
        yield _offer(cluster, pool, here, months, horizon)


def _offer(
    cluster: Cluster, pool: Pool, here: Sequence[_Holding], months: RoundMonths, horizon: int
) -> engine.PoolOffer:
    available = months.within(
        months.midnight(pool.available_from) if pool.available_from else None,
        months.midnight(pool.available_until) if pool.available_until else None,
        of=horizon,
    )
    by_month = [
        _month_of(pool, [h for h in here if month in h.months] if month in available else None)
        for month in range(horizon)
    ]
    blocks = zip(*(free for _, free in by_month), strict=True)
    return engine.PoolOffer(
        pool=pool.id,
        cluster=cluster.id,
        model=pool.model,
        servers=tuple(servers for servers, _ in by_month),
        block_servers=pool.block_nodes,
        blocks=tuple(blocks) if pool.awardable_nodes >= pool.block_nodes else (),
    )


def _month_of(pool: Pool, held: Sequence[_Holding] | None) -> tuple[int, tuple[int, ...]]:
    """What is free of the pool, and of each of its blocks; nothing where it is not available."""
    blocks = _blocks(pool)
    if held is None:
        return 0, (0,) * len(blocks)
    servers = max(0, pool.awardable_nodes - sum(h.servers for h in held))
    for holding in held:
        for block, placed in holding.blocks:
            if block < len(blocks):
                blocks[block] -= min(blocks[block], placed)
    for holding in held:
        _take_last(blocks, holding.servers - sum(placed for _, placed in holding.blocks))
    return servers, tuple(blocks)


def _blocks(pool: Pool) -> list[int]:
    """What each block can award: whole ones first, what is off the pool in the last."""
    whole, rest = divmod(pool.awardable_nodes, pool.block_nodes)
    return [pool.block_nodes] * whole + ([rest] if rest else [])


def _take_last(blocks: list[int], servers: int) -> None:
    for block in reversed(range(len(blocks))):
        taken = min(blocks[block], max(0, servers))
        blocks[block] -= taken
        servers -= taken


def _held(document: Programme, holdings: Sequence[_Holding], horizon: int) -> Iterator[engine.Held]:
    sectors = _standing_sectors(document)
    counted: dict[tuple[str, ...], list[int]] = {}
    for holding in holdings:
        if holding.allocation.pool.arrangement == "rehearsal":
            continue
        row = counted.setdefault(_whose(holding.allocation, sectors), [0] * horizon)
        for month in holding.months:
            row[month] += holding.servers
    for (organisation, region, sector, track, size_class, model), servers in sorted(
        counted.items()
    ):
        yield engine.Held(
            organisation=organisation,
            region=region,
            sector=sector,
            track=track,
            size_class=size_class,
            model=model,
            servers=tuple(servers),
        )


def _whose(allocation: Allocation, standing: Mapping[str, str]) -> tuple[str, ...]:
    project = allocation.project
    organisation, application = project.organisation, project.application
    return (
        _called(organisation) if organisation else "",
        organisation.region if organisation else "",
        organisation.sector if organisation else standing.get(project.key, ""),
        application.track if application else "",
        application.size_class if application else "",
        allocation.pool.model,
    )


def _standing_sectors(document: Programme) -> dict[str, str]:
    """Standing project -> the sector that its quota is of, where that is one."""
    quotas = {quota.id: quota.sectors for quota in document.quotas}
    return {
        f"s-{one.id}": sectors[0]
        for one in document.standing_allocations
        if one.quota and len(sectors := quotas[one.quota]) == 1
    }
