"""When an allocation really held its servers: from the agents' word, not from ours.

- A stretch begins when the cluster's agent has bound the servers and ends when it has lowered
  them. Until then a signed award is not counted as held, nor is a pulled-back one as given back.
- Level-triggered: a report that the newest revision is applied brings every stretch of the
  cluster into line with it; said again, it changes nothing.
"""

from __future__ import annotations

from datetime import datetime

from dure.hub.allocations.models import Allocation, Stretch
from dure.hub.supply.models import Cluster
from dure.protocol import Desired


def confirm(*, cluster: Cluster, applied_revision: int, at: datetime) -> None:
    """The agent has applied this revision as of `at`; older revisions are waited out."""
    if cluster.desired is None or applied_revision != cluster.desired_revision:
        return
    bound = {b.allocation: b.servers for b in Desired.model_validate(cluster.desired).bindings}
    current = {
        stretch.allocation.key: stretch
        for stretch in Stretch.objects.filter(
            allocation__pool__cluster=cluster, ends_at__gt=at
        ).select_related("allocation")
    }
    changed = {
        key
        for key in bound.keys() | current.keys()
        if bound.get(key, 0) != (current[key].servers if key in current else 0)
    }
    for allocation in Allocation.objects.filter(key__in=changed):
        _hold(allocation, current.get(allocation.key), bound.get(allocation.key, 0), at)


def _hold(allocation: Allocation, current: Stretch | None, servers: int, at: datetime) -> None:
    if current is not None:
        if current.starts_at >= at:
            current.delete()
        else:
            current.ends_at = at
            current.save(update_fields=["ends_at"])
    if servers and at < allocation.ends_at:
        Stretch.objects.create(
            allocation=allocation,
            servers=servers,
            starts_at=max(at, allocation.starts_at),
            ends_at=allocation.ends_at,
        )
