"""What each cluster should hold: the document its agent pulls.

- Complete, never a delta, and made from the stored facts whenever it is asked for.
- Whatever changes it counts the cluster's revision on in the same transaction, so one revision is
  one content.
- An allocation that was awarded but not agreed is not in it.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import F

from dure.hub.allocations.models import Allocation, LentRight, Project
from dure.hub.incidents import upkeep
from dure.hub.jobs import orders
from dure.hub.supply.models import Cluster
from dure.hub.supply.queries import rules
from dure.protocol import Binding, Desired, LentShare, MemberAccess


def touch(clusters: Iterable[Cluster]) -> None:
    """What these clusters should hold has changed; a waiting agent hears of it at once."""
    Cluster.objects.filter(pk__in={c.pk for c in clusters}).update(
        desired_revision=F("desired_revision") + 1, bound_revision=F("desired_revision") + 1
    )


def document(cluster: Cluster) -> Desired:
    """The complete document at the cluster's present revision. Ten queries."""
    present = Cluster.objects.select_related("provider__programme").get(pk=cluster.pk)
    lending = rules(present.provider.programme).lending
    return Desired(
        cluster=present.key,
        revision=present.desired_revision,
        bindings=tuple(_bindings(present)),
        lent=tuple(_lent(present)) if lending.enabled else (),
        grace_s=lending.grace_s,
        maintenance=upkeep.maintenance(present),
        drains=upkeep.drains(present),
        orders=orders.of_cluster(present),
    )


def _members(project: Project) -> tuple[MemberAccess, ...]:
    names = sorted(user.username for user in project.members.all())
    return tuple(MemberAccess(username=name) for name in names)


def _bindings(cluster: Cluster) -> Iterable[Binding]:
    active = (
        Allocation.objects.filter(pool__cluster=cluster, state=Allocation.State.ACTIVE)
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
