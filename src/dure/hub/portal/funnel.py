"""The programme's funnel: from the accelerators it has to those that people really use.

- One unit all the way, servers, so that every bar can be set beside every other; what else a stage
  counts (accelerators, applications) stands beside it.
- Pools for rehearsals are in no stage; leased pools are in none either, for they are promised
  outside the calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.db.models import Count, F, Q, Sum

from dure.hub.allocations.models import Allocation, Decision, Outcome
from dure.hub.calls.models import Application, Call
from dure.hub.usage.models import UsageSegment
from dure.vocabulary.programme import Programme

_ADMITTED = (
    Application.State.ADMITTED,
    Application.State.RANKED,
    Application.State.AWARDED,
    Application.State.WAITLISTED,
    Application.State.REJECTED,
)


StageKey = Literal["supply", "offered", "asked", "admitted", "awarded", "agreed", "bound", "used"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One step; `others` counts its projects or accelerators, whichever `key` says."""

    key: StageKey
    servers: int
    others: int


def funnel(programme: Programme) -> list[Stage]:
    """The stages in order. Public: it tells sums alone."""
    asked, admitted = _applications(programme)
    return [
        _supply(programme),
        _offered(programme),
        asked,
        admitted,
        _awarded(programme),
        *_allocations(programme),
    ]


def _supply(programme: Programme) -> Stage:
    pools = [pool for _, _, pool in programme.pools() if pool.arrangement == "acquired"]
    return Stage(
        "supply",
        sum(pool.programme_nodes for pool in pools),
        sum(pool.programme_accelerators for pool in pools),
    )


def _offered(programme: Programme) -> Stage:
    opened = set(Call.objects.exclude(state=Call.State.ANNOUNCED).values_list("key", flat=True))
    names = {name for call in programme.calls if call.id in opened for name in call.pools}
    pools = [
        pool
        for _, _, pool in programme.pools()
        if pool.id in names and pool.arrangement != "rehearsal"
    ]
    return Stage(
        "offered",
        sum(pool.awardable_nodes for pool in pools),
        sum(pool.awardable_nodes * pool.accelerators_per_node for pool in pools),
    )


def _real_calls(programme: Programme) -> list[str]:
    """The calls that offer more than a place to rehearse."""
    rehearsal = {p.id for _, _, p in programme.pools() if p.arrangement == "rehearsal"}
    return [call.id for call in programme.calls if not rehearsal.issuperset(call.pools)]


def _applications(programme: Programme) -> tuple[Stage, Stage]:
    admitted = Q(state__in=_ADMITTED)
    sums = Application.objects.filter(
        call__key__in=_real_calls(programme), submitted_at__isnull=False
    ).aggregate(
        asked=Sum("amount", default=0),
        projects=Count("pk"),
        admitted=Sum("amount", filter=admitted, default=0),
        admitted_projects=Count("pk", filter=admitted),
    )
    return (
        Stage("asked", sums["asked"], sums["projects"]),
        Stage("admitted", sums["admitted"], sums["admitted_projects"]),
    )


def _awarded(programme: Programme) -> Stage:
    sums = (
        Outcome.objects.filter(
            decision__programme__key=programme.id,
            decision__state=Decision.State.APPLIED,
            servers__gt=0,
        )
        .exclude(pool__arrangement="rehearsal")
        .aggregate(servers=Sum("servers", default=0), projects=Count("application", distinct=True))
    )
    return Stage("awarded", sums["servers"], sums["projects"])


def _allocations(programme: Programme) -> list[Stage]:
    """Agreed: signed. Bound: the site has confirmed it. Used: its owner has run a job on it."""
    agreed = Q(agreed_at__isnull=False)
    bound = agreed & Q(
        state=Allocation.State.ACTIVE,
        pool__cluster__applied_revision__gte=F("pool__cluster__desired_revision"),
        pool__cluster__desired_revision__gt=0,
    )
    used = Q(pk__in=UsageSegment.objects.filter(kind="owner").values("allocation"))
    stages: dict[StageKey, Q] = {"agreed": agreed, "bound": bound, "used": used}
    sums = (
        Allocation.objects.filter(
            project__programme__key=programme.id, project__application__isnull=False
        )
        .exclude(pool__arrangement="rehearsal")
        .aggregate(
            **{f"{key}_servers": Sum("servers", filter=q, default=0) for key, q in stages.items()},
            **{
                f"{key}_projects": Count("project", filter=q, distinct=True)
                for key, q in stages.items()
            },
        )
    )
    return [Stage(key, sums[f"{key}_servers"], sums[f"{key}_projects"]) for key in stages]
