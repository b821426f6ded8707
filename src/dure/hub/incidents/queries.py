"""Reading incidents, removals and maintenance: all of the programme, or of one's own clusters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Count, Model, Q, QuerySet, Sum

from dure.hub.allocations.models import Allocation
from dure.hub.audit.models import Event
from dure.hub.audit.queries import trail
from dure.hub.incidents.models import (
    DeviceFault,
    Incident,
    IncidentCredit,
    MaintenanceWindow,
    NodeRemoval,
    NodeStatus,
)
from dure.hub.people.gate import Action, NotPermitted, may, require
from dure.hub.people.models import Role, User
from dure.hub.supply.models import Cluster, Pool

Row = TypeVar("Row", bound=Model)

MOST_SHOWN = 50
"""Of what stands beside a list: more than these are never looked at at once (our choice)."""


@dataclass(frozen=True, slots=True)
class IncidentSeen:
    """An incident with all that belongs to it; amounts in accelerator-seconds."""

    incident: Incident
    credits: tuple[IncidentCredit, ...]
    faults: tuple[DeviceFault, ...]
    status: NodeStatus | None
    events: tuple[Event, ...]

    @property
    def credited(self) -> int:
        return sum(credit.amount for credit in self.credits)


@dataclass(frozen=True, slots=True)
class OfAllocation:
    """What an owner should know: what is to come, what lasts, what was given back."""

    windows: tuple[MaintenanceWindow, ...]
    lasting: tuple[Incident, ...]
    credits: tuple[IncidentCredit, ...]

    @property
    def any(self) -> bool:
        return bool(self.windows or self.lasting or self.credits)


@dataclass(frozen=True, slots=True)
class OfCluster:
    """How many nodes a cluster has and how many are in service; the first of the others."""

    known: int
    up: int
    others: tuple[NodeStatus, ...]


def _reached(everything: QuerySet[Row], by: User, provider: str) -> QuerySet[Row]:
    """Of `everything`, what is of the person's clusters. Raises NotPermitted to who has none."""
    if may(by, Action.SEE_INCIDENT):
        return everything
    number = by.organisation.registration_number if by.organisation else ""
    if by.role != Role.PROVIDER or not number:
        raise NotPermitted(by, Action.SEE_INCIDENT)
    return everything.filter(**{provider: number})


_OF_POOL = "pool__cluster__provider__registration_number"


def incidents(*, by: User, state: str = "", pool: str = "", node: str = "") -> QuerySet[Incident]:
    """The incidents this person may see, those that last first, with what was given back."""
    found = _reached(Incident.objects.all(), by, _OF_POOL).select_related("pool", "window")
    if state in Incident.State.values:
        found = found.filter(state=state)
    if pool:
        found = found.filter(pool__key=pool)
    if node:
        found = found.filter(node__icontains=node)
    deferred = found.defer("lost", "decision").annotate(credited=Sum("credits__amount"))
    return deferred.order_by("-state", "-starts_at", "-pk")


def incident(*, pk: int, by: User) -> IncidentSeen:
    """One incident. Raises NotPermitted, also where there is none."""
    related = "pool__cluster__provider"
    found = Incident.objects.select_related(related, "window").filter(pk=pk).first()
    if found is None:
        raise NotPermitted(by, Action.SEE_INCIDENT)
    require(by, Action.SEE_INCIDENT, found.pool.cluster)
    given = found.credits.select_related("allocation__project")
    return IncidentSeen(
        incident=found,
        credits=tuple(given),
        faults=tuple(found.faults.all()[:MOST_SHOWN]),
        status=NodeStatus.objects.filter(pool=found.pool, node=found.node).first(),
        events=tuple(trail(subject=found.subject)),
    )


def maintenance(*, by: User) -> QuerySet[MaintenanceWindow]:
    """The calendar: what runs and is to come, the next first."""
    found = _reached(MaintenanceWindow.objects.all(), by, _OF_POOL)
    announced = found.filter(state=MaintenanceWindow.State.ANNOUNCED)
    return announced.select_related("pool__cluster", "announced_by").order_by("starts_at", "pk")


