"""Rounds and allocations, for programs."""

from __future__ import annotations

from ninja import Router

from dure.client.models import AllocationView, Approval, OutcomeView, RoundView
from dure.hub import clock
from dure.hub.allocations import operations
from dure.hub.allocations.models import Allocation, Decision
from dure.hub.auth import PersonalToken, UserRequest
from dure.hub.calls.models import Call
from dure.hub.people.gate import Action, may, require
from dure.hub.people.models import User
from dure.hub.portal.reasons import sentence
from dure.hub.problems import Problem

router = Router(tags=["allocations"], auth=PersonalToken())

REFUSALS = {401: Problem, 404: Problem, 409: Problem}


def _latest(call: str, by: User) -> Decision:
    require(by, Action.SEE_ROUND)
    found = (
        Decision.objects.filter(call__key=call, kind="round")
        .exclude(state=Decision.State.SUPERSEDED)
        .order_by("-number")
        .first()
    )
    if found is None:
        raise Decision.DoesNotExist
    return found


@router.get("rounds/{call}", response={200: RoundView, **REFUSALS})
def latest_round(request: UserRequest, call: str) -> RoundView:
    """The latest plan of the call's round."""
    return _round(_latest(call, request.auth))


@router.post("rounds/{call}/solve", response={200: RoundView, **REFUSALS})
def solve(request: UserRequest, call: str) -> RoundView:
    """Makes a new proposal."""
    found = Call.objects.get(key=call)
    return _round(operations.solve_round(call=found, by=request.auth, now=clock.now()))


@router.post("rounds/{call}/approve", response={200: RoundView, 422: Problem, **REFUSALS})
def approve(request: UserRequest, call: str, body: Approval) -> RoundView:
    """Approves the plan of that number. Approved already: the same answer again."""
    require(request.auth, Action.APPROVE_DECISION)
    decision = Decision.objects.get(call__key=call, kind="round", number=body.plan)
    if decision.state != Decision.State.APPLIED:
        decision = operations.approve_decision(decision=decision, by=request.auth, now=clock.now())
    return _round(decision)


def _round(decision: Decision) -> RoundView:
    outcomes = decision.outcomes.select_related("application__organisation", "pool").order_by(
        "application__rank"
    )
    return RoundView.model_validate(
        {
            "call": decision.call.key if decision.call else "",
            "plan": decision.number,
            "status": decision.state,
            "optimal": decision.plan["optimal"],
            "offered": sum(offer["servers"] for offer in decision.snapshot["offers"]),
            "outcomes": [
                OutcomeView.model_validate(
                    {
                        "application": row.application.number,
                        "title": row.application.title,
                        "sector": row.application.organisation.sector,
                        "servers": row.servers,
                        "pool": row.pool.key if row.pool else None,
                        "outcome": row.outcome,
                        "rank": row.application.rank,
                        "score": row.application.score,
                        "reason_code": row.reason["code"],
                        "reason": sentence(row.reason),
                    }
                )
                for row in outcomes
            ],
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
