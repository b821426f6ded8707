"""When an allocation really held its servers: from the agents' word, not from ours.

- A stretch begins when the cluster's agent has bound the servers and ends when it has lowered
  them. Until then a signed award is not counted as held, nor is a pulled-back one as given back.
- The word may come late: the agent was killed between binding and saying so, or the revision had
  moved on by then. What an owner ran by then proves that it was bound: the stretch begins with it.
- Level-triggered: a report that the newest entitlements are applied brings every stretch of the
  cluster into line with it; said again, it changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from dure.hub.allocations.models import Allocation, Stretch
from dure.hub.supply.models import Cluster


def confirm(*, cluster: Cluster, applied_revision: int, at: datetime) -> None:
    """The agent has applied this revision as of `at`; what is older than the last change of an
    entitlement is waited out, and what is newer than all is not ours."""
    if not cluster.bound_revision <= applied_revision <= cluster.desired_revision:
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
    if not allocation.stretches.exists():
        work = allocation.usage.filter(kind="owner", starts_at__lt=at).order_by("starts_at")
        at = work.values_list("starts_at", flat=True).first() or at
    Stretch.objects.create(
        allocation=allocation,
        servers=allocation.servers,
        starts_at=max(at, allocation.starts_at),
        ends_at=allocation.ends_at,
    )


def worked(first_work: Mapping[int, datetime]) -> None:
    """Allocation -> when work of its owner, now heard of, began: not before its first stretch."""
    if not first_work:
        return
    stretches = (
        Stretch.objects.filter(allocation__in=first_work)
        .select_related("allocation")
        .order_by("-starts_at")
    )
    earliest = {stretch.allocation_id: stretch for stretch in stretches}
    for key, stretch in earliest.items():
        begun = max(first_work[key], stretch.allocation.starts_at)
        if begun < stretch.starts_at:
            stretch.starts_at = begun
            stretch.save(update_fields=["starts_at"])
