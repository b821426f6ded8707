"""Taking what agents say of their nodes: the last word stands, events come once.

- Health is all nodes of the cluster or nothing new. A node that is missing among them is no more;
  of one that is named twice, the last word counts.
- Health counts from when it was said, not from when it arrived: a site's words may wait for the
  hub. An older word changes nothing.
- A node of a pool that this hub does not know is said to differ, and not taken: the rest is.
"""

from __future__ import annotations

from datetime import datetime

from dure.hub.allocations.models import Allocation
from dure.hub.incidents.models import DeviceFault, NodeStatus
from dure.hub.supply.models import Cluster, Pool
from dure.protocol import Drift, NodeHealth, Report

_CHANGING = ("state", "reason", "since", "block", "accelerators", "booted_at", "lost")


def note(*, cluster: Cluster, report: Report, pools: dict[str, Pool], now: datetime) -> list[Drift]:
    """Stores health and events; what could not be placed comes back as drift.

    Of the cluster, it sets `health_said_at`; the caller saves.
    """
    differing = _unknown(report, pools)
    if report.health and _is_news(cluster, report):
        said = {(node.pool, node.node): node for node in report.health if node.pool in pools}
        _note_health(cluster, list(said.values()), pools, min(report.said_at, now))
        cluster.health_said_at = min(report.said_at, now)
    if report.events:
        differing += _note_events(cluster, report)
    return differing


def _is_news(cluster: Cluster, report: Report) -> bool:
    return cluster.health_said_at is None or report.said_at >= cluster.health_said_at


def _unknown(report: Report, pools: dict[str, Pool]) -> list[Drift]:
    names = sorted({node.pool for node in report.health} - pools.keys())
    return [
        Drift(subject=f"nodes of {name}", expected="a pool of this cluster", found=name)
        for name in names
    ]


def _note_health(
    cluster: Cluster, said: list[NodeHealth], pools: dict[str, Pool], at: datetime
) -> None:
    ours = _allocations(cluster, said)
    known = {
        (row.pool_id, row.node): row for row in NodeStatus.objects.filter(pool__cluster=cluster)
    }
    fresh, changed = [], []
    for node in said:
        row = known.pop((pools[node.pool].pk, node.node), None)
        if row is None:
            row = NodeStatus(pool=pools[node.pool], node=node.node, first_seen_at=at)
            fresh.append(row)
            _take(row, node, ours, at)
        elif _take(row, node, ours, at):
            changed.append(row)
    NodeStatus.objects.filter(pk__in=[row.pk for row in known.values()]).delete()
    NodeStatus.objects.bulk_create(fresh, batch_size=500)
    NodeStatus.objects.bulk_update(changed, _CHANGING, batch_size=500)


def _allocations(cluster: Cluster, said: list[NodeHealth]) -> set[str]:
    """Those of the cluster that lost work is said of."""
    named = {one.allocation for node in said for one in node.lost}
    if not named:
        return set()
    found = Allocation.objects.filter(pool__cluster=cluster, key__in=named)
    return set(found.values_list("key", flat=True))


def _take(row: NodeStatus, node: NodeHealth, ours: set[str], at: datetime) -> bool:
    """Whether anything of the row is other than before. Work of nobody we know is left out."""
    before = tuple(getattr(row, name) for name in _CHANGING)
    stays = row.state == node.state and row.since is not None
    row.state, row.reason = node.state, node.reason[:200]
    row.since = min(node.since, at) if node.since else (row.since if stays else at)
    row.block, row.accelerators, row.booted_at = node.block, node.accelerators, node.booted
    row.lost = [one.model_dump(mode="json") for one in node.lost if one.allocation in ours]
    return before != tuple(getattr(row, name) for name in _CHANGING)


def _note_events(cluster: Cluster, report: Report) -> list[Drift]:
    """Each event once; one of a node that was never said to be there cannot be placed."""
    places = dict(
        NodeStatus.objects.filter(
            pool__cluster=cluster, node__in={event.node for event in report.events}
        ).values_list("node", "pool_id")
    )
    DeviceFault.objects.bulk_create(
        [
            DeviceFault(
                pool_id=places[event.node],
                node=event.node,
                device=event.device,
                kind=event.kind,
                code=event.code,
                at=event.at,
            )
            for event in report.events
            if event.node in places
        ],
        ignore_conflicts=True,
        batch_size=500,
    )
    return [
        Drift(subject=f"report of a device of {name}", expected="a node of a pool", found=name)
        for name in sorted({event.node for event in report.events} - places.keys())
    ]
