"""Allocation rounds: load -> solve -> check -> record as a proposal -> apply once approved.

- Solving may take a minute, so no transaction is open meanwhile. The generation is read before the
  facts and compared when the plan is recorded: facts that changed in between make it stale.
- Who has become ineligible since screening is left out, with the rules that are not met; that is
  part of the proposal, and takes effect with it.
- An award runs on the months that the plan was made for, whenever it is approved in the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import F

from dure.engine import allocation as engine
from dure.engine.allocation.conflict import Conflict
from dure.engine.allocation.report import RoundReport, round_report
from dure.engine.checks import allocation as check
from dure.engine.eligibility import Failure
from dure.hub.allocations import decisions
from dure.hub.allocations.awards import Award, award
from dure.hub.allocations.models import Decision, Outcome, Project, WaitlistEntry
from dure.hub.allocations.round_months import RoundMonths
from dure.hub.allocations.round_snapshot import round_months, round_snapshot
from dure.hub.calls.models import Application, Call
from dure.hub.calls.recheck import ineligible_now
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.notices import operations as notices
from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import User
from dure.hub.portal.reasons import sentence
from dure.hub.portal.templatetags.dure import words
from dure.hub.supply import models as supply
from dure.hub.supply.queries import rules
from dure.vocabulary.frozen import Text
from dure.vocabulary.plans import Header, Reason, Violation
from dure.vocabulary.programme import Call as CallRules
from dure.vocabulary.programme import Programme

INELIGIBLE: Final = "ineligible"
"""The outcome of who was left out of the plan; the others are the engine's."""


class GroupsInConflict(Exception):
    """Bounds that cannot be kept together; `called` is what the programme calls their groups."""

    def __init__(self, conflict: Conflict, called: Mapping[str, Text]) -> None:
        super().__init__(conflict, called)
        self.conflict, self.called = conflict, called

    def __str__(self) -> str:
        return said_conflict(self.conflict, self.called)


def said_conflict(conflict: Conflict, called: Mapping[str, Text]) -> str:
    """The conflict in the reader's language: what conflicts, by how much, what would help."""
    return " ".join(sentence(_labelled(reason, called)) for reason in conflict.reasons)


def _labelled(reason: Reason, called: Mapping[str, Text]) -> Reason:
    group = called.get(str(reason.params.get("group")))
    if group is None or reason.code == "conflict.supply":
        return reason
    return reason.model_copy(update={"params": {**reason.params, "group": words(group)}})


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a round is solved from, and who is left out of it."""

    call: Call
    sha256: str
    snapshot: engine.RoundSnapshot
    policy: engine.RoundPolicy
    header: Header
    left_out: Mapping[str, tuple[Failure, ...]]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan with what it was made from and what it comes to."""

    snapshot: engine.RoundSnapshot
    policy: engine.RoundPolicy
    plan: engine.RoundPlan
    report: RoundReport


def solve_round(*, call: Call, by: Actor, now: datetime) -> Decision:
    """Proposes a round over the ranked applications; earlier proposals are superseded.

    Raises PlanRefused when the independent check does not accept what the solver returned,
    GroupsInConflict when no plan can keep the rules, StalePlan when facts changed meanwhile.
    """
    require(by, Action.SOLVE_ROUND)
    facts = _load(call, now)
    plan = _solve(facts)
    report = round_report(facts.snapshot, facts.policy, plan)
    return _record(facts, plan, report, by)


def _load(call: Call, now: datetime) -> _Facts:
    present = Call.objects.select_related("programme").get(pk=call.pk)
    document = rules(present.programme)
    require_ranked(present)
    if document.unit != "server":
        # Hours fit beside servers only over time; a round that compared the two would be wrong.
        raise NotAtThisStage(present.key, f"in {document.unit}s", "a programme in servers")
    call_rules = _rules_of(present, document)
    ranked = list(
        present.applications.filter(state=Application.State.RANKED)
        .select_related("organisation", "call__programme")
        .order_by("rank")
    )
    left_out = ineligible_now(applications=ranked, now=now)
    snapshot = round_snapshot(
        programme=present.programme,
        call=call_rules,
        applications=[a for a in ranked if a.number not in left_out],
        now=now,
    )
    return _Facts(
        call=present,
        sha256=present.programme.sha256,
        snapshot=snapshot,
        policy=engine.policy_of(document.quotas, document.allotment, snapshot),
        header=Header(
            number=present.programme.plans_made + 1,
            generation=present.programme.generation,
            now=now,
            seed=call_rules.tie_break_seed,
        ),
        left_out=left_out,
    )


