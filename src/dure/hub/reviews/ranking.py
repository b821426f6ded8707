"""Ranking a call: the reviews of its last stage become one order, kept with all it was made from.

- The rubric says whether scores are corrected for reviewers; the plan holds raw and corrected.
- The independent check passes the plan before anything is written.
"""

from __future__ import annotations

from datetime import datetime

from dure.engine import scoring
from dure.engine.checks.scoring import violations
from dure.hub.allocations import decisions
from dure.hub.allocations.models import Decision
from dure.hub.calls.models import Application, Call
from dure.hub.people.gate import Actor
from dure.hub.reviews.models import Assignment, Review, Stage
from dure.vocabulary.programme import Programme, Rubric


def decide(
    *, call: Call, stage: Stage, rubric: Rubric, document: Programme, by: Actor, now: datetime
) -> Decision:
    """Ranks the admitted applications of a call that the caller holds; ties by its published seed.

    Raises PlanRefused where the check finds the ranking wrong.
    """
    admitted = {
        a.number: a
        for a in call.applications.filter(state=Application.State.ADMITTED)
        .select_related("organisation")
        .order_by("number")
    }
    snapshot = _snapshot(call, stage, admitted, document)
    seed = next(c.tie_break_seed for c in document.calls if c.id == call.key)
    header = decisions.next_header(programme=call.programme, now=now, seed=seed)
    plan = scoring.plan(snapshot, rubric, header)
    if wrong := violations(snapshot, rubric, plan):
        raise decisions.PlanRefused(wrong)
    decision = decisions.record(
        programme=call.programme,
        call=call,
        snapshot=snapshot,
        policy=rubric,
        plan=plan,
        by=by,
        applied=True,
        moves_capacity=False,
    )
    _apply(call, admitted, plan)
    return decision


def _snapshot(
    call: Call, stage: Stage, admitted: dict[str, Application], document: Programme
) -> scoring.ScoringSnapshot:
    bonus = document.allotment.region_bonus_points
    given = (
        Review.objects.filter(
            assignment__stage=stage,
            assignment__state=Assignment.State.ACTIVE,
            assignment__application__state=Application.State.ADMITTED,
        )
        .order_by("assignment__application__number", "assignment__reviewer__username")
        .values_list("assignment__application__number", "assignment__reviewer__username", "points")
    )
    return scoring.ScoringSnapshot(
        call=call.key,
        applications=tuple(admitted),
        reviews=tuple(
            scoring.Review(application=number, reviewer=reviewer, points=points)
            for number, reviewer, points in given
        ),
        bonus_points={
            number: bonus[a.organisation.region]
            for number, a in admitted.items()
            if bonus.get(a.organisation.region)
        },
    )


def _apply(call: Call, admitted: dict[str, Application], plan: scoring.ScoringPlan) -> None:
    for intent in plan.intents:
        application = admitted[intent.application]
        application.score = str(intent.score)
        application.rank = intent.rank
        if intent.rank is None:
            application.state = Application.State.REJECTED
            application.failures = [{"reason": intent.reason.model_dump(mode="json")}]
        else:
            application.state = Application.State.RANKED
    Application.objects.bulk_update(
        admitted.values(), ["score", "rank", "state", "failures"], batch_size=500
    )
    call.state = Call.State.RANKED
    call.save(update_fields=["state"])
