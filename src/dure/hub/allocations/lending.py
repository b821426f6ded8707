"""Lending idle capacity: load -> engine -> check -> record -> apply, at once.

- Who waits may borrow on the models that the application accepts; who holds an allocation, beyond
  it, on the models it holds; who does both, on all of these.
- What was borrowed of late is counted in whole weeks of the programme, so that turns change once a
  week and not with every job that ends: engines order by use themselves in between.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Final, NamedTuple, TypedDict

from django.db import transaction
from django.db.models import Count, DurationField, F, Max, Sum

from dure.engine import lending
from dure.engine.checks import lending as check
from dure.hub.allocations import decisions, desired
from dure.hub.allocations.models import Allocation, Decision, LentRight, Project, WaitlistEntry
from dure.hub.people.gate import STEWARD
from dure.hub.supply.models import Pool, Programme
from dure.hub.supply.queries import rules
from dure.hub.usage.models import UsageSegment

REMEMBERED: Final = timedelta(days=1)
"""Take-backs older than the longest back-off in the field (1 h) by far no longer count."""

WEEK: Final = timedelta(days=7)


class _Wish(NamedTuple):
    position: int
    models: tuple[str, ...]
    asked: int


@transaction.atomic
def offer(*, programme: Programme, now: datetime) -> Decision | None:
    """Offers what stands idle to who waits and to who holds; None where nothing changes."""
    policy = rules(programme).lending
    snapshot = _snapshot(programme, now)
    header = decisions.next_header(programme=programme, now=now)
    plan = lending.plan(snapshot, policy, header)
    wrong = check.violations(snapshot, policy, plan)
    if wrong:
        raise decisions.PlanRefused(wrong)
    if not _rights_change(plan, programme):
        return None
    decision = decisions.record(
        programme=programme,
        snapshot=snapshot,
        policy=policy,
        plan=plan,
        by=STEWARD,
        applied=True,
        moves_capacity=False,
    )
    _apply_lending(plan, programme, now)
    return decision


def _rights(programme: Programme) -> dict[tuple[str, str], LentRight]:
    rights = LentRight.objects.filter(project__programme=programme).select_related(
        "project", "pool"
    )
    return {(r.project.key, r.pool.key): r for r in rights}


def _rights_change(plan: lending.LendingPlan, programme: Programme) -> bool:
    held = {key: (right.order, right.max_accelerators) for key, right in _rights(programme).items()}
    wanted = {
        (i.project, i.pool): (i.order, i.max_accelerators)
        for i in plan.intents
        if isinstance(i, lending.Lend)
    }
    return held != wanted


def _apply_lending(plan: lending.LendingPlan, programme: Programme, now: datetime) -> None:
    held = _rights(programme)
    wanted = {(i.project, i.pool): i for i in plan.intents if isinstance(i, lending.Lend)}
    projects = {p.key: p for p in Project.objects.filter(programme=programme)}
    pools = {p.key: p for p in Pool.objects.select_related("cluster")}
    gone = [right for key, right in held.items() if key not in wanted]
    changed = [
        LentRight(
            project=projects[project],
            pool=pools[pool],
            order=intent.order,
            max_accelerators=intent.max_accelerators,
            since=now,
        )
        for (project, pool), intent in wanted.items()
        if (right := held.get((project, pool))) is None
        or (right.order, right.max_accelerators) != (intent.order, intent.max_accelerators)
    ]
    LentRight.objects.filter(pk__in=[right.pk for right in gone]).delete()
    LentRight.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["project", "pool"],
        update_fields=["order", "max_accelerators", "since"],
    )
    desired.touch(pools[right.pool.key].cluster for right in (*gone, *changed))


def _snapshot(programme: Programme, now: datetime) -> lending.LendingSnapshot:
    pools = list(
        Pool.objects.filter(
            cluster__provider__programme=programme, cluster__last_seen_at__isnull=False
        ).order_by("key")
    )
    return lending.LendingSnapshot(
        pools=tuple(
            lending.PoolState(
                pool=pool.key,
                model=pool.model,
                accelerators=max(0, pool.nodes - pool.own_use_nodes) * pool.accelerators_per_node,
            )
            for pool in pools
        ),
        borrowers=tuple(_borrowers(programme, pools, now)),
        lent=tuple(sorted(_rights(programme))),
    )


def _borrowers(
    programme: Programme, pools: list[Pool], now: datetime
) -> Iterator[lending.Borrower]:
    wishes, held = _waiting(programme, pools), _holding(programme)
    taken, borrowed = _take_backs(programme, now), _borrowed(programme, now)
    for project in sorted(wishes.keys() | held.keys()):
        wish, holding = wishes.get(project), held.get(project)
        yield lending.Borrower(
            project=project,
            position=wish.position if wish else None,
            models=tuple(sorted({*(wish.models if wish else ()), *(holding or {})})),
            asked=wish.asked if wish else sum((holding or {}).values()),
            borrowed=borrowed[project],
            **taken.get(project, NEVER),
        )


def _waiting(programme: Programme, pools: list[Pool]) -> dict[str, _Wish]:
    """By project: its place on the waitlist and what it applied for, where a pool offers that."""
    per_server = {pool.model: pool.accelerators_per_node for pool in pools}
    entries = WaitlistEntry.objects.filter(
        state=WaitlistEntry.State.WAITING, project__programme=programme
    ).select_related("application", "project")
    found = {}
    for entry in entries.order_by("position", "pk"):
        models = tuple(m for m in entry.application.models_accepted if m in per_server)
        asked = (entry.application.amount or 0) * max((per_server[m] for m in models), default=0)
        if asked:
            found[entry.project.key] = _Wish(entry.position, models, asked)
    return found


def _holding(programme: Programme) -> dict[str, Counter[str]]:
    """By project: the accelerators of each model that its active allocations promise."""
    active = Allocation.objects.filter(
        state=Allocation.State.ACTIVE, project__programme=programme
    ).values_list("project__key", "pool__model", "servers", "pool__accelerators_per_node")
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for project, model, servers, per_server in active:
        found[project][model] += servers * per_server
    return found


def _borrowed(programme: Programme, now: datetime) -> Counter[str]:
    """By project: accelerator-seconds of lent work that ended in the last whole week."""
    zone = rules(programme).zone
    today = datetime.combine(now.astimezone(zone), time(), tzinfo=zone)
    monday = today - timedelta(days=today.weekday())
    rows = (
        UsageSegment.objects.filter(
            project__programme=programme,
            kind="lent",
            ends_at__gt=monday - WEEK,
            ends_at__lte=monday,
        )
        .values_list("project__key", "accelerators")
        .annotate(lasted=Sum(F("ends_at") - F("starts_at"), output_field=DurationField()))
    )
    borrowed: Counter[str] = Counter()
    for project, accelerators, lasted in rows:
        borrowed[project] += accelerators * (lasted // timedelta(seconds=1))
    return borrowed


class _TakenBack(TypedDict):
    taken_back_at: datetime | None
    take_backs: int
    taken_back_pool: str | None


NEVER: Final = _TakenBack(taken_back_at=None, take_backs=0, taken_back_pool=None)


def _take_backs(programme: Programme, now: datetime) -> dict[str, _TakenBack]:
    """By project: its latest preemption of the last day, and how many it had in that pool."""
    rows = (
        UsageSegment.objects.filter(
            project__programme=programme,
            kind="lent",
            outcome="preempted",
            ends_at__gt=now - REMEMBERED,
        )
        .values_list("project__key", "pool__key")
        .annotate(latest=Max("ends_at"), times=Count("pk"))
        .order_by("latest")
    )
    return {
        project: _TakenBack(taken_back_at=latest, take_backs=times, taken_back_pool=pool)
        for project, pool, latest, times in rows
    }
