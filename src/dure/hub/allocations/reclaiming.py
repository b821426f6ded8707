"""Watching use and taking back what is not used.

Notices go out at once; what takes servers away is proposed and waits for a person.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from django.db import transaction

from dure.engine import reclaim
from dure.engine.checks import reclaim as check
from dure.hub.allocations import capacity, decisions, desired
from dure.hub.allocations.models import Allocation, Decision, ReclaimNotice
from dure.hub.audit import operations as audit
from dure.hub.notices import operations as notices
from dure.hub.people.gate import STEWARD, Action, require
from dure.hub.people.models import User
from dure.hub.supply.models import Cluster, Programme
from dure.hub.supply.queries import rules
from dure.hub.usage import ledger
from dure.hub.usage.daily import DailyUse, daily_use


@transaction.atomic
def review(*, programme: Programme, now: datetime) -> Decision | None:
    """Runs the reclaim rules: notices at once, pull-backs as a proposal. None: nothing to do."""
    document = rules(programme)
    snapshot = _snapshot(programme, now)
    header = decisions.next_header(programme=programme, now=now)
    plan = reclaim.plan(snapshot, document.reclaim, header)
    wrong = check.violations(snapshot, document.reclaim, plan)
    if wrong:
        raise decisions.PlanRefused(wrong)
    takes = any(isinstance(i, reclaim.PullBack) for i in plan.intents)
    tells = any(isinstance(i, reclaim.Notify | reclaim.Withdraw) for i in plan.intents)
    if not (takes or tells):
        return None
    Decision.objects.filter(
        programme=programme, kind="reclaim", state=Decision.State.PROPOSED
    ).update(state=Decision.State.SUPERSEDED)
    decision = decisions.record(
        programme=programme,
        snapshot=snapshot,
        policy={"reclaim": [r.model_dump(mode="json") for r in document.reclaim]},
        plan=plan,
        by=STEWARD,
        applied=not takes,
        moves_capacity=False,
    )
    _apply_notices(plan, now)
    return decision


def _people(allocation: Allocation) -> list[User]:
    return list(allocation.project.members.all())


def _apply_notices(plan: reclaim.ReclaimPlan, now: datetime) -> None:
    allocations = {
        a.key: a
        for a in Allocation.objects.filter(
            key__in=[
                i.allocation
                for i in plan.intents
                if isinstance(i, reclaim.Notify | reclaim.Withdraw)
            ]
        ).select_related("project")
    }
    for intent in plan.intents:
        if isinstance(intent, reclaim.Notify):
            _give_notice(allocations[intent.allocation], intent, now)
        elif isinstance(intent, reclaim.Withdraw):
            _withdraw_notice(allocations[intent.allocation], intent, now)


def _give_notice(allocation: Allocation, intent: reclaim.Notify, now: datetime) -> None:
    ReclaimNotice.objects.create(
        allocation=allocation,
        rule=intent.rule,
        given_at=now,
        deadline=intent.deadline,
        reason=intent.reason.model_dump(mode="json"),
    )
    notices.tell(people=_people(allocation), subject=allocation.key, reason=intent.reason, now=now)
    audit.record(
        by=STEWARD, what="reclaim.notified", subject=allocation.key, at=now, reason=intent.reason
    )


def _withdraw_notice(allocation: Allocation, intent: reclaim.Withdraw, now: datetime) -> None:
    allocation.notices.filter(rule=intent.rule, state=ReclaimNotice.State.OPEN).update(
        state=ReclaimNotice.State.WITHDRAWN
    )
    notices.tell(people=_people(allocation), subject=allocation.key, reason=intent.reason, now=now)
    audit.record(
        by=STEWARD, what="reclaim.withdrawn", subject=allocation.key, at=now, reason=intent.reason
    )


def apply(*, decision: Decision, by: User, now: datetime) -> None:
    """Executes the approved pull-backs of a plan; runs in the approval's transaction."""
    plan = reclaim.ReclaimPlan.model_validate(decision.plan)
    touched = [
        _pull_back(intent, by, now)
        for intent in plan.intents
        if isinstance(intent, reclaim.PullBack)
    ]
    desired.touch(touched)


def _pull_back(intent: reclaim.PullBack, by: User, now: datetime) -> Cluster:
    allocation = (
        Allocation.objects.select_for_update(of=("self",), no_key=True)
        .select_related("pool__cluster", "project")
        .get(key=intent.allocation)
    )
    ledger.pull_back(
        allocation=allocation,
        occasion=f"{intent.rule}@{intent.occasion}",
        amount=intent.removed,
        freed_to=intent.freed_to,
        reason=intent.reason,
        now=now,
    )
    capacity.shrink(
        allocation=allocation, to=intent.to_servers, reason=intent.reason, by=by, now=now
    )
    allocation.notices.filter(rule=intent.rule, state=ReclaimNotice.State.OPEN).update(
        state=ReclaimNotice.State.EXECUTED, occasion=intent.occasion
    )
    notices.tell(people=_people(allocation), subject=allocation.key, reason=intent.reason, now=now)
    return allocation.pool.cluster


