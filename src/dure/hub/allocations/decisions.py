"""The record of decisions: numbered plans, with all that is needed to make them again.

- Numbers count the plans of a programme; generations count the states they were applied to.
- A plan is applied once, to the state it was made from, after its check passed.
- Whoever decides waits for the programme's row before any other row: locks that everybody takes in
  one order never wait for each other in a ring.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.db.models import F

from dure.hub.allocations.models import Decision
from dure.hub.audit import operations as audit
from dure.hub.calls.models import Call
from dure.hub.people.gate import Actor
from dure.hub.people.models import User
from dure.hub.supply.models import Programme
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Header, Plan, Violation


class StalePlan(Exception):
    """The programme has moved on since the plan was made; make it again."""

    def __init__(self, decision: Decision, generation: int) -> None:
        super().__init__(
            f"plan {decision.number} was made at generation {decision.generation}, "
            f"the programme is at {generation}"
        )


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


def claim(*, decision: Decision, by: User, now: datetime) -> Decision:
    """Marks a proposed plan as applied by this person; the caller applies it in this transaction.

    Raises StalePlan when the programme has moved on, or the plan was applied before.
    """
    programme = hold(decision.programme_id)
    locked = Decision.objects.select_for_update(no_key=True).get(pk=decision.pk)
    if locked.state != Decision.State.PROPOSED or locked.generation != programme.generation:
        raise StalePlan(locked, programme.generation)
    locked.state = Decision.State.APPLIED
    locked.approved_by = by
    locked.applied_at = now
    locked.save(update_fields=["state", "approved_by", "applied_at"])
    Decision.objects.filter(
        programme=programme, kind=locked.kind, call=locked.call, state=Decision.State.PROPOSED
    ).update(state=Decision.State.SUPERSEDED)
    audit.record(by=by, what="decision.approved", subject=f"decision:{locked.number}", at=now)
    advance(programme=programme)
    return locked
