"""Where a project may run jobs, and how it stands there: load -> engine.routing.

- A place is one active allocation, or one right to borrow.
- What runs and waits is what the agents said of jobs, also of those from a login node; what the
  hub has ordered and nobody has heard of yet waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.db.models import Sum

from dure.engine import routing
from dure.engine.checks import routing as check
from dure.engine.routing import Estimate, Place, Route, RoutingSnapshot, Wish
from dure.hub.allocations.decisions import PlanRefused
from dure.hub.allocations.models import Allocation, LentRight, Project
from dure.hub.jobs.models import HOLDING, OVER, Job
from dure.hub.supply.models import Cluster, Pool
from dure.hub.supply.queries import LATE_AFTER, rules
from dure.protocol import Capabilities, PoolInventory

_MEMORY_UNKNOWN_GB: Final = 1


def of_projects(projects: list[Project], *, now: datetime) -> dict[int, tuple[Place, ...]]:
    """Project -> its places, by pool and allocation. Four queries."""
    found: dict[int, list[Place]] = {project.pk: [] for project in projects}
    held, queued = _jobs(projects)
    for row in _rows(projects):
        pool, cluster = row.pool, row.pool.cluster
        said = _inventory(cluster, pool)
        lent = isinstance(row, LentRight)
        key = (row.project_id, pool.pk, None if isinstance(row, LentRight) else row.pk)
        up, idle = _working(pool, said)
        found[row.project_id].append(
            Place(
                cluster=cluster.key,
                pool=pool.key,
                model=pool.model,
                memory_gb=_memory_gb(cluster, pool.model),
                allocation=None if isinstance(row, LentRight) else row.key,
                limit=_limit(row),
                in_use=held[key],
                queued=queued[key],
                starts=None if isinstance(row, LentRight) else row.starts_at,
                ends=None if isinstance(row, LentRight) else row.ends_at,
                up=up,
                idle=idle,
                heard=cluster.last_seen_at is not None and now - cluster.last_seen_at < LATE_AFTER,
                take_back_bound_s=_bound(cluster),
                estimates=tuple(_estimates(said)) if lent else (),
            )
        )
    return {key: tuple(sorted(places, key=_order)) for key, places in found.items()}


def route(places: tuple[Place, ...], wish: Wish, *, now: datetime) -> Route:
    """The engine's choice among these, checked. Raises PlanRefused."""
    snapshot = RoutingSnapshot(wish=wish, places=places, now=now)
    made = routing.choose(snapshot)
    wrong = check.violations(snapshot, made)
    if wrong:
        raise PlanRefused(wrong)
    return made


def _order(place: Place) -> tuple[str, str]:
    return place.pool, place.allocation or ""


def _rows(projects: list[Project]) -> Iterator[Allocation | LentRight]:
    related = ("pool__cluster__provider__programme",)
    active = Allocation.objects.filter(project__in=projects, state=Allocation.State.ACTIVE)
    yield from active.select_related(*related)
    yield from LentRight.objects.filter(project__in=projects).select_related(*related)


_Key = tuple[int, int, int | None]


def _jobs(projects: list[Project]) -> tuple[Counter[_Key], Counter[_Key]]:
    """Accelerators of jobs that run, and of jobs that wait, by project, pool and allocation."""
    held: Counter[_Key] = Counter()
    queued: Counter[_Key] = Counter()
    rows = (
        Job.objects.filter(project__in=projects)
        .exclude(state__in=OVER)
        .order_by()
        .values_list("project", "pool", "allocation", "state")
        .annotate(sum=Sum("accelerators"))
    )
    for project, pool, allocation, state, accelerators in rows:
        (held if state in HOLDING else queued)[project, pool, allocation] += accelerators
    return held, queued


def _limit(row: Allocation | LentRight) -> int:
    if isinstance(row, LentRight):
        return row.max_accelerators
    return row.servers * row.pool.accelerators_per_node


def _inventory(cluster: Cluster, pool: Pool) -> PoolInventory | None:
    said = (one for one in cluster.inventory if one.get("pool") == pool.key)
    return next((PoolInventory.model_validate(one) for one in said), None)


def _working(pool: Pool, said: PoolInventory | None) -> tuple[int | None, int | None]:
    """Accelerators that are up, and those that nobody holds; None where the site did not say."""
    if said is None:
        return None, None
    up = max(0, said.accelerators - said.nodes_down * pool.accelerators_per_node)
    if said.owner_accelerators is None or said.lent_accelerators is None:
        return up, None
    return up, max(0, up - said.owner_accelerators - said.lent_accelerators)


def _bound(cluster: Cluster) -> float | None:
    if cluster.capabilities is None:
        return None
    return Capabilities.model_validate(cluster.capabilities).take_back_bound_s


def _estimates(said: PoolInventory | None) -> Iterator[Estimate]:
    for one in said.starts if said is not None else ():
        if one.lent:
            yield Estimate(accelerators=one.accelerators, at=one.at)


def _memory_gb(cluster: Cluster, model: str) -> int:
    known = (one for one in rules(cluster.provider.programme).accelerators if one.id == model)
    return next((one.memory_gb for one in known), _MEMORY_UNKNOWN_GB)