def _snapshot(programme: Programme, now: datetime) -> reclaim.ReclaimSnapshot:
    document = rules(programme)
    longest = max((getattr(rule, "window_days", 0) for rule in document.reclaim), default=0)
    active = (
        Allocation.objects.filter(
            project__programme=programme,
            project__application__isnull=False,
            state=Allocation.State.ACTIVE,
        )
        .select_related("pool", "project__application")
        .prefetch_related("notices")
        .order_by("key")
    )
    daily = daily_use(
        allocations=active,
        since=now - timedelta(days=longest + 1),
        until=now,
        zone=document.zone,
        whole=any(rule.kind in NEED_ALL_USE for rule in document.reclaim),
    )
    balance = ledger.allocation_balances([a.key for a in active])
    return reclaim.ReclaimSnapshot(
        zone=document.time_zone,
        allocations=tuple(
            _allocation_state(a, daily[a.key], balance.get(a.key, (0, 0)), now) for a in active
        ),
    )


def _allocation_state(
    allocation: Allocation, daily: DailyUse, account: tuple[int, int], now: datetime
) -> reclaim.AllocationState:
    told = list(allocation.notices.all())
    standing = next((n for n in told if n.state == ReclaimNotice.State.OPEN), None)
    deposited, balance = account
    return reclaim.AllocationState(
        allocation=allocation.key,
        project=allocation.project.key,
        pool=allocation.pool.key,
        servers=allocation.servers,
        accelerators_per_server=allocation.pool.accelerators_per_node,
        starts=allocation.starts_at,
        ends=allocation.ends_at,
        awarded=deposited,
        balance=max(0, balance),
        used=daily.total,
        planned_to_date=_planned(allocation, deposited, now),
        days=tuple(reclaim.DayUse(day=day, used=used) for day, used in daily.days),
        notice=reclaim.Notice(
            rule=standing.rule, given_at=standing.given_at, deadline=standing.deadline
        )
        if standing
        else None,
        exempt_rules=tuple(allocation.exempt_rules),
        pulled_back=tuple(
            f"{n.rule}@{n.occasion}" for n in told if n.state == ReclaimNotice.State.EXECUTED
        ),
    )


NEED_ALL_USE: Final = frozenset({"use_against_award", "use_against_plan", "linear_expiry"})
"""The kinds of rule that look at all use since the award; the others look at a window."""

QUARTERS: Final = ("plan_q1", "plan_q2", "plan_q3", "plan_q4")
"""The form's questions on the use by quarter of the term, in percent; absent in some programmes."""


def _planned(allocation: Allocation, awarded: int, now: datetime) -> int | None:
    """What the applicant's own plan says should be used by now; None without a plan."""
    application = allocation.project.application
    answers = application.answers if application else {}
    if not all(isinstance(answers.get(quarter), int) for quarter in QUARTERS):
        return None
    term = (allocation.ends_at - allocation.starts_at).total_seconds()
    passed = Fraction(max(0, int((now - allocation.starts_at).total_seconds())), int(term))
    whole, part = divmod(min(passed, Fraction(1)) * len(QUARTERS), 1)
    shares = [Fraction(answers[quarter], 100) for quarter in QUARTERS]
    current = shares[whole] * part if whole < len(QUARTERS) else Fraction(0)
    return int(awarded * (sum(shares[:whole]) + current))


@transaction.atomic
def exempt(*, allocation: Allocation, rule: str, by: User, now: datetime) -> None:
    """On request, a rule does not apply to this allocation; a standing notice of it ends."""
    require(by, Action.APPROVE_DECISION, allocation)
    decisions.hold(allocation.project.programme_id)
    locked = Allocation.objects.select_for_update(no_key=True).get(pk=allocation.pk)
    if rule not in locked.exempt_rules:
        locked.exempt_rules = sorted([*locked.exempt_rules, rule])
        locked.save(update_fields=["exempt_rules"])
    locked.notices.filter(rule=rule, state=ReclaimNotice.State.OPEN).update(
        state=ReclaimNotice.State.WITHDRAWN
    )
    audit.record(by=by, what="reclaim.exempted", subject=locked.key, at=now, detail={"rule": rule})
