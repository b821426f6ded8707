"""Serving the waitlist from what became free: load -> plan -> check -> record -> offer.

- Planned without a transaction, like a round; a plan made from facts that changed is not applied,
  and the next step of the loop makes another.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from dure.engine import waitlist
from dure.engine.allocation import RoundPolicy, RoundSnapshot, policy_of
from dure.engine.checks import waitlist as check
from dure.hub.allocations import decisions
from dure.hub.allocations.awards import Award, award
from dure.hub.allocations.models import Decision, WaitlistEntry
from dure.hub.allocations.round_months import RoundMonths
from dure.hub.allocations.round_snapshot import waitlist_snapshot
from dure.hub.notices import operations as notices
from dure.hub.people.gate import Actor
from dure.hub.supply.models import Pool, Programme
from dure.hub.supply.queries import rules
from dure.vocabulary.plans import Header


def promote(*, programme: Programme, by: Actor, now: datetime) -> Decision | None:
    """Offers free servers to the waitlist, in its order.

    None: nobody fits, nobody waits, or the facts changed meanwhile. Raises PlanRefused.
    """
    present = Programme.objects.get(pk=programme.pk)
    entries = _waiting(present)
    if not entries:
        return None
    snapshot, months = waitlist_snapshot(programme=present, entries=entries, now=now)
    if not waitlist.anybody_fits(snapshot):
        return None
    document = rules(present)
    policy = policy_of(document.quotas, document.allotment, snapshot)
    header = Header(number=present.plans_made + 1, generation=present.generation, now=now)
    plan = waitlist.plan(snapshot, policy, header)
    wrong = check.violations(snapshot, policy, plan)
    if wrong:
        raise decisions.PlanRefused(wrong)
    if not any(isinstance(intent, waitlist.Promote) for intent in plan.intents):
        return None
    try:
        return _apply(present, snapshot, policy, plan, months, by=by)
    except decisions.StalePlan:
        return None


def _waiting(programme: Programme) -> list[WaitlistEntry]:
    waiting = WaitlistEntry.objects.filter(
        state=WaitlistEntry.State.WAITING, project__programme=programme
    ).select_related(
        "application__organisation",
        "application__applicant",
        "application__call__programme",
        "project",
    )
    return list(waiting.order_by("position", "application__number"))


@transaction.atomic
def _apply(
    programme: Programme,
    snapshot: RoundSnapshot,
    policy: RoundPolicy,
    plan: waitlist.WaitlistPlan,
    months: RoundMonths,
    *,
    by: Actor,
) -> Decision:
    now = plan.header.now
    locked = decisions.hold(programme.pk)
    decisions.require_present(
        number=plan.header.number, made_at=plan.header.generation, programme=locked
    )
    numbered = plan.model_copy(update={"header": decisions.next_header(programme=locked, now=now)})
    decision = decisions.record(
        programme=locked, snapshot=snapshot, policy=policy, plan=numbered, by=by, applied=True
    )
    pools = {pool.key: pool for pool in Pool.objects.select_related("cluster")}
    entries = {entry.application.number: entry for entry in _waiting(locked)}
    for intent in numbered.intents:
        if isinstance(intent, waitlist.Promote):
            given = _given(intent, pools[intent.pool], months)
            _promote(entries[intent.application], intent, given, decision, by=by, now=now)
    return decision


def _given(intent: waitlist.Promote, pool: Pool, months: RoundMonths) -> Award:
    starts_at, ends_at = months.period(intent.start, intent.months)
    blocks = [(share.block, share.servers) for share in intent.blocks]
    return Award(pool, intent.servers, starts_at, ends_at, blocks)


def _promote(
    entry: WaitlistEntry,
    intent: waitlist.Promote,
    given: Award,
    decision: Decision,
    *,
    by: Actor,
    now: datetime,
) -> None:
    award(
        application=entry.application,
        project=entry.project,
        given=given,
        reason=intent.reason,
        by=by,
        now=now,
        decision=decision,
    )
    WaitlistEntry.objects.filter(pk=entry.pk).update(state=WaitlistEntry.State.PROMOTED)
    notices.tell(
        people={entry.application.applicant, *entry.project.members.all()},
        subject=entry.application.number,
        reason=intent.reason,
        now=now,
    )
