"""Rounds and allocations, for programs."""

from __future__ import annotations

from ninja import Router

from dure.client.models import (
    AllocationView,
    Approval,
    ApprovalView,
    BlockView,
    DifferenceView,
    OutcomeView,
    ReplayView,
    ReportView,
    RoundView,
)
from dure.hub import clock
from dure.hub.allocations import operations, replays, round_queries, rounds
from dure.hub.allocations.models import Allocation, Decision, Outcome
from dure.hub.allocations.round_months import RoundMonths
from dure.hub.auth import PersonalToken, UserRequest
from dure.hub.calls.models import Call
from dure.hub.people.gate import Action, may, require
from dure.hub.people.models import User
from dure.hub.portal.reasons import sentence
from dure.hub.portal.templatetags.dure import words
from dure.hub.problems import Problem

router = Router(tags=["allocations"], auth=PersonalToken())

REFUSALS = {401: Problem, 404: Problem, 409: Problem}


def _latest(call: str, by: User) -> Decision:
    require(by, Action.SEE_ROUND)
    found = (
        Decision.objects.filter(call__key=call, kind="round")
        .exclude(state=Decision.State.SUPERSEDED)
        .select_related("programme", "call__programme")
        .order_by("-number")
        .first()
    )
    if found is None:
        raise Decision.DoesNotExist
    return found


@router.get("rounds/{call}", response={200: RoundView, **REFUSALS})
def latest_round(request: UserRequest, call: str) -> RoundView:
    """The latest plan of the call's round."""
    return round_view(_latest(call, request.auth))


@router.get("rounds/{call}/outcomes/{application}", response={200: OutcomeView, **REFUSALS})
def outcome(request: UserRequest, call: str, application: str) -> OutcomeView:
    """What the latest plan means for one application; to its own people once it is applied."""
    row = round_queries.an_outcome(call=call, application=application, by=request.auth)
    return _outcome(row, rounds.months_of(row.decision))


@router.get("rounds/{call}/report", response={200: ReportView, **REFUSALS})
def report(request: UserRequest, call: str) -> ReportView:
    """What the latest plan came to: funnel, success by group, bounds, pools."""
    decision = _latest(call, request.auth)
    found = round_queries.a_report(decision)
    return ReportView.model_validate(
        {
            "call": call,
            "plan": decision.number,
            "funnel": found.funnel.model_dump(),
            "fairness": [
                {**one.success.model_dump(), "success": float(one.success.success)}
                | {"label": one.label}
                for dimension in found.fairness
                for one in dimension.groups
            ],
            "bounds": [{**bound.use.model_dump(), "label": bound.label} for bound in found.bounds],
            "pools": [use.model_dump() for use in found.pools],
            "complaints": found.complaints,
        }
    )


@router.post("rounds/{call}/solve", response={200: RoundView, **REFUSALS})
def solve(request: UserRequest, call: str) -> RoundView:
    """Makes a new proposal."""
    found = Call.objects.get(key=call)
    return round_view(operations.solve_round(call=found, by=request.auth, now=clock.now()))


@router.post("rounds/{call}/approve", response={200: RoundView, 422: Problem, **REFUSALS})
def approve(request: UserRequest, call: str, body: Approval) -> RoundView:
    """Approves the plan of that number. Approved by the bearer already: the same answer again."""
    require(request.auth, Action.APPROVE_DECISION)
    decision = Decision.objects.get(call__key=call, kind="round", number=body.plan)
    if not decision.approvals.filter(user=request.auth).exists():
        decision = operations.approve_decision(decision=decision, by=request.auth, now=clock.now())
    return round_view(decision)


@router.post("rounds/{call}/withdraw", response={200: RoundView, 422: Problem, **REFUSALS})
def withdraw(request: UserRequest, call: str, body: Approval) -> RoundView:
    """Takes the bearer's approval of a plan back, while it waits for others'."""
    require(request.auth, Action.APPROVE_DECISION)
    decision = Decision.objects.get(call__key=call, kind="round", number=body.plan)
    return round_view(
        operations.withdraw_approval(decision=decision, by=request.auth, now=clock.now())
    )


@router.post("decisions/{number}/replay", response={200: ReplayView, **REFUSALS})
def replay(request: UserRequest, number: int) -> ReplayView:
    """Makes a stored plan again from its own inputs and says whether it comes out the same."""
    require(request.auth, Action.SEE_ROUND)
    found = replays.replay(decision=Decision.objects.get(number=number), by=request.auth)
    return ReplayView(
        plan=number,
        same=found.same,
        differences=tuple(
            DifferenceView(where=d.where, stored=d.stored, made=d.made) for d in found.differences
        ),
    )


def round_view(decision: Decision) -> RoundView:
    """A plan as programs read it."""
    months = rounds.months_of(decision)
    plan = decision.plan
    return RoundView.model_validate(
        {
            "call": decision.call.key if decision.call else "",
            "plan": decision.number,
            "status": decision.state,
            "optimal": plan["optimal"],
            "objective": plan["objective"],
            "bound": plan["bound"],
            "offered": sum(max(offer["servers"]) for offer in decision.snapshot["offers"]),
            "approvals": [
                ApprovalView(by=str(one.user), at=one.at)
                for one in decision.approvals.select_related("user")
            ],
            "approvals_needed": rounds.approvals_needed(decision),
            "outcomes": [_outcome(row, months) for row in round_queries.in_order(decision)],
        }
    )


def _outcome(row: Outcome, months: RoundMonths | None) -> OutcomeView:
    application = row.application
    starts, ends = (None, None)
    if months is not None and row.pool:
        starts, ends = months.period(row.start, row.months)
    return OutcomeView.model_validate(
        {
            "application": application.number,
            "title": application.title,
            "sector": application.organisation.sector,
            "servers": row.servers,
            "pool": row.pool.key if row.pool else None,
            "outcome": row.outcome,
            "rank": application.rank,
            "place": row.place,
            "score": application.score,
            "start": row.start if row.pool else None,
            "months": row.months,
            "starts": starts,
            "ends": ends,
            "blocks": [BlockView(block=block, servers=servers) for block, servers in row.blocks],
            "reason_code": row.reason["code"],
            "reason": sentence(row.reason),
            "change_code": row.change["code"] if row.change else None,
            "change": sentence(row.change) if row.change else None,
            "failures": [words(failure["say"]) for failure in row.failures],
        }
    )


@router.get("allocations", response={200: list[AllocationView], 401: Problem})
def allocations(request: UserRequest) -> list[AllocationView]:
    """The allocations the bearer may see."""
    rows = Allocation.objects.select_related("project__organisation", "pool").order_by("key")
    return [_view(row) for row in rows if may(request.auth, Action.SEE_ALLOCATION, row)]


def _view(row: Allocation) -> AllocationView:
    return AllocationView.model_validate(
        {
            "id": row.key,
            "project": row.project.key,
            "organisation": row.project.organisation.name if row.project.organisation else "",
            "pool": row.pool.key,
            "servers": row.servers,
            "accelerators": row.servers * row.pool.accelerators_per_node,
            "state": row.state,
            "starts": row.starts_at,
            "ends": row.ends_at,
        }
    )
