"""What-if: a stored round under other rules, beside the plan that stands.

- A scenario is planned from the decision's own snapshot, policy, time and seed, with its change;
  outside any transaction, and checked like every plan. Nothing it gives is promised to anybody.
- Rules that cannot be kept together are an answer too: the scenario is kept with that reason.
- Any round may be asked, also one long decided. One of a call whose round is due may be proposed:
  it becomes the call's plan, and is approved like any other.
- What needs servers that the round does not have, or leaves out applications of it that other
  scores do not rank, can be looked at, but not proposed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from dure.engine import allocation as engine
from dure.engine.allocation.compare import compare
from dure.engine.allocation.report import RoundReport, round_report
from dure.engine.allocation.scenario import apply, pools_beyond
from dure.engine.checks import allocation as check
from dure.engine.eligibility import Failure
from dure.engine.scoring import ScoringPlan
from dure.hub.allocations import decisions, rounds
from dure.hub.allocations.models import Decision, Scenario
from dure.hub.audit import operations as audit
from dure.hub.calls.models import Call
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import Action, require
from dure.hub.people.models import User
from dure.hub.portal.reasons import sentence
from dure.hub.supply.queries import rules
from dure.vocabulary.frozen import Text
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme import Bound, GroupRule
from dure.vocabulary.scenario import BoundChange, Change, Standing


class ScenarioNameTaken(Exception):
    """The plan has a scenario of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is a scenario {name!r} of this plan; give this one another name")


class SupplyMissing(Exception):
    """The scenario gives servers that the round does not have."""

    def __init__(self, pools: tuple[str, ...]) -> None:
        super().__init__(pools)
        self.reason = Reason(code="scenario.supply_missing", params={"pools": ", ".join(pools)})

    def __str__(self) -> str:
        return sentence(self.reason)


class ApplicationsMissing(Exception):
    """The scenario leaves out applications that the ranking let into the round."""

    def __init__(self, numbers: tuple[str, ...]) -> None:
        super().__init__(numbers)
        params = {"applications": ", ".join(numbers)}
        self.reason = Reason.model_validate(
            {"code": "scenario.applications_missing", "params": params}
        )

    def __str__(self) -> str:
        return sentence(self.reason)


@dataclass(frozen=True, slots=True)
class _Base:
    """A stored round."""

    decision: Decision
    snapshot: engine.RoundSnapshot
    policy: engine.RoundPolicy
    plan: engine.RoundPlan


@dataclass(frozen=True, slots=True)
class _Made:
    """What a scenario came to: a proposal, or why there is none."""

    proposal: rounds.Proposal | None
    refusal: Reason | None = None


def add_scenario(*, decision: Decision, change: Change, by: User, now: datetime) -> Scenario:
    """Plans the stored round under the change and keeps it. Blocks while it is solved.

    Raises UnableToChange where the change does not fit the round, ScenarioNameTaken, PlanRefused
    where the check does not accept what was solved, NotAtThisStage for what is no round.
    """
    require(by, Action.SOLVE_ROUND)
    base = _base(decision)
    if decision.scenarios.filter(name=change.name).exists():
        raise ScenarioNameTaken(change.name)
    fitting = _of_the_programme(change, base)
    return _record(base, fitting, _planned(base, fitting), by=by, now=now)


@transaction.atomic
def remove_scenario(*, scenario: Scenario, by: User, now: datetime) -> None:
    """Takes a scenario away. One removed before: nothing."""
    require(by, Action.SOLVE_ROUND)
    removed, _ = Scenario.objects.filter(pk=scenario.pk).delete()
    if removed:
        _tell(scenario, "scenario.removed", by, now)


@transaction.atomic
def propose_scenario(*, scenario: Scenario, by: User, now: datetime) -> Decision:
    """Makes the scenario's plan the call's proposal; others are superseded.

    Raises StalePlan when the programme has moved on since the round, NotAtThisStage when the call's
    round is not due or the scenario has no plan, SupplyMissing, ApplicationsMissing.
    """
    require(by, Action.SOLVE_ROUND)
    programme = decisions.hold(scenario.decision.programme_id)
    base = _base(scenario.decision)
    call = Call.objects.select_for_update(no_key=True).get(decisions=base.decision)
    rounds.require_ranked(call)
    number = base.decision.number
    decisions.require_present(number=number, made_at=base.decision.generation, programme=programme)
    if programme.loaded_at > base.decision.made_at:
        raise decisions.StalePlan(number, "was made before the programme was loaded again")
    decision = rounds.propose(
        call=call,
        programme=programme,
        proposal=_stored(scenario, base),
        made_at=base.decision.made_at,
        left_out=_left_out(base.decision),
        by=by,
    )
    _tell(scenario, "scenario.proposed", by, now, plan=decision.number)
    return decision


def raw_standings(decision: Decision) -> dict[str, Standing]:
    """The reviewers' own means and ranks, by application, where the round's were corrected.

    Without a rank where the mean does not reach the pass mark that the corrected score does. Empty
    where there was no correction: the raw scores are those of the plan.
    """
    scoring = (
        Decision.objects.filter(call=decision.call, kind="scoring", number__lt=decision.number)
        .order_by("-number")
        .first()
    )
    if scoring is None or scoring.plan.get("estimate") is None:
        return {}
    ranked = {r["application"] for r in decision.snapshot["requests"]}
    return {
        one.application: Standing(score=max(one.raw_score, 0), rank=one.raw_rank)
        for one in ScoringPlan.model_validate(scoring.plan).intents
        if one.application in ranked
    }


