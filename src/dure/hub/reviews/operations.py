"""Assigning reviewers, taking their reviews, replacing late ones, closing stages, ranking."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from dure.engine import assignment
from dure.hub.allocations import decisions
from dure.hub.allocations.models import Decision
from dure.hub.audit import operations as audit
from dure.hub.calls.models import Application, Call
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import User
from dure.hub.reviews import assigning, ranking, stages
from dure.hub.reviews.facts import co_projects_since, reviewer_facts, submission_of
from dure.hub.reviews.models import (
    Assignment,
    DeclaredConflict,
    PastProject,
    Review,
    ReviewerProfile,
    Stage,
)
from dure.hub.supply.queries import rules
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme import ReviewStage

MAX_COMMENT = 4000


class ConflictOfInterest(Exception):
    """The reviewer may neither see nor score this application."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.reason = Reason(code=code)


class PointsInvalid(Exception):
    """Points that the rubric does not take, by criterion: (given, most possible)."""

    def __init__(self, problems: dict[str, Reason]) -> None:
        super().__init__(", ".join(sorted(problems)))
        self.problems = problems


@transaction.atomic
def assign_reviewers(*, call: Call, by: Actor, now: datetime) -> Decision:
    """Gives every admitted application its reviewers of the stage; adds to those who are assigned.

    The call's first stage opens where none has begun.
    """
    require(by, Action.MANAGE_CALL)
    locked = _held_call(call)
    if locked.state not in {Call.State.SCREENED, Call.State.REVIEWING}:
        raise NotAtThisStage(locked.key, locked.state, Call.State.SCREENED)
    document = rules(locked.programme)
    row, stage = stages.open_stage(locked, document) or stages.begin(locked, document, now)
    decision = _assigned(locked, row, stage, by=by, now=now)
    locked.state = Call.State.REVIEWING
    locked.save(update_fields=["state"])
    return decision


@transaction.atomic
def replace_late(*, call: Call, by: Actor, now: datetime) -> Decision:
    """Gives reviews that are past their due time to others, where others are free to take them.

    Reviews that were given stay; a late one that nobody else can take stays with its reviewer.
    """
    require(by, Action.MANAGE_CALL)
    locked = _held_call(call)
    row, stage = _open_stage(locked)
    return _assigned(locked, row, stage, by=by, now=now, replace_late=True)


@transaction.atomic
def close_stage(*, call: Call, by: Actor, now: datetime) -> Decision | None:
    """Judges the open stage; who passes goes on to the next one, which gets its reviewers.

    The last stage closes with the ranking. Raises NotAtThisStage, ReviewsOutstanding.
    """
    require(by, Action.MANAGE_CALL)
    locked = _held_call(call)
    row, stage = _open_stage(locked)
    document = rules(locked.programme)
    if not stages.remaining(locked, document):
        raise NotAtThisStage(locked.key, row.key, "a stage before the last")
    decision = stages.judge(call=locked, row=row, stage=stage, by=by, now=now)
    audit.record(by=by, what="stage.closed", subject=locked.key, at=now, detail={"stage": row.key})
    following = stages.begin(locked, document, now)
    _assigned(locked, *following, by=by, now=now)
    return decision


def _held_call(call: Call) -> Call:
    decisions.hold(call.programme_id)
    return Call.objects.select_for_update(no_key=True).get(pk=call.pk)


def _open_stage(call: Call) -> tuple[Stage, ReviewStage]:
    found = stages.open_stage(call, rules(call.programme))
    if call.state != Call.State.REVIEWING or found is None:
        raise NotAtThisStage(call.key, call.state, Call.State.REVIEWING)
    return found


def _assigned(
    call: Call,
    row: Stage,
    stage: ReviewStage,
    *,
    by: Actor,
    now: datetime,
    replace_late: bool = False,
) -> Decision:
    """Plans, records and applies the assignment of a stage."""
    loaded = assigning.load(call, row, stage, replace_late=replace_late)
    header = decisions.next_header(programme=call.programme, now=now, seed=f"{call.key}/{row.key}")
    plan = loaded.planned(header)
    decision = decisions.record(
        programme=call.programme,
        call=call,
        snapshot=loaded.snapshot,
        policy=loaded.policy,
        plan=plan,
        by=by,
        applied=True,
        moves_capacity=False,
    )
    assigning.apply(loaded, plan, now)
    return decision


