"""What each cluster should hold: the document its agent pulls.

- Complete, never a delta; the revision grows only when the content changes.
- An allocation that was awarded but not agreed is not bound.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from dure.hub.allocations.models import Allocation, LentRight, Project
from dure.hub.people.models import User
from dure.hub.supply.models import Cluster
from dure.hub.supply.queries import rules
from dure.protocol import Binding, Desired, LentShare, MemberAccess


@transaction.atomic
def refresh(*, cluster: Cluster, now: datetime) -> Cluster:
    """Writes the cluster's desired document anew; unchanged content keeps its revision."""
    locked = (
        Cluster.objects.select_for_update(of=("self",))
        .select_related("provider__programme")
        .get(pk=cluster.pk)
    )
    lending = rules(locked.provider.programme).lending
    content = Desired(
        cluster=locked.key,
        revision=locked.desired_revision,
        bindings=tuple(_bindings(locked, now)),
        lent=tuple(_lent(locked)) if lending.enabled else (),
        grace_s=lending.grace_s,
    )
    if locked.desired is not None and Desired.model_validate(locked.desired) == content:
        return locked
    locked.desired_revision += 1
    document = content.model_copy(update={"revision": locked.desired_revision})
    locked.desired = document.model_dump(mode="json")
    locked.save(update_fields=["desired", "desired_revision"])
    return locked


def refresh_all(*, clusters: Iterable[Cluster], now: datetime) -> None:
    """Refreshes each cluster once."""
    for cluster in {c.pk: c for c in clusters}.values():
        refresh(cluster=cluster, now=now)


def _members(project: Project) -> tuple[MemberAccess, ...]:
    def access(user: User) -> MemberAccess:
        return MemberAccess(username=user.username)

    return tuple(access(u) for u in sorted(project.members.all(), key=lambda u: u.username))


def _bindings(cluster: Cluster, now: datetime) -> Iterable[Binding]:
    active = (
        Allocation.objects.filter(
            pool__cluster=cluster, state=Allocation.State.ACTIVE, ends_at__gt=now
        )
        .select_related("project", "pool")
        .prefetch_related("project__members")
        .order_by("key")
    )
    for allocation in active:
        yield Binding(
            allocation=allocation.key,
            project=allocation.project.key,
            pool=allocation.pool.key,
            servers=allocation.servers,
            accelerators=allocation.servers * allocation.pool.accelerators_per_node,
            members=_members(allocation.project),
            starts=allocation.starts_at,
            ends=allocation.ends_at,
            generation=allocation.generation,
        )


def _lent(cluster: Cluster) -> Iterable[LentShare]:
    rights = (
        LentRight.objects.filter(pool__cluster=cluster)
        .select_related("project", "pool")
        .prefetch_related("project__members")
        .order_by("pool__key", "order", "project__key")
    )
    for right in rights:
        yield LentShare(
            project=right.project.key,
            pool=right.pool.key,
            order=right.order,
            max_accelerators=right.max_accelerators,
            members=_members(right.project),
        )
