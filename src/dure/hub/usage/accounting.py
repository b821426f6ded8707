"""From stored facts to the accounts of pools: what `metering` counts from.

- Lowering an allocation ends no running work. What ran when the cut reached the site counts with
  the stretch before the cut until it ends; what starts later must fit the lower stretch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from dure.hub.allocations.models import Stretch
from dure.hub.supply.models import Pool
from dure.hub.usage.models import NodeOutage, UsageSegment
from dure.metering.conservation import Down, Entitled, Held, PoolFacts
from dure.quantities import Period

CUT_REACHES_SITE = timedelta(minutes=10)
"""An agent that is up applies a change within seconds; beyond this it is away (our choice)."""


def pool_facts(*, pool: Pool, period: Period) -> PoolFacts:
    """All facts of the pool that touch the period. Three queries, and one a cut worked past."""
    per_node = pool.accelerators_per_node
    held = tuple(_held(pool, period))
    return PoolFacts(
        pool=pool.key,
        accelerators=pool.nodes * per_node,
        own_accelerators=pool.own_use_nodes * per_node,
        held=held,
        down=tuple(_down(pool, period)),
        entitled=tuple(_entitled(pool, period, held)),
    )


def _held(pool: Pool, period: Period) -> list[Held]:
    rows = UsageSegment.objects.filter(
        pool=pool, starts_at__lt=period.end, ends_at__gt=period.start
    ).select_related("allocation", "project")
    return [
        Held(
            start=row.starts_at,
            end=row.ends_at,
            accelerators=row.accelerators,
            kind="owner" if row.kind == "owner" else "lent",
            allocation=row.allocation.key if row.allocation else None,
            project=row.project.key,
            key=f"{row.job}/{row.attempt}@{row.starts_at.isoformat()}",
        )
        for row in rows.order_by("starts_at", "pk")
    ]


def _down(pool: Pool, period: Period) -> list[Down]:
    rows = NodeOutage.objects.filter(pool=pool, starts_at__lt=period.end, ends_at__gt=period.start)
    return [
        Down(start=r.starts_at, end=r.ends_at, accelerators=r.accelerators, node=r.node)
        for r in rows.order_by("starts_at", "pk")
    ]


def _entitled(pool: Pool, period: Period, held: Sequence[Held]) -> list[Entitled]:
    stretches = (
        Stretch.objects.filter(allocation__pool=pool, starts_at__lt=period.end)
        .select_related("allocation")
        .order_by("starts_at", "pk")
    )
    owners: defaultdict[str, list[Held]] = defaultdict(list)
    for one in held:
        if one.allocation is not None and one.kind == "owner":
            owners[one.allocation].append(one)
    by_allocation: defaultdict[str, list[Stretch]] = defaultdict(list)
    for stretch in stretches:
        by_allocation[stretch.allocation.key].append(stretch)
    return [
        entitled
        for key, cuts in by_allocation.items()
        for stretch, lower in zip(cuts, [*cuts[1:], None], strict=True)
        for entitled in _counted(stretch, lower, owners[key], pool.accelerators_per_node)
    ]


def _counted(
    stretch: Stretch, lower: Stretch | None, held: Sequence[Held], per_node: int
) -> Iterator[Entitled]:
    """The stretch, and what it had beyond the lower one while work from before the cut ran on."""
    key, cut = stretch.allocation.key, stretch.ends_at
    yield Entitled(
        start=stretch.starts_at,
        end=cut,
        allocation=key,
        accelerators=stretch.servers * per_node,
    )
    left = lower.servers if lower and lower.starts_at == cut else 0
    drained = _drained(stretch, held)
    if drained > cut and left < stretch.servers:
        yield Entitled(
            start=cut,
            end=drained,
            allocation=key,
            accelerators=(stretch.servers - left) * per_node,
        )


def _drained(stretch: Stretch, held: Sequence[Held]) -> datetime:
    """When the last job attempt that ran as the cut reached the site had ended."""
    cut = stretch.ends_at
    later = [one for one in held if one.end > cut]
    if not later:
        return cut
    # Asked for and not looked up in `held`: the cut may lie in a month before this one.
    running = set(
        UsageSegment.objects.filter(
            allocation=stretch.allocation,
            kind="owner",
            starts_at__lt=cut + CUT_REACHES_SITE,
            ends_at__gt=cut,
        ).values_list("job", "attempt")
    )
    return max([cut, *(one.end for one in later if _attempt(one) in running)])


def _attempt(one: Held) -> tuple[str, int]:
    job, _, attempt = one.key.rpartition("@")[0].rpartition("/")
    return job, int(attempt)
