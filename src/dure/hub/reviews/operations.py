"""Assigning reviewers without conflict of interest, taking their reviews, ranking."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from dure.engine import assignment, scoring
from dure.engine.checks import assignment as assignment_check
from dure.hub.allocations import decisions
from dure.hub.allocations.models import Decision
from dure.hub.audit import operations as audit
from dure.hub.calls.models import Application, Call
from dure.hub.calls.operations import NotAtThisStage
from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import Role, User
from dure.hub.reviews.models import Assignment, DeclaredConflict, Review
from dure.hub.supply.queries import rules
from dure.vocabulary.plans import Reason

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


def submission_of(application: Application) -> assignment.Submission:
    """What decides conflicts and expertise."""
    answers = application.answers
    partners = str(answers.get("partners", ""))
    return assignment.Submission(
        application=application.number,
        organisation=application.organisation.name,
        partners=tuple(p.strip() for p in partners.splitlines() if p.strip()),
        field=str(answers.get("field", "")),
    )


def reviewer_facts(user: User) -> assignment.Reviewer:
    """A reviewer as the assignment sees them."""
    return assignment.Reviewer(
        reviewer=user.username,
        organisation=user.organisation.name if user.organisation else "",
        fields=tuple(user.fields_of_expertise),
        declared=tuple(sorted(c.subject for c in user.declared_conflicts.all())),
    )


@transaction.atomic
def assign_reviewers(*, call: Call, by: Actor, now: datetime) -> Decision:
    """Gives every admitted application its reviewers; adds to what is assigned already."""
    require(by, Action.MANAGE_CALL)
    decisions.hold(call.programme_id)
    locked = Call.objects.select_for_update(no_key=True).get(pk=call.pk)
    if locked.state not in {Call.State.SCREENED, Call.State.REVIEWING}:
        raise NotAtThisStage(locked.key, locked.state, Call.State.SCREENED)
    document = rules(locked.programme)
    admitted = list(
        locked.applications.filter(state=Application.State.ADMITTED)
        .select_related("organisation")
        .order_by("number")
    )
    people = list(
        User.objects.filter(role=Role.REVIEWER, is_active=True)
        .select_related("organisation")
        .prefetch_related("declared_conflicts")
        .order_by("username")
    )
    snapshot = assignment.AssignmentSnapshot(
        call=locked.key,
        submissions=tuple(submission_of(a) for a in admitted),
        reviewers=tuple(reviewer_facts(u) for u in people),
        held=tuple(
            assignment.Held(application=number, reviewer=reviewer, reviewed=given is not None)
            for number, reviewer, given in Assignment.objects.filter(application__call=locked)
            .order_by("pk")
            .values_list("application__number", "reviewer__username", "review")
        ),
    )
    policy = assignment.AssignmentPolicy(reviews=document.rubric.reviews_per_application)
    header = decisions.next_header(programme=locked.programme, now=now, seed=locked.key)
    plan = assignment.plan(snapshot, policy, header)
    wrong = assignment_check.violations(snapshot, policy, plan)
    if wrong:
        raise decisions.PlanRefused(wrong)
    decision = decisions.record(
        programme=locked.programme,
        call=locked,
        snapshot=snapshot,
        policy=policy,
        plan=plan,
        by=by,
        applied=True,
        moves_capacity=False,
    )
    by_number = {a.number: a for a in admitted}
    by_name = {u.username: u for u in people}
    Assignment.objects.bulk_create(
        [
            Assignment(
                application=by_number[intent.application],
                reviewer=by_name[intent.reviewer],
                assigned_at=now,
            )
            for intent in plan.intents
        ],
        batch_size=500,
    )
    locked.state = Call.State.REVIEWING
    locked.save(update_fields=["state"])
    return decision


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
    if call.state == Call.State.REVIEWING:
        assignment.delete()
    audit.record(by=by, what="review.conflict_declared", subject=number, at=now)


@transaction.atomic
def submit_review(
    *, assignment: Assignment, points: dict[str, int], comment: str, by: User, now: datetime
) -> Review:
    """Takes, or replaces, one reviewer's points while the call is in review."""
    locked = (
        # With the call: it is not ranked while a review is written.
        Assignment.objects.select_for_update(of=("self", "application__call"), no_key=True)
        .select_related("application__call__programme", "application__organisation")
        .get(pk=assignment.pk)
    )
    require(by, Action.REVIEW, locked)
    application = locked.application
    if application.call.state != Call.State.REVIEWING:
        raise NotAtThisStage(application.call.key, application.call.state, Call.State.REVIEWING)
    _without_conflict(application, by)
    _points_fit(application, points)
    review, _ = Review.objects.update_or_create(
        assignment=locked,
        defaults={"points": points, "comment": comment[:MAX_COMMENT], "submitted_at": now},
    )
    audit.record(by=by, what="review.submitted", subject=application.number, at=now)
    return review


