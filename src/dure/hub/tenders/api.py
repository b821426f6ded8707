"""Supply calls, for programs."""

from __future__ import annotations

from ninja import Router

from dure.client.models import Approval, BidOutcomeView, ChoiceView, SupplyCallView
from dure.engine import tender
from dure.hub import clock
from dure.hub.allocations.models import Decision
from dure.hub.auth import OPEN, PersonalToken, UserRequest
from dure.hub.people.gate import Action, require
from dure.hub.people.models import User
from dure.hub.portal.reasons import sentence
from dure.hub.problems import Problem
from dure.hub.tenders import choosing, queries
from dure.hub.tenders.operations import rules_of

router = Router(tags=["supply calls"], auth=PersonalToken())

REFUSALS = {401: Problem, 404: Problem, 409: Problem}


@router.get("supply-calls", auth=OPEN, response={200: list[SupplyCallView], 401: Problem})
def supply_calls(request: object) -> list[SupplyCallView]:
    """All supply calls; how many bids there are is told once a call is closed."""
    return [
        SupplyCallView.model_validate(
            {
                "id": row.key,
                "title": rules_of(row).label,
                "state": row.state,
                "opens": row.opens_at,
                "closes": row.closes_at,
                "bids": None if row.state in {"announced", "open"} else row.submitted,  # type: ignore[attr-defined]  # annotated
            }
        )
        for row in queries.supply_calls()
    ]


@router.get("supply-calls/{call}/choice", response={200: ChoiceView, **REFUSALS})
def choice(request: UserRequest, call: str) -> ChoiceView:
    """The latest plan of whom to buy from."""
    return _choice(call, request.auth)


@router.post("supply-calls/{call}/choose", response={200: ChoiceView, **REFUSALS})
def choose(request: UserRequest, call: str) -> ChoiceView:
    """Makes a new proposal."""
    found = queries.supply_call(call)
    choosing.choose_winners(call=found, by=request.auth, now=clock.now())
    return _choice(call, request.auth)


@router.post("supply-calls/{call}/approve", response={200: ChoiceView, 422: Problem, **REFUSALS})
def approve(request: UserRequest, call: str, body: Approval) -> ChoiceView:
    """Approves the plan of that number. Approved already: the same answer again."""
    require(request.auth, Action.APPROVE_DECISION)
    found = queries.supply_call(call)
    decision = Decision.objects.get(supply_calls=found, number=body.plan)
    if decision.state != Decision.State.APPLIED:
        choosing.approve_choice(call=found, plan=body.plan, by=request.auth, now=clock.now())
    return _choice(call, request.auth)


def _choice(key: str, by: User) -> ChoiceView:
    call = queries.supply_call(key)
    found = queries.choice_of(call=call, by=by)
    if found is None:
        raise Decision.DoesNotExist
    plan = found.plan
    return ChoiceView.model_validate(
        {
            "call": call.key,
            "plan": found.decision.number,
            "status": found.decision.state,
            "optimal": plan.optimal,
            "budget": rules_of(call).award.budget,
            "price": plan.price,
            "public_accelerators": plan.public_accelerators,
            "accelerators": plan.accelerators,
            "conflict": plan.conflict,
            "outcomes": [_outcome(one) for one in plan.intents],
        }
    )


def _outcome(one: tender.BidOutcome) -> BidOutcomeView:
    return BidOutcomeView.model_validate(
        {
            "bid": one.bid,
            "provider": one.provider,
            "rank": one.rank,
            "outcome": one.outcome,
            "total": str(one.total),
            "reviewed": None if one.reviewed is None else str(one.reviewed),
            "computed": {p.criterion: str(p.points) for p in one.computed},
            "price": one.price,
            "public_servers": one.public_servers,
            "reason_code": one.reason.code,
            "reason": sentence(one.reason),
            "changes": [sentence(change) for change in one.changes],
        }
    )
