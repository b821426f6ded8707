"""Lending idle capacity: load -> engine -> check -> record -> apply, at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, TypedDict

from django.db import transaction
from django.db.models import Count, Max

from dure.engine import lending
from dure.engine.checks import lending as check
from dure.hub.allocations import decisions, desired
from dure.hub.allocations.models import Decision, LentRight, Project, WaitlistEntry
from dure.hub.people.gate import STEWARD
from dure.hub.supply.models import Pool, Programme
from dure.hub.supply.queries import rules
from dure.hub.usage.models import UsageSegment

REMEMBERED: Final = timedelta(days=1)
"""Take-backs older than the longest back-off in the field (1 h) by far no longer count."""


@transaction.atomic
def offer(*, programme: Programme, now: datetime) -> Decision | None:
    """Offers idle capacity to the waitlist, in its order; None where nothing changes."""
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
        )
        .select_related("cluster")
        .order_by("key")
    )
    waiting = (
        WaitlistEntry.objects.filter(
            state=WaitlistEntry.State.WAITING, project__programme=programme
        )
        .select_related("application", "project")
        .order_by("position", "pk")
    )
    taken = _take_backs(programme, now)
    per_server = {pool.model: pool.accelerators_per_node for pool in pools}
    return lending.LendingSnapshot(
        pools=tuple(_pool_state(pool) for pool in pools),
        borrowers=tuple(
            lending.Borrower(
                project=entry.project.key,
                application=entry.application.number,
                position=entry.position,
                models=tuple(entry.application.models_accepted),
                accelerators=(entry.application.amount or 0)
                * max((per_server.get(m, 0) for m in entry.application.models_accepted), default=0),
                **taken.get(entry.project.key, NEVER),
            )
            for entry in waiting
            if any(m in per_server for m in entry.application.models_accepted)
        ),
        lent=tuple(sorted(_rights(programme))),
    )


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


def _pool_state(pool: Pool) -> lending.PoolState:
    said = next((p for p in pool.cluster.inventory if p["pool"] == pool.key), None)
    down = said["nodes_down"] if said else 0
    up = max(0, pool.nodes - pool.own_use_nodes - down) * pool.accelerators_per_node
    busy = said["owner_accelerators"] if said else None
    promised = pool.promised_servers * pool.accelerators_per_node
    return lending.PoolState(
        pool=pool.key,
        cluster=pool.cluster.key,
        model=pool.model,
        up=up,
        entitled=min(promised, up),
        # Where a site does not say what its owners use now, all they may use counts as used.
        used=min(busy if busy is not None else promised, up),
    )