def _base(decision: Decision) -> _Base:
    if decision.kind != "round":
        raise NotAtThisStage(f"plan {decision.number}", decision.kind, "a round")
    return _Base(
        decision=decision,
        snapshot=engine.RoundSnapshot.model_validate(decision.snapshot),
        policy=engine.RoundPolicy.model_validate(decision.policy),
        plan=engine.RoundPlan.model_validate(decision.plan),
    )


def _of_the_programme(change: Change, base: _Base) -> Change:
    """Bounds on quotas and rules of the programme that bind nothing in this round become rules.

    A quota that is only reported against is such a one.
    """
    bound = {group.group for group in base.policy.groups}
    known = _rules_by_id(base.decision)
    new = {g: b for g, b in change.bounds.items() if g not in bound and g in known}
    rules_ = (_as_rule(known[group], new[group]) for group in sorted(new))
    return change.model_copy(
        update={
            "bounds": {g: b for g, b in change.bounds.items() if g not in new},
            "added": (*change.added, *(rule for rule in rules_ if rule is not None)),
        }
    )


def _rules_by_id(decision: Decision) -> dict[str, GroupRule]:
    """The programme's quotas and rules, each as a rule."""
    document = rules(decision.programme)
    nothing = Bound(servers=0)
    quotas = {
        q.id: GroupRule(id=q.id, label=q.label, sectors=q.sectors, most=nothing)
        for q in document.quotas
        if q.sectors
    }
    return quotas | {rule.id: rule for rule in document.allotment.rules}


def _as_rule(rule: GroupRule, bound: BoundChange) -> GroupRule | None:
    most, least = _servers(bound.most), _servers(bound.least)
    if most is None and least is None:
        return None
    return rule.model_copy(update={"most": most, "least": least})


def _servers(asked: object) -> Bound | None:
    return Bound(servers=asked) if isinstance(asked, int) else None


def _planned(base: _Base, change: Change) -> _Made:
    snapshot, policy = apply(base.snapshot, base.policy, change)
    try:
        plan = engine.plan(snapshot, policy, base.plan.header)
    except engine.UnableToMeetFloors as error:
        params = {"conflict": error.conflict.model_dump(mode="json")}
        return _Made(None, Reason.model_validate({"code": "scenario.conflict", "params": params}))
    wrong = check.violations(snapshot, policy, plan)
    if wrong:
        raise decisions.PlanRefused(wrong)
    report = round_report(snapshot, policy, plan)
    return _Made(rounds.Proposal(snapshot, policy, plan, report))


@transaction.atomic
def _record(base: _Base, change: Change, made: _Made, *, by: User, now: datetime) -> Scenario:
    scenario = Scenario(
        decision=base.decision,
        name=change.name,
        change=change.model_dump(mode="json"),
        made_by=by,
        made_at=now,
        refusal=made.refusal.model_dump(mode="json") if made.refusal else None,
    )
    if made.proposal is not None:
        _compare(scenario, base, made.proposal)
    decisions.hold(base.decision.programme_id)
    if Scenario.objects.filter(decision=base.decision, name=change.name).exists():
        raise ScenarioNameTaken(change.name)
    scenario.save()
    _tell(scenario, "scenario.added", by, now)
    return scenario


def _compare(scenario: Scenario, base: _Base, proposal: rounds.Proposal) -> None:
    other = {scenario.name: (proposal.snapshot, proposal.plan)}
    (compared,) = compare((base.snapshot, base.plan), other).others
    scenario.plan = proposal.plan.model_dump(mode="json")
    scenario.report = proposal.report.model_dump(mode="json")
    scenario.differences = [one.model_dump(mode="json") for one in compared.applications]
    scenario.groups = [one.model_dump(mode="json") for one in compared.groups]


def _stored(scenario: Scenario, base: _Base) -> rounds.Proposal:
    """The scenario's plan with the facts and rules that it was made from."""
    if scenario.plan is None:
        raise NotAtThisStage(f"scenario {scenario.name}", "refused", "a scenario with a plan")
    change = Change.model_validate(scenario.change)
    snapshot, policy = apply(base.snapshot, base.policy, change)
    beyond = pools_beyond(base.snapshot, snapshot)
    if beyond:
        raise SupplyMissing(beyond)
    ranked = {request.application for request in snapshot.requests}
    gone = tuple(r.application for r in base.snapshot.requests if r.application not in ranked)
    if gone:
        raise ApplicationsMissing(tuple(sorted(gone)))
    plan = engine.RoundPlan.model_validate(scenario.plan)
    return rounds.Proposal(snapshot, policy, plan, RoundReport.model_validate(scenario.report))


def _left_out(decision: Decision) -> dict[str, tuple[Failure, ...]]:
    """Who the round left out: the scenario leaves them out too."""
    found = decision.outcomes.filter(outcome=rounds.INELIGIBLE)
    return {
        number: tuple(Failure.model_validate(failure) for failure in failures)
        for number, failures in found.values_list("application__number", "failures")
    }


def labels(decision: Decision, change: Change) -> dict[str, Text]:
    """What the groups of a scenario are called, by id."""
    document = rules(decision.programme)
    groups = {
        *(group["group"] for group in decision.policy["groups"]),
        *(quota.id for quota in document.quotas),
    }
    named = sorted(groups)
    known = dict(zip(named, rounds.labels_of(named, document), strict=True))
    return known | {rule.id: rule.label for rule in change.added}


def _tell(scenario: Scenario, what: str, by: User, now: datetime, **detail: object) -> None:
    audit.record(
        by=by,
        what=what,
        subject=f"decision:{scenario.decision.number}",
        at=now,
        detail={"scenario": scenario.name, **detail},
    )
