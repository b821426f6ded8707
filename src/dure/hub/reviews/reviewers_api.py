"""A call's reviewers, for programs."""

from __future__ import annotations

from ninja import Router

from dure.client.reviewers import (
    ChangeView,
    ReplacementView,
    ReviewersView,
    ReviewerView,
    StageView,
)
from dure.engine.assignment import AssignmentPlan
from dure.hub import clock
from dure.hub.allocations import round_queries
from dure.hub.auth import PersonalToken, UserRequest
from dure.hub.people.models import User
from dure.hub.problems import Problem
from dure.hub.reviews import board as boards
from dure.hub.reviews import operations, queries

router = Router(tags=["reviews"], auth=PersonalToken())

REFUSALS = {401: Problem, 404: Problem, 409: Problem}


@router.get("rounds/{call}/reviewers", response={200: ReviewersView, **REFUSALS})
def reviewers(request: UserRequest, call: str) -> ReviewersView:
    """How far the call's review has come, and who is behind."""
    found, now = round_queries.a_call(key=call, by=request.auth), clock.now()
    board = boards.board(call=found, by=request.auth, now=now)
    people = boards.reviewers(call=found, by=request.auth, now=now)
    return ReviewersView(
        call=call,
        stages=tuple(_stage(one) for one in board.stages),
        short=board.short,
        reviewers=tuple(_reviewer(user) for user in people),
    )


@router.get("rounds/{call}/reviewers/late", response={200: ReplacementView, **REFUSALS})
def late(request: UserRequest, call: str) -> ReplacementView:
    """Who would replace whom if late reviewers were replaced now; nothing is done."""
    found = round_queries.a_call(key=call, by=request.auth)
    plan = queries.late_replacements(call=found, by=request.auth, now=clock.now())
    return _replacement(call, plan, done=False)


@router.post("rounds/{call}/reviewers/replace", response={200: ReplacementView, **REFUSALS})
def replace(request: UserRequest, call: str) -> ReplacementView:
    """Replaces late reviewers. Who was replaced is late no longer, so twice is once."""
    found = round_queries.a_call(key=call, by=request.auth)
    decision = operations.replace_late(call=found, by=request.auth, now=clock.now())
    return _replacement(call, AssignmentPlan.model_validate(decision.plan), done=True)


def _stage(one: boards.StageSeen) -> StageView:
    return StageView(
        id=one.rules.id,
        label=one.rules.label,
        kind=one.rules.kind,
        state=one.state,
        due=one.row.due_at if one.row else None,
        asked=one.asked,
        given=one.given,
        late=one.late,
        passed=one.passed,
        failed=one.failed,
    )


def _reviewer(user: User) -> ReviewerView:
    return ReviewerView.model_validate(
        {
            "reviewer": user.username,
            "organisation": user.organisation.name if user.organisation else "",
            **{name: getattr(user, name) for name in ("asked", "given", "late")},
            "due": getattr(user, "due_at", None),
        }
    )


def _replacement(call: str, plan: AssignmentPlan, *, done: bool) -> ReplacementView:
    return ReplacementView(
        call=call,
        done=done,
        changes=tuple(
            ChangeView(application=c.application, leaving=c.leaving, coming=c.coming)
            for c in queries.replacements(plan)
        ),
        short=plan.short,
    )
