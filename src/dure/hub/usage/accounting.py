"""From stored facts to the accounts of pools: what `metering` counts from.

- Lowering an allocation ends no running work. What ran when the cut reached the site counts with
  the stretch before the cut until it ends; what starts later must fit the lower stretch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from dure.hub.allocations.models import Stretch
from dure.hub.supply.models import Pool
from dure.hub.usage.models import NodeOutage, UsageSegment
from dure.metering.conservation import Down, Entitled, Held, PoolFacts
from dure.quantities import Period

CUT_REACHES_SITE = timedelta(minutes=10)
"""An agent that is up applies a change within seconds; beyond this it is away (our choice)."""


def pool_facts(*, pool: Pool, period: Period) -> PoolFacts:
    """All facts of the pool that touch the period. Three queries."""
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
    return [
        Entitled(
            start=stretch.starts_at,
            end=_drained(stretch.ends_at, owners[stretch.allocation.key]),
            allocation=stretch.allocation.key,
            accelerators=stretch.servers * pool.accelerators_per_node,
        )
        for stretch in stretches
    ]


def _attempt(one: Held) -> str:
    return one.key.partition("@")[0]


def _drained(cut: datetime, held: Sequence[Held]) -> datetime:
    """When the last job attempt that ran as the cut reached the site had ended."""
    running = {
        _attempt(one) for one in held if one.start < cut + CUT_REACHES_SITE and one.end > cut
    }
    return max([cut, *(one.end for one in held if _attempt(one) in running)])
