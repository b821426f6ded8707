"""Approving decisions, signing agreements, standing allocations; rounds are made in `rounds`."""

from __future__ import annotations

from datetime import datetime, time

from django.db import transaction

from dure.hub.allocations import capacity, decisions, desired, reclaiming, rounds
from dure.hub.allocations.decisions import ApprovedAlready, PlanRefused, StalePlan
from dure.hub.allocations.models import Allocation, Decision, Project
from dure.hub.allocations.rounds import GroupsInConflict, solve_round
from dure.hub.audit import operations as audit
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import User
from dure.hub.supply import models as supply
from dure.hub.supply.queries import rules
from dure.hub.usage import ledger
from dure.vocabulary.plans import Reason

__all__ = [
    "ApprovedAlready",
    "GroupsInConflict",
    "PlanRefused",
    "StalePlan",
    "approve_decision",
    "decline_agreement",
    "grant_standing",
    "sign_agreement",
    "solve_round",
    "withdraw_approval",
]


@transaction.atomic
def approve_decision(*, decision: Decision, by: User, now: datetime) -> Decision:
    """A person approves a proposal; with the last approval that it needs, it is done.

    Raises StalePlan, PlanRefused, ApprovedAlready.
    """
    require(by, Action.APPROVE_DECISION)
    if decision.kind == "tender":
        raise NotAtThisStage(f"plan {decision.number}", decision.kind, "a round or a take-back")
    needed = rounds.approvals_needed(decision)
    approved = decisions.approve(decision=decision, by=by, now=now, needed=needed)
    if approved.state == Decision.State.APPLIED:
        apply = rounds.apply if approved.kind == "round" else reclaiming.apply
        apply(decision=approved, by=by, now=now)
    return approved


@transaction.atomic
def withdraw_approval(*, decision: Decision, by: User, now: datetime) -> Decision:
    """A person takes their approval back before the plan is applied. Raises StalePlan."""
    require(by, Action.APPROVE_DECISION)
    return decisions.withdraw_approval(decision=decision, by=by, now=now)


@transaction.atomic
def sign_agreement(*, allocation: Allocation, by: User, now: datetime) -> Allocation:
    """The awardee accepts the award and its duties; the allocation becomes active.

    Its cluster's agent binds it when it pulls next.
    """
    locked = _offered(allocation, by)
    locked.state = Allocation.State.ACTIVE
    locked.agreed_by = by
    locked.agreed_at = now
    locked.save(update_fields=["state", "agreed_by", "agreed_at"])
    ledger.deposit_award(allocation=locked, now=now)
    audit.record(by=by, what="agreement.signed", subject=locked.key, at=now)
    desired.touch([locked.pool.cluster])
    return locked


@transaction.atomic
def decline_agreement(*, allocation: Allocation, by: User, now: datetime) -> Allocation:
    """The awardee does not take the award; its servers are free at once."""
    locked = _offered(allocation, by)
    reason = Reason(code="agreement.declined")
    ended = capacity.shrink(
        allocation=locked,
        to=0,
        reason=reason,
        by=by,
        now=now,
        ended_as=Allocation.State.DECLINED,
    )
    audit.record(by=by, what="agreement.declined", subject=locked.key, at=now, reason=reason)
    decisions.advance(programme=locked.project.programme)
    return ended


def _offered(allocation: Allocation, by: User) -> Allocation:
    decisions.hold(allocation.project.programme_id)
    locked = (
        Allocation.objects.select_for_update(of=("self",), no_key=True)
        .select_related("pool__cluster", "project__organisation", "project__programme")
        .get(pk=allocation.pk)
    )
    require(by, Action.SIGN_AGREEMENT, locked)
    if locked.state != Allocation.State.OFFERED:
        raise NotAtThisStage(locked.key, locked.state, Allocation.State.OFFERED)
    return locked


@transaction.atomic
def grant_standing(*, programme: supply.Programme, by: Actor, now: datetime) -> None:
    """Makes the allocations that the programme file promises outside its calls; once each."""
    require(by, Action.MANAGE_PROGRAMME)
    document = rules(programme)
    for standing in document.standing_allocations:
        project, created = Project.objects.get_or_create(
            key=f"s-{standing.id}",
            defaults={"programme": programme, "title": standing.holder.ko},
        )
        if not created:
            continue
        pool = supply.Pool.objects.select_related("cluster").get(key=standing.pool)
        allocation = capacity.promise(
            project=project,
            pool=pool,
            servers=standing.servers,
            starts_at=datetime.combine(standing.starts, time(), tzinfo=document.zone),
            ends_at=datetime.combine(standing.ends, time(), tzinfo=document.zone),
            reason=Reason(code="allocation.standing", params={"holder": standing.holder.en}),
            by=by,
            now=now,
            state=Allocation.State.ACTIVE,
        )
        ledger.deposit_award(allocation=allocation, now=now)
        desired.touch([pool.cluster])
