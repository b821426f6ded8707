"""From stored rows to the snapshot that incidents are decided from.

- Only pools whose agent was heard of late and has said how its nodes are: where nothing is known,
  nothing is decided.
- What is over reaches back as far as what lasts: an outage longer than the window of the lemon rule
  is still credited beside the outages and the maintenance that it overlapped.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Min, Prefetch, Q, QuerySet

from dure.engine import incidents as engine
from dure.hub.allocations.models import Stretch
from dure.hub.incidents.models import (
    DeviceFault,
    Incident,
    IncidentCredit,
    MaintenanceWindow,
    NodeRemoval,
    NodeStatus,
)
from dure.hub.supply.models import Pool, Programme
from dure.hub.supply.queries import LATE_AFTER, rules

_OUT: Final = frozenset({NodeStatus.State.DOWN.value, NodeStatus.State.DRAINING.value})

FAULTS_AT_ONCE: Final = 1000
"""A storm of them is judged over several steps."""


def snapshot(programme: Programme, now: datetime) -> engine.IncidentSnapshot:
    """All that is known now. Nine queries."""
    lemons = rules(programme).incidents.lemons
    since = now - timedelta(days=lemons.window_days)
    pools = _pools(programme, now)
    keys = {pool.pk: pool.key for pool in pools}
    nodes = [_node(row, keys) for row in _statuses(keys)]
    earliest = _earliest(keys, now)
    horizon = min([since, earliest, *(n.since for n in nodes if n.state in _OUT)])
    return engine.IncidentSnapshot(
        pools=tuple(
            engine.PoolFacts(
                pool=pool.key,
                accelerators_per_node=pool.accelerators_per_node,
                programme_nodes=pool.nodes - pool.own_use_nodes,
            )
            for pool in pools
        ),
        nodes=tuple(nodes),
        faults=tuple(_fault(row, keys) for row in _faults(keys)),
        incidents=tuple(_incident(row, keys) for row in _incidents(keys, horizon)),
        promises=tuple(_promises(keys, earliest, now)),
        windows=tuple(_window(row, keys) for row in _windows(keys, horizon)),
        standing=tuple(sorted(_standing(keys, since))),
    )


def _pools(programme: Programme, now: datetime) -> list[Pool]:
    heard = Pool.objects.filter(
        cluster__provider__programme=programme,
        cluster__last_seen_at__gte=now - LATE_AFTER,
        node_statuses__isnull=False,
    )
    return list(heard.distinct().order_by("key"))


def _earliest(keys: dict[int, str], now: datetime) -> datetime:
    """When the longest of the outages began that last."""
    lasting = Incident.objects.filter(pool__in=keys, ends_at__isnull=True)
    began: datetime | None = lasting.aggregate(began=Min("starts_at"))["began"]
    return began or now


def _statuses(keys: dict[int, str]) -> QuerySet[NodeStatus]:
    return NodeStatus.objects.filter(pool__in=keys).order_by("pool", "node")


def _node(row: NodeStatus, keys: dict[int, str]) -> engine.NodeFacts:
    return engine.NodeFacts.model_validate(
        {
            "pool": keys[row.pool_id],
            "node": row.node,
            "state": row.state,
            "reason": row.reason,
            "since": row.since,
            "block": row.block,
            "booted": row.booted_at,
            "in_service_since": row.first_seen_at,
            "lost": row.lost,
        }
    )


def _faults(keys: dict[int, str]) -> QuerySet[DeviceFault]:
    return DeviceFault.objects.filter(pool__in=keys, judged_at__isnull=True).order_by("at", "pk")[
        :FAULTS_AT_ONCE
    ]


def _fault(row: DeviceFault, keys: dict[int, str]) -> engine.Fault:
    return engine.Fault.model_validate(
        {
            "id": row.pk,
            "pool": keys[row.pool_id],
            "node": row.node,
            "device": row.device,
            "kind": row.kind,
            "code": row.code,
            "at": row.at,
        }
    )


def _incidents(keys: dict[int, str], since: datetime) -> QuerySet[Incident]:
    recent = Q(ends_at__isnull=True) | Q(ends_at__gte=since)
    given = Prefetch("credits", IncidentCredit.objects.only("incident", "key"))
    return Incident.objects.filter(recent, pool__in=keys).prefetch_related(given).order_by("pk")


def _incident(row: Incident, keys: dict[int, str]) -> engine.Incident:
    return engine.Incident.model_validate(
        {
            "number": row.pk,
            "pool": keys[row.pool_id],
            "node": row.node,
            "cause": row.cause,
            "starts": row.starts_at,
            "ends": row.ends_at,
            "drains": row.drains,
            "drains_since": row.drains_since,
            "spare": row.spare,
            "lost": row.lost,
            "credited": [credit.key for credit in row.credits.all()],
        }
    )


def _promises(keys: dict[int, str], earliest: datetime, now: datetime) -> Iterable[engine.Promise]:
    rows = Stretch.objects.filter(
        allocation__pool__in=keys, ends_at__gt=earliest, starts_at__lte=now
    ).select_related("allocation")
    for row in rows.order_by("allocation__key", "starts_at"):
        yield engine.Promise(
            allocation=row.allocation.key,
            pool=keys[row.allocation.pool_id],
            servers=row.servers,
            starts=row.starts_at,
            ends=row.ends_at,
        )


def _windows(keys: dict[int, str], since: datetime) -> QuerySet[MaintenanceWindow]:
    return MaintenanceWindow.objects.filter(pool__in=keys, ends_at__gte=since).exclude(
        state=MaintenanceWindow.State.WITHDRAWN
    )


def _window(row: MaintenanceWindow, keys: dict[int, str]) -> engine.Window:
    return engine.Window(
        id=row.key,
        pool=keys[row.pool_id],
        nodes=tuple(row.nodes),
        starts=row.starts_at,
        ends=row.ends_at,
        announced=row.announced_at,
    )


def _standing(keys: dict[int, str], since: datetime) -> Iterable[tuple[str, str]]:
    stands = Q(state__in=[NodeRemoval.State.PROPOSED, NodeRemoval.State.APPROVED])
    rows = NodeRemoval.objects.filter(stands | Q(decided_at__gte=since), pool__in=keys)
    return {(keys[pool], node) for pool, node in rows.values_list("pool", "node")}
