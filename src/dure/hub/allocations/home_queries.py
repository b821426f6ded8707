"""What the operator looks at first: what is due, what waits, what stands idle, who is silent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Sum, Window
from django.db.models.functions import Coalesce

from dure.hub.allocations.models import (
    Allocation,
    Decision,
    Project,
    ReclaimNotice,
    WaitlistEntry,
)
from dure.hub.allocations.steps import Step, next_step
from dure.hub.calls.models import Application, Call
from dure.hub.incidents.queries import missing
from dure.hub.people.gate import Action, require
from dure.hub.people.models import User
from dure.hub.supply.models import Cluster, Pool
from dure.hub.supply.queries import late_clusters
from dure.hub.usage.models import UsageSegment

IDLE_AFTER: Final = timedelta(days=7)
"""No owner's work in a week: a weekend and a holiday are not yet idleness (our choice)."""

SITE_IS_CURRENT: Final = timedelta(days=1)
"""Idle is said only where the site has reported to within a day: no report is not zero use."""

SHOWN: Final = 10
"""Rows of each list on the first page; the whole list is a click away (our choice)."""


@dataclass(frozen=True, slots=True)
class CallDue:
    """A call and the step that is due; None where the round's page leads, or all is done."""

    call: Call
    submitted: int
    asked: int
    step: Step | None

    @property
    def address(self) -> str:
        """Where the step is taken."""
        return self.step.address(self.call) if self.step else ""


@dataclass(frozen=True, slots=True)
class Figures:
    """Servers and projects of the whole programme, now. `missing`: promised, and out."""

    awardable: int
    promised: int
    waiting: int
    offered: int
    active: int
    missing: int

    @property
    def free(self) -> int:
        return self.awardable - self.promised


@dataclass(frozen=True, slots=True)
class Home:
    figures: Figures
    calls: tuple[CallDue, ...]
    pending: tuple[Decision, ...]
    idle: tuple[Allocation, ...]
    idle_total: int
    late: tuple[Cluster, ...]
    notices: tuple[ReclaimNotice, ...]
    notices_total: int


def home(*, by: User, now: datetime) -> Home:
    """The operator's first page."""
    require(by, Action.SEE_ROUND)
    idle, notices = tuple(_idle(now)[:SHOWN]), tuple(_notices()[:SHOWN])
    return Home(
        figures=_figures(),
        calls=_calls(),
        pending=_pending(),
        idle=idle,
        idle_total=idle[0].of if idle else 0,
        late=tuple(late_clusters(now=now)[:SHOWN]),
        notices=notices,
        notices_total=notices[0].of if notices else 0,
    )


def _calls() -> tuple[CallDue, ...]:
    left_draft = ~Q(applications__state__in=[Application.State.DRAFT, Application.State.WITHDRAWN])
    calls = Call.objects.select_related("programme").prefetch_related("stages")
    counted = calls.annotate(
        submitted=Count("applications", filter=left_draft),
        asked=Sum("applications__amount", filter=left_draft, default=0),
    ).order_by("-opens_at", "key")
    return tuple(CallDue(call, call.submitted, call.asked, next_step(call)) for call in counted)


def _pending() -> tuple[Decision, ...]:
    found = Decision.objects.filter(state=Decision.State.PROPOSED)
    light = found.defer("snapshot", "policy", "plan")
    return tuple(light.select_related("programme", "call").order_by("-number")[:SHOWN])


def _figures() -> Figures:
    supply = Pool.objects.exclude(arrangement="rehearsal").aggregate(
        awardable=Sum(F("nodes") - F("own_use_nodes") - F("spare_nodes"), default=0),
        promised=Sum("promised_servers", default=0),
        missing=Max(Coalesce(Subquery(missing()), 0), default=0),
    )
    counts = Project.objects.aggregate(
        offered=_allocations_in(Allocation.State.OFFERED),
        active=_allocations_in(Allocation.State.ACTIVE),
        waiting=Count(
            "waitlist_entry",
            filter=Q(waitlist_entry__state=WaitlistEntry.State.WAITING),
            distinct=True,
        ),
    )
    return Figures(**supply, **counts)


def _allocations_in(state: Allocation.State) -> Count:
    return Count("allocations", filter=Q(allocations__state=state), distinct=True)


_ALL: Final = Window(Count("pk"))
"""How many rows there are before the first of them are cut off, in the same query."""


def _idle(now: datetime) -> QuerySet[Allocation, Any]:
    recent = UsageSegment.objects.filter(
        allocation=OuterRef("pk"), kind="owner", ends_at__gt=now - IDLE_AFTER
    )
    found = Allocation.objects.exclude(pool__arrangement="rehearsal").filter(
        ~Exists(recent),
        state=Allocation.State.ACTIVE,
        starts_at__lte=now - IDLE_AFTER,
        ends_at__gt=now,
        pool__cluster__complete_through__gte=now - SITE_IS_CURRENT,
    )
    return (
        found.annotate(of=_ALL)
        .select_related("project__organisation", "pool")
        .order_by("-servers", "key")
    )


def _notices() -> QuerySet[ReclaimNotice, Any]:
    found = ReclaimNotice.objects.filter(state=ReclaimNotice.State.OPEN)
    related = found.annotate(of=_ALL).select_related("allocation__project__organisation")
    return related.order_by("deadline", "pk")