def require_ranked(call: Call) -> None:
    """Raises NotAtThisStage unless the call's round is due."""
    if call.state != Call.State.RANKED:
        raise NotAtThisStage(call.key, call.state, Call.State.RANKED)


def _rules_of(call: Call, document: Programme) -> CallRules:
    return next(c for c in document.calls if c.id == call.key)


def _solve(facts: _Facts) -> engine.RoundPlan:
    try:
        plan = engine.plan(facts.snapshot, facts.policy, facts.header)
    except engine.UnableToMeetFloors as error:
        labels = labels_of(error.groups, rules(facts.call.programme))
        called = dict(zip(error.groups, labels, strict=True))
        raise GroupsInConflict(error.conflict, called) from error
    wrong = check.violations(facts.snapshot, facts.policy, plan)
    if wrong:
        raise decisions.PlanRefused(wrong)
    return plan


def labels_of(groups: Iterable[str], document: Programme) -> tuple[Text, ...]:
    """What the programme calls these groups."""
    known = {quota.id: quota.label for quota in document.quotas}
    known |= {rule.id: rule.label for rule in document.allotment.rules}
    known["organisation_cap"] = Text(
        ko="기관당 최대 보유량", en="most that one organisation may hold"
    )
    return tuple(known.get(group, Text(ko=group, en=group)) for group in groups)


@transaction.atomic
def _record(facts: _Facts, plan: engine.RoundPlan, report: RoundReport, by: Actor) -> Decision:
    programme = decisions.hold(facts.call.programme_id)
    call = Call.objects.select_for_update(no_key=True).get(pk=facts.call.pk)
    require_ranked(call)
    number, made_at = facts.header.number, facts.header.generation
    decisions.require_present(number=number, made_at=made_at, programme=programme)
    if programme.sha256 != facts.sha256:
        raise decisions.StalePlan(number, "was made by rules that have been replaced")
    proposal = Proposal(facts.snapshot, facts.policy, plan, report)
    return propose(
        call=call,
        programme=programme,
        proposal=proposal,
        made_at=facts.header.now,
        left_out=facts.left_out,
        by=by,
    )


def propose(
    *,
    call: Call,
    programme: supply.Programme,
    proposal: Proposal,
    made_at: datetime,
    left_out: Mapping[str, tuple[Failure, ...]],
    by: Actor,
) -> Decision:
    """Records a plan as the call's proposal. The caller's transaction holds the programme.

    Earlier proposals are superseded. The months of its awards count from `made_at`.
    """
    plan = proposal.plan
    header = decisions.next_header(programme=programme, now=made_at, seed=plan.header.seed)
    numbered = plan.model_copy(update={"header": header})
    Decision.objects.filter(call=call, kind="round", state=Decision.State.PROPOSED).update(
        state=Decision.State.SUPERSEDED
    )
    decision = decisions.record(
        programme=programme,
        call=call,
        snapshot=proposal.snapshot,
        policy=proposal.policy,
        plan=numbered,
        report=proposal.report,
        by=by,
    )
    _write_outcomes(decision, numbered, left_out)
    return decision


def _write_outcomes(
    decision: Decision, plan: engine.RoundPlan, left_out: Mapping[str, tuple[Failure, ...]]
) -> None:
    numbers = [*(intent.application for intent in plan.intents), *left_out]
    ids = dict(Application.objects.filter(number__in=numbers).values_list("number", "pk"))
    pools = {p.key: p for p in supply.Pool.objects.all()}
    planned = [
        Outcome(
            decision=decision,
            application_id=ids[intent.application],
            outcome=intent.outcome,
            pool=pools[intent.pool] if intent.pool else None,
            servers=intent.servers,
            place=intent.place,
            start=intent.start,
            months=intent.months,
            blocks=[[share.block, share.servers] for share in intent.blocks],
            reason=intent.reason.model_dump(mode="json"),
            change=intent.change.model_dump(mode="json") if intent.change else None,
        )
        for intent in plan.intents
    ]
    Outcome.objects.bulk_create([*planned, *_left_out(decision, ids, left_out)], batch_size=500)


