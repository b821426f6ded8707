"""What the operator sees of a call's review: its stages, who reviews how much, what is late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import Count, Min, Q, QuerySet

from dure.hub.calls.models import Application, Call
from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import User
from dure.hub.reviews import stages
from dure.hub.reviews.models import Assignment, Stage, Verdict
from dure.hub.supply.queries import rules
from dure.vocabulary.programme import ReviewStage

StageState = Literal["ahead", "open", "closed"]
_ACTIVE = Q(assignments__state=Assignment.State.ACTIVE)


@dataclass(frozen=True, slots=True)
class StageSeen:
    """A stage with how far it has come. `late` reviews are past their due time and not given."""

    rules: ReviewStage
    state: StageState
    row: Stage | None
    asked: int = 0
    given: int = 0
    late: int = 0
    passed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Board:
    """A call's review. `short`: applications with fewer reviewers than the open stage asks for."""

    call: Call
    stages: tuple[StageSeen, ...]
    short: int

    @property
    def open(self) -> StageSeen | None:
        return next((one for one in self.stages if one.state == "open"), None)

    @property
    def is_last(self) -> bool:
        """Whether the open stage closes with the ranking."""
        return not any(one.state == "ahead" for one in self.stages)


def board(*, call: Call, by: Actor, now: datetime) -> Board:
    """The stages of the call and what of them is late."""
    require(by, Action.SEE_ROUND)
    asked, judged = _reviews(call, now), _verdicts(call)
    found = []
    for one in stages.stages(call, rules(call.programme)):
        key = one.rules.id
        figures = {**asked.get(key, {}), **judged.get(key, {})}
        found.append(StageSeen(one.rules, _state(one.row), one.row, **figures))
    seen = tuple(found)
    short = sum(_short(call, one) for one in seen if one.state == "open")
    return Board(call, seen, short)


def _state(row: Stage | None) -> StageState:
    if row is None:
        return "ahead"
    return "open" if row.closed_at is None else "closed"


def _reviews(call: Call, now: datetime) -> dict[str, dict[str, int]]:
    rows = Assignment.objects.filter(stage__call=call, state=Assignment.State.ACTIVE)
    counted = rows.values("stage__key").annotate(
        asked=Count("pk"),
        given=Count("review"),
        late=Count("pk", filter=Q(review=None, due_at__lte=now)),
    )
    return {
        row["stage__key"]: {name: row[name] for name in ("asked", "given", "late")}
        for row in counted
    }


def _verdicts(call: Call) -> dict[str, dict[str, int]]:
    counted = (
        Verdict.objects.filter(stage__call=call)
        .values("stage__key")
        .annotate(
            passed_=Count("pk", filter=Q(passed=True)), failed_=Count("pk", filter=Q(passed=False))
        )
    )
    return {
        row["stage__key"]: {"passed": row["passed_"], "failed": row["failed_"]} for row in counted
    }


def _late(now: datetime) -> Q:
    return Q(assignments__review=None, assignments__due_at__lte=now)


def _short(call: Call, one: StageSeen) -> int:
    mine = Q(assignments__stage=one.row) & _ACTIVE
    rows = call.applications.filter(state=Application.State.ADMITTED)
    counted = rows.annotate(reviewers=Count("assignments", filter=mine))
    return counted.filter(reviewers__lt=one.rules.reviews).count()


def reviewers(*, call: Call, by: Actor, now: datetime) -> QuerySet[User]:
    """Who reviews in the open stage, the furthest behind first."""
    require(by, Action.SEE_ROUND)
    mine = _ACTIVE & Q(assignments__stage__call=call, assignments__stage__closed_at=None)
    return (
        User.objects.filter(mine)
        .select_related("organisation")
        .annotate(
            asked=Count("assignments", filter=mine),
            given=Count("assignments__review", filter=mine),
            late=Count("assignments", filter=mine & _late(now)),
            due_at=Min("assignments__due_at", filter=mine & Q(assignments__review=None)),
        )
        .order_by("-late", "given", "username")
    )
