"""What-if scenarios, for programs.

- A name may hold a slash, so the longer path, of proposing, stands before the scenario's own.
"""

from __future__ import annotations

from ninja import Router, Status

from dure.client.models import RoundView
from dure.client.scenarios import (
    GroupDifferenceView,
    PlaceView,
    ScenarioAsked,
    ScenarioDifferenceView,
    ScenariosView,
    ScenarioView,
    TotalsView,
)
from dure.engine.allocation.compare import Place
from dure.engine.allocation.report import RoundReport
from dure.hub import clock
from dure.hub.allocations import round_queries, scenario_queries, scenarios
from dure.hub.allocations.api import round_view
from dure.hub.allocations.models import Decision, Scenario
from dure.hub.auth import PersonalToken, UserRequest
from dure.hub.people.gate import Action, require
from dure.hub.people.models import User
from dure.hub.portal.reasons import sentence
from dure.hub.problems import Problem
from dure.vocabulary.plans import Reason
from dure.vocabulary.scenario import Change

router = Router(tags=["scenarios"], auth=PersonalToken())

REFUSALS = {401: Problem, 404: Problem, 409: Problem}


@router.get("rounds/{call}/scenarios", response={200: ScenariosView, **REFUSALS})
def compare(request: UserRequest, call: str, plan: int | None = None) -> ScenariosView:
    """The plan (the latest, if none is named) and its scenarios side by side."""
    base = _base(call, plan, request.auth)
    found = base.scenarios.defer("plan").select_related("decision__programme")
    return ScenariosView(
        call=call,
        plan=base.number,
        totals=_totals(base.report),
        scenarios=tuple(_view(one, request.auth) for one in found),
    )


@router.post("rounds/{call}/scenarios", response={200: ScenarioView, 422: Problem, **REFUSALS})
def add(request: UserRequest, call: str, body: ScenarioAsked) -> ScenarioView:
    """Plans a scenario and keeps it beside the plan; it awards nothing."""
    require(request.auth, Action.SOLVE_ROUND)
    base = _base(call, body.plan, request.auth)
    change = body.change
    if body.raw_scores:
        change = change.model_copy(update={"standings": scenarios.raw_standings(base)})
    made = scenarios.add_scenario(decision=base, change=change, by=request.auth, now=clock.now())
    return _view(made, request.auth)


@router.post("rounds/{call}/scenarios/{path:name}/propose", response={200: RoundView, **REFUSALS})
def propose(request: UserRequest, call: str, name: str, plan: int | None = None) -> RoundView:
    """Makes the scenario's plan the call's proposal; it is approved like any other."""
    require(request.auth, Action.SOLVE_ROUND)
    base = _base(call, plan, request.auth)
    found = scenario_queries.named(decision=base, name=name, by=request.auth)
    made = scenarios.propose_scenario(scenario=found, by=request.auth, now=clock.now())
    return round_view(made)


@router.get("rounds/{call}/scenarios/{path:name}", response={200: ScenarioView, **REFUSALS})
def one_scenario(
    request: UserRequest, call: str, name: str, plan: int | None = None
) -> ScenarioView:
    """One scenario: what it changes, and for whom."""
    base = _base(call, plan, request.auth)
    found = scenario_queries.named(decision=base, name=name, by=request.auth)
    return _view(found, request.auth)


@router.delete("rounds/{call}/scenarios/{path:name}", response={204: None, **REFUSALS})
def remove(request: UserRequest, call: str, name: str, plan: int | None = None) -> Status[None]:
    """Takes the scenario away; the audit chain keeps that it was asked. Cannot be undone."""
    require(request.auth, Action.SOLVE_ROUND)
    base = _base(call, plan, request.auth)
    found = scenario_queries.named(decision=base, name=name, by=request.auth)
    scenarios.remove_scenario(scenario=found, by=request.auth, now=clock.now())
    return Status(204, None)


def _base(call: str, plan: int | None, by: User) -> Decision:
    found = scenario_queries.a_base(call=round_queries.a_call(key=call, by=by), number=plan, by=by)
    if found is None:
        raise Decision.DoesNotExist
    return found


def _view(scenario: Scenario, by: User) -> ScenarioView:
    base = scenario.decision
    return ScenarioView(
        name=scenario.name,
        plan=base.number,
        change=Change.model_validate(scenario.change),
        refusal=scenario_queries.refusal(scenario, base) or None,
        totals=_totals(scenario.report) if scenario.report else None,
        differences=tuple(
            ScenarioDifferenceView(
                application=one.application,
                change=one.change,
                before=_place(one.before, one.why_before),
                after=_place(one.after, one.why_after),
            )
            for one in scenario_queries.differences(scenario=scenario, by=by)
        ),
        groups=tuple(
            GroupDifferenceView(label=group.label, **group.difference.model_dump())
            for dimension in scenario_queries.by_group(scenario)
            for group in dimension.groups
        ),
    )


def _place(place: Place, why: Reason | None) -> PlaceView:
    return PlaceView(**place.model_dump(), reason=sentence(why) if why else "")


def _totals(stored: object) -> TotalsView:
    report = RoundReport.model_validate(stored)
    funnel = report.funnel
    return TotalsView(
        applications=funnel.applications,
        served=funnel.served_whole + funnel.served_in_part,
        whole=funnel.served_whole,
        server_months=funnel.server_months_given,
        server_months_idle=sum(sum(pool.left) for pool in report.pools),
        merit=funnel.merit,
        bound=funnel.bound,
        optimal=funnel.merit == funnel.bound,
    )