def window(*, pk: int, by: User) -> MaintenanceWindow:
    """One window. Raises NotPermitted, also where there is none."""
    found = MaintenanceWindow.objects.select_related("pool__cluster__provider").filter(pk=pk)
    one = found.first()
    if one is None:
        raise NotPermitted(by, Action.SEE_INCIDENT)
    require(by, Action.SEE_INCIDENT, one.pool.cluster)
    return one


def removals(*, by: User) -> QuerySet[NodeRemoval]:
    """What waits for a person, and what stands removed."""
    found = _reached(NodeRemoval.objects.all(), by, _OF_POOL)
    stands = [NodeRemoval.State.PROPOSED, NodeRemoval.State.APPROVED]
    return found.filter(state__in=stands).select_related("pool").order_by("-state", "pk")


def removal(*, pk: int, by: User) -> NodeRemoval:
    """One removal. Raises NotPermitted, also where there is none."""
    found = NodeRemoval.objects.select_related("pool__cluster__provider").filter(pk=pk).first()
    if found is None:
        raise NotPermitted(by, Action.SEE_INCIDENT)
    require(by, Action.SEE_INCIDENT, found.pool.cluster)
    return found


def pool_keys(*, by: User) -> list[str]:
    """The pools that the list can be narrowed to."""
    found = _reached(Pool.objects.order_by("key"), by, "cluster__provider__registration_number")
    return list(found.values_list("key", flat=True))


def pools(*, by: User) -> QuerySet[Pool]:
    """The pools that this person may announce maintenance of. Raises NotPermitted to others."""
    if not may(by, Action.ANNOUNCE_MAINTENANCE):
        raise NotPermitted(by, Action.ANNOUNCE_MAINTENANCE)
    found = Pool.objects.select_related("cluster__provider").order_by("key")
    return _reached(found, by, "cluster__provider__registration_number")


def missing() -> QuerySet[Any, Any]:
    """How many outages last for which no spare was left: one number, for a query around it."""
    grave = Incident.objects.filter(state=Incident.State.LASTING, severity=Incident.Severity.HIGH)
    return grave.order_by().values("severity").annotate(number=Count("pk")).values("number")


def of_cluster(*, cluster: Cluster, by: User) -> OfCluster:
    """How the cluster's nodes are, as its agent last said. Two queries."""
    require(by, Action.SEE_CLUSTER, cluster)
    nodes = NodeStatus.objects.filter(pool__cluster=cluster)
    counted = nodes.aggregate(
        known=Count("pk"), up=Count("pk", filter=Q(state=NodeStatus.State.UP))
    )
    others = nodes.exclude(state=NodeStatus.State.UP).select_related("pool").defer("lost")
    shown = others.order_by("pool__key", "node")[:MOST_SHOWN]
    return OfCluster(known=counted["known"], up=counted["up"], others=tuple(shown))


def of_allocation(*, allocation: Allocation, by: User, now: datetime) -> OfAllocation:
    """What an allocation's people should know of outages. Three queries."""
    require(by, Action.SEE_ALLOCATION, allocation)
    windows = MaintenanceWindow.objects.filter(
        pool=allocation.pool,
        state=MaintenanceWindow.State.ANNOUNCED,
        starts_at__lt=allocation.ends_at,
        ends_at__gt=max(now, allocation.starts_at),
    )
    missing = Q(severity=Incident.Severity.HIGH) | Q(credits__allocation=allocation)
    lasting = Incident.objects.filter(
        missing, pool=allocation.pool, state=Incident.State.LASTING
    ).distinct()
    credits_given = allocation.incident_credits.select_related("incident").order_by("-at", "-pk")
    return OfAllocation(
        windows=tuple(windows[:MOST_SHOWN]),
        lasting=tuple(lasting[:MOST_SHOWN]),
        credits=tuple(credits_given[:MOST_SHOWN]),
    )