def _without_conflict(application: Application, reviewer: User) -> None:
    code = assignment.conflict(submission_of(application), reviewer_facts(reviewer))
    if code is not None:
        raise ConflictOfInterest(code)


def _points_fit(application: Application, points: dict[str, int]) -> None:
    problems: dict[str, Reason] = {}
    criteria = {c.id: c.points for c in rules(application.call.programme).rubric.criteria}
    for criterion, most in criteria.items():
        given = points.get(criterion)
        if given is None:
            problems[criterion] = Reason(code="answer.required")
        elif given < 0:
            problems[criterion] = Reason(code="answer.too_small", params={"minimum": 0})
        elif given > most:
            problems[criterion] = Reason(code="answer.too_large", params={"maximum": most})
    for unknown in points.keys() - criteria.keys():
        problems[unknown] = Reason(code="answer.unknown_field")
    if problems:
        raise PointsInvalid(problems)


@transaction.atomic
def rank_call(*, call: Call, by: Actor, now: datetime) -> Decision:
    """Scores and ranks all admitted applications; ties by the call's published seed."""
    require(by, Action.MANAGE_CALL)
    decisions.hold(call.programme_id)
    locked = Call.objects.select_for_update(no_key=True).get(pk=call.pk)
    if locked.state != Call.State.REVIEWING:
        raise NotAtThisStage(locked.key, locked.state, Call.State.REVIEWING)
    document = rules(locked.programme)
    admitted = {
        a.number: a
        for a in locked.applications.filter(state=Application.State.ADMITTED)
        .select_related("organisation")
        .order_by("number")
    }
    bonus = document.allotment.region_bonus_points
    snapshot = scoring.ScoringSnapshot(
        call=locked.key,
        applications=tuple(admitted),
        reviews=tuple(
            scoring.Review(application=number, reviewer=reviewer, points=points)
            for number, reviewer, points in Review.objects.filter(
                assignment__application__call=locked,
                assignment__application__state=Application.State.ADMITTED,
            )
            .order_by("assignment__application__number", "assignment__reviewer__username")
            .values_list(
                "assignment__application__number", "assignment__reviewer__username", "points"
            )
        ),
        bonus_points={
            number: bonus[a.organisation.region]
            for number, a in admitted.items()
            if bonus.get(a.organisation.region)
        },
    )
    seed = next(c.tie_break_seed for c in document.calls if c.id == locked.key)
    header = decisions.next_header(programme=locked.programme, now=now, seed=seed)
    plan = scoring.plan(snapshot, document.rubric, header)
    decision = decisions.record(
        programme=locked.programme,
        call=locked,
        snapshot=snapshot,
        policy=document.rubric,
        plan=plan,
        by=by,
        applied=True,
        moves_capacity=False,
    )
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
    locked.state = Call.State.RANKED
    locked.save(update_fields=["state"])
    return decision