@transaction.atomic
def describe_reviewer(
    *,
    user: User,
    other_fields: tuple[str, ...],
    keywords: tuple[str, ...],
    supplies: tuple[str, ...],
    past_projects: tuple[assignment.PastProject, ...],
    by: Actor,
    now: datetime,
    most_reviews: int | None = None,
) -> None:
    """What a person knows and whom they are tied to; they say it themselves, or the operator."""
    if by != user:
        require(by, Action.MANAGE_PEOPLE)
    ReviewerProfile.objects.update_or_create(
        user=user,
        defaults={
            "other_fields": list(other_fields),
            "keywords": list(keywords),
            "supplies": list(supplies),
            "most_reviews": most_reviews,
        },
    )
    user.past_projects.all().delete()
    PastProject.objects.bulk_create(
        PastProject(reviewer=user, organisation=p.organisation, person=p.person, year=p.year)
        for p in past_projects
    )
    audit.record(by=by, what="reviewer.described", subject=f"user:{user.username}", at=now)


@transaction.atomic
def declare_conflict(*, assignment: Assignment, by: User, now: datetime) -> None:
    """The reviewer steps back from an application; during the review, what they said of it ends.

    Afterwards it stays on record, as the ranking was made from it.
    """
    require(by, Action.REVIEW, assignment)
    number = assignment.application.number
    call = Call.objects.select_for_update(no_key=True).get(pk=assignment.application.call_id)
    DeclaredConflict.objects.get_or_create(
        reviewer=by, subject=number, defaults={"declared_at": now}
    )
    stage = Stage.objects.get(pk=assignment.stage_id)
    if call.state == Call.State.REVIEWING and stage.closed_at is None:
        why = Reason(code="assignment.declared")
        assigning.withdraw(assignment, why, now, tell=False)
    audit.record(by=by, what="review.conflict_declared", subject=number, at=now)


@transaction.atomic
def submit_review(
    *, assignment: Assignment, points: dict[str, int], comment: str, by: User, now: datetime
) -> Review:
    """Takes, or replaces, one reviewer's points while the stage is open."""
    locked = (
        # With the call: it is not ranked while a review is written.
        Assignment.objects.select_for_update(of=("self", "application__call"), no_key=True)
        .select_related(
            "stage", "application__call__programme", "application__organisation",
            "application__applicant",
        )
        .get(pk=assignment.pk)
    )  # fmt: skip
    require(by, Action.REVIEW, locked)
    application, call = locked.application, locked.application.call
    if call.state != Call.State.REVIEWING or locked.stage.closed_at is not None:
        raise NotAtThisStage(call.key, call.state, Call.State.REVIEWING)
    _without_conflict(application, by)
    locked.stage.call = call
    points_fit(points, _most(locked.stage))
    given = {"points": points, "comment": comment[:MAX_COMMENT], "submitted_at": now}
    (review,) = Review.objects.bulk_create(
        [Review(assignment=locked, **given)],
        update_conflicts=True,
        unique_fields=["assignment"],
        update_fields=list(given),
    )
    audit.record(by=by, what="review.submitted", subject=application.number, at=now)
    return review


def _without_conflict(application: Application, reviewer: User) -> None:
    since = co_projects_since(application.call, rules(application.call.programme))
    code = assignment.conflict(submission_of(application), reviewer_facts(reviewer), since)
    if code is not None:
        raise ConflictOfInterest(code)


def points_fit(points: Mapping[str, int], most: Mapping[str, int]) -> None:
    """Raises PointsInvalid unless each criterion has its points, from none to its `most`."""
    problems = {unknown: Reason(code="answer.unknown_field") for unknown in points.keys() - most}
    for criterion, limit in most.items():
        given = points.get(criterion)
        if given is None:
            problems[criterion] = Reason(code="answer.required")
        elif given < 0:
            problems[criterion] = Reason(code="answer.too_small", params={"minimum": 0})
        elif given > limit:
            problems[criterion] = Reason(code="answer.too_large", params={"maximum": limit})
    if problems:
        raise PointsInvalid(problems)


def _most(stage: Stage) -> dict[str, int]:
    """The points of each criterion of the stage."""
    rubric = rules(stage.call.programme).rubric
    return {c.id: c.points for c in stages.criteria(stages.rules_of(stage), rubric)}


@transaction.atomic
def rank_call(*, call: Call, by: Actor, now: datetime) -> Decision:
    """Scores and ranks all admitted applications; ties by the call's published seed."""
    require(by, Action.MANAGE_CALL)
    decisions.hold(call.programme_id)
    locked = Call.objects.select_for_update(no_key=True).get(pk=call.pk)
    if locked.state != Call.State.REVIEWING:
        raise NotAtThisStage(locked.key, locked.state, Call.State.REVIEWING)
    document = rules(locked.programme)
    last, stage = stages.finish(call=locked, by=by, now=now)
    rubric = stages.rubric_of(stage, document.rubric)
    return ranking.decide(call=locked, stage=last, rubric=rubric, document=document, by=by, now=now)
