"""The record of decisions: numbered plans, with all that is needed to make them again.

- Numbers count the plans of a programme; generations count the states they were applied to.
- A plan is applied once, to the state it was made from, after its check passed.
- A proposal is applied when as many different people as the programme asks for have approved it.
- Whoever decides waits for the programme's row before any other row: locks that everybody takes in
  one order never wait for each other in a ring.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.db.models import F

from dure.hub.allocations.models import Approval, Decision
from dure.hub.audit import operations as audit
from dure.hub.calls.models import Call
from dure.hub.people.gate import Actor
from dure.hub.people.models import User
from dure.hub.supply.models import Programme
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Header, Plan, Violation


class StalePlan(Exception):
    """The programme has moved on since the plan was made; make it again."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"plan {number} {why}")


class ApprovedAlready(Exception):
    """Each approval is another person's: this one has approved the plan before."""

    def __init__(self, number: int, needed: int) -> None:
        super().__init__(f"plan {number} needs {needed} different people; you have approved it")


class PlanRefused(Exception):
    """The independent check found the plan wrong; nothing was done."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        super().__init__("; ".join(f"{v.rule}: {v.detail}" for v in violations))
        self.violations = violations


def hold(programme_id: int) -> Programme:
    """The programme, until the transaction ends nobody else's to decide on; the first lock of it.

    `no_key`, here as wherever a row is locked: rows that only name this one are not kept waiting.
    """
    return Programme.objects.select_for_update(no_key=True).get(pk=programme_id)


def next_header(*, programme: Programme, now: datetime, seed: str = "") -> Header:
    """The next plan's number, on the programme's present generation; locks the programme."""
    locked = hold(programme.pk)
    Programme.objects.filter(pk=programme.pk).update(plans_made=F("plans_made") + 1)
    parent = locked.plans_made or None
    return Header(
        number=locked.plans_made + 1,
        parent=parent,
        generation=locked.generation,
        now=now,
        seed=seed,
    )


def record(
    *,
    programme: Programme,
    snapshot: Frozen,
    policy: Frozen | dict[str, object],
    plan: Plan,
    by: Actor,
    call: Call | None = None,
    report: Frozen | None = None,
    applied: bool = False,
    moves_capacity: bool = True,
) -> Decision:
    """Keeps the plan and its inputs; `applied` where the caller applies it in this transaction.

    An applied plan that moves promised capacity makes other proposals stale; a plan that only
    lends, notifies or ranks does not.
    """
    header = plan.header
    kind = str(getattr(plan, "kind", ""))
    decision = Decision.objects.create(
        programme=programme,
        number=header.number,
        kind=kind,
        call=call,
        generation=header.generation,
        made_at=header.now,
        seed=header.seed,
        snapshot=snapshot.model_dump(mode="json"),
        policy=policy.model_dump(mode="json") if isinstance(policy, Frozen) else policy,
        plan=plan.model_dump(mode="json"),
        report=report.model_dump(mode="json") if report else None,
        state=Decision.State.APPLIED if applied else Decision.State.PROPOSED,
        applied_at=header.now if applied else None,
        approved_by=by if applied and isinstance(by, User) else None,
    )
    audit.record(
        by=by,
        what=f"decision.{'applied' if applied else 'proposed'}",
        subject=f"decision:{header.number}",
        at=header.now,
        detail={
            "kind": kind,
            "call": call.key if call else "",
            "plan_sha256": hashlib.sha256(plan.model_dump_json().encode()).hexdigest(),
        },
    )
    if applied and moves_capacity:
        advance(programme=programme)
    return decision


def advance(*, programme: Programme) -> None:
    """The state that plans are made from has changed."""
    Programme.objects.filter(pk=programme.pk).update(generation=F("generation") + 1)


def require_present(*, number: int, made_at: int, programme: Programme) -> None:
    """Raises StalePlan when the programme has moved on since generation `made_at`."""
    if made_at != programme.generation:
        why = f"was made at generation {made_at}, the programme is at {programme.generation}"
        raise StalePlan(number, why)


def approve(*, decision: Decision, by: User, now: datetime, needed: int) -> Decision:
    """One person's approval of a proposal; the last of those needed marks it as applied.

    The caller applies what comes back as applied, in this transaction. Raises StalePlan when the
    programme has moved on, or the plan was applied before; ApprovedAlready.
    """
    programme = hold(decision.programme_id)
    locked = _proposed(decision, programme)
    _given, fresh = Approval.objects.get_or_create(decision=locked, user=by, defaults={"at": now})
    if not fresh:
        raise ApprovedAlready(locked.number, needed)
    audit.record(by=by, what="decision.approved", subject=f"decision:{locked.number}", at=now)
    if locked.approvals.count() < needed:
        return locked
    locked.state = Decision.State.APPLIED
    locked.approved_by = by
    locked.applied_at = now
    locked.save(update_fields=["state", "approved_by", "applied_at"])
    Decision.objects.filter(
        programme=programme, kind=locked.kind, call=locked.call, state=Decision.State.PROPOSED
    ).update(state=Decision.State.SUPERSEDED)
    advance(programme=programme)
    return locked


def withdraw_approval(*, decision: Decision, by: User, now: datetime) -> Decision:
    """Takes one's own approval back while the plan still waits for others'. None given: nothing."""
    locked = _proposed(decision, hold(decision.programme_id))
    taken, _ = locked.approvals.filter(user=by).delete()
    if taken:
        subject = f"decision:{locked.number}"
        audit.record(by=by, what="decision.approval_withdrawn", subject=subject, at=now)
    return locked


def _proposed(decision: Decision, programme: Programme) -> Decision:
    locked = Decision.objects.select_for_update(no_key=True).get(pk=decision.pk)
    if locked.state != Decision.State.PROPOSED:
        raise StalePlan(locked.number, f"is {locked.state}")
    require_present(number=locked.number, made_at=locked.generation, programme=programme)
    return locked