def _left_out(
    decision: Decision, ids: Mapping[str, int], left_out: Mapping[str, tuple[Failure, ...]]
) -> Iterable[Outcome]:
    for number, failures in sorted(left_out.items()):
        named = ", ".join(failure.rule for failure in failures)
        yield Outcome(
            decision=decision,
            application_id=ids[number],
            outcome=INELIGIBLE,
            reason=Reason(code="round.ineligible", params={"rules": named}).model_dump(mode="json"),
            failures=[failure.model_dump(mode="json") for failure in failures],
        )


def approvals_needed(decision: Decision) -> int:
    """How many different people must approve it: a round as the programme says, the others one."""
    if decision.kind != "round":
        return 1
    return rules(decision.programme).allotment.approvals


def months_of(decision: Decision) -> RoundMonths | None:
    """The months that a round was planned on; None where the programme's file has it no more."""
    if decision.call is None:
        return None
    document = rules(decision.programme)
    found = document.call(decision.call.key)
    return round_months(document, found, now=decision.made_at) if found else None


def apply(*, decision: Decision, by: User, now: datetime) -> None:
    """Offers the awards, makes the waitlist, tells everybody, in the approval's transaction."""
    snapshot = engine.RoundSnapshot.model_validate(decision.snapshot)
    policy = engine.RoundPolicy.model_validate(decision.policy)
    plan = engine.RoundPlan.model_validate(decision.plan)
    wrong = check.violations(snapshot, policy, plan) or _unlike(decision, plan)
    if wrong:
        raise decisions.PlanRefused(wrong)
    call = Call.objects.select_for_update(no_key=True).get(decisions=decision)
    months = round_months(
        rules(decision.programme),
        _rules_of(call, rules(decision.programme)),
        now=decision.made_at,
    )
    if now >= months.start(1):
        raise decisions.StalePlan(decision.number, "was made for months the first of which is over")
    position = 0
    for outcome in decision.outcomes.select_related(
        "application__applicant", "application__organisation", "pool"
    ).order_by(F("place").asc(nulls_last=True), "pk"):
        position += outcome.outcome == "waitlisted"
        _apply_one(outcome, call, months, position=position, by=by, now=now)
    call.state = Call.State.DECIDED
    call.save(update_fields=["state"])


def _apply_one(
    outcome: Outcome, call: Call, months: RoundMonths, *, position: int, by: User, now: datetime
) -> None:
    application, reason = outcome.application, Reason.model_validate(outcome.reason)
    if outcome.outcome == INELIGIBLE:
        application.state = Application.State.REFUSED
        application.failures = outcome.failures
        application.save(update_fields=["state", "failures"])
    elif outcome.pool is None:
        _wait(application, _project_for(application, call), position, now)
    else:
        starts_at, ends_at = months.period(outcome.start, outcome.months)
        award(
            application=application,
            project=_project_for(application, call),
            given=Award(outcome.pool, outcome.servers, starts_at, ends_at, outcome.blocks),
            reason=reason,
            by=by,
            now=now,
            decision=outcome.decision,
        )
    told = [reason]
    if outcome.change:
        told.append(Reason.model_validate(outcome.change))
    for one in told:
        notices.tell(
            people=[application.applicant], subject=application.number, reason=one, now=now
        )


def _unlike(decision: Decision, plan: engine.RoundPlan) -> tuple[Violation, ...]:
    """What is awarded is read from the outcomes: they must be those of the plan just checked."""
    planned: dict[str, tuple[object, ...]] = {
        i.application: (
            i.pool, i.servers, i.start, i.months, [[b.block, b.servers] for b in i.blocks],
        )
        for i in plan.intents
    }  # fmt: skip
    stored = {
        number: tuple(held)
        for number, *held in decision.outcomes.exclude(outcome=INELIGIBLE).values_list(
            "application__number", "pool__key", "servers", "start", "months", "blocks"
        )
    }
    return tuple(
        Violation(
            rule="round.outcomes",
            detail=f"{number}: {stored.get(number)} stored, {planned.get(number)} in the plan",
        )
        for number in sorted(planned.keys() | stored.keys())
        if planned.get(number) != stored.get(number)
    )


def _project_for(application: Application, call: Call) -> Project:
    project = Project.objects.create(
        programme_id=call.programme_id,
        key=f"p-{application.number}",
        title=application.title,
        organisation=application.organisation,
        application=application,
    )
    project.members.add(application.applicant)
    return project


def _wait(application: Application, project: Project, position: int, now: datetime) -> None:
    WaitlistEntry.objects.create(
        application=application, project=project, position=position, since=now
    )
    application.state = Application.State.WAITLISTED
    application.save(update_fields=["state"])
