"""What the sites keep free or out of service for us: the part of the desired document.

- A window stands until it is over or withdrawn; a drain as long as its incident lasts, or its
  removal stands.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import F

from dure.hub.incidents.models import Incident, MaintenanceWindow, NodeRemoval
from dure.hub.supply.models import Cluster
from dure.protocol import Drain, Maintenance


def touch(clusters: Iterable[int]) -> None:
    """What these clusters should keep out has changed; no entitlement has."""
    Cluster.objects.filter(pk__in=set(clusters)).update(desired_revision=F("desired_revision") + 1)


def maintenance(cluster: Cluster) -> tuple[Maintenance, ...]:
    """The windows of the cluster that are to come or run."""
    windows = MaintenanceWindow.objects.filter(
        pool__cluster=cluster, state=MaintenanceWindow.State.ANNOUNCED
    ).select_related("pool")
    return tuple(
        Maintenance(
            id=window.key,
            pool=window.pool.key,
            nodes=tuple(window.nodes),
            starts=window.starts_at,
            ends=window.ends_at,
            why=window.why,
        )
        for window in windows
    )


def drains(cluster: Cluster) -> tuple[Drain, ...]:
    """The nodes that take no work: those of incidents, and those removed. One each."""
    removed = NodeRemoval.objects.filter(
        pool__cluster=cluster, state=NodeRemoval.State.APPROVED
    ).select_related("pool")
    kept_out = Incident.objects.filter(
        pool__cluster=cluster, state=Incident.State.LASTING, drains=True
    ).select_related("pool")
    found = {(incident.pool.key, incident.node): str(incident.pk) for incident in kept_out} | {
        (removal.pool.key, removal.node): removal.key for removal in removed
    }
    return tuple(Drain(id=key, pool=pool, node=node) for (pool, node), key in sorted(found.items()))
