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


def confirm(*, cluster: Cluster, applied_revision: int, at: datetime) -> None:
    """The agent has applied this revision as of `at`; older revisions are waited out."""
    if applied_revision != cluster.desired_revision:
        return
    at = at.replace(microsecond=0)  # accounts are cut at whole seconds
    bound = {
        allocation.key: allocation
        for allocation in Allocation.objects.filter(
            pool__cluster=cluster, state=Allocation.State.ACTIVE, ends_at__gt=at
        )
    }
    current = {
        stretch.allocation.key: stretch
        for stretch in Stretch.objects.filter(
            allocation__pool__cluster=cluster, ends_at__gt=at
        ).select_related("allocation")
    }
    for key, stretch in current.items():
        if key not in bound or bound[key].servers != stretch.servers:
            _end(stretch, at)
    for key, allocation in bound.items():
        if key not in current or current[key].servers != allocation.servers:
            _begin(allocation, at)


def _end(stretch: Stretch, at: datetime) -> None:
    if stretch.starts_at >= at:
        stretch.delete()
        return
    stretch.ends_at = at
    stretch.save(update_fields=["ends_at"])


def _begin(allocation: Allocation, at: datetime) -> None:
    Stretch.objects.create(
        allocation=allocation,
        servers=allocation.servers,
        starts_at=max(at, allocation.starts_at),
        ends_at=allocation.ends_at,
    )
