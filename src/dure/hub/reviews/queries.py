"""What a reviewer sees: their own assignments, less those they have a conflict with."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from dure.engine import assignment as rules_of_assignment
from dure.engine.assignment import AssignmentPlan
from dure.hub.calls.models import Application, Call
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import Action, Actor, NotPermitted, require
from dure.hub.people.models import User
from dure.hub.reviews import assigning, stages
from dure.hub.reviews.facts import co_projects_since, reviewer_facts, submission_of
from dure.hub.reviews.models import Assignment, Review
from dure.hub.supply.queries import rules
from dure.vocabulary.frozen import Text
from dure.vocabulary.plans import Header
from dure.vocabulary.programme import Rubric


@dataclass(frozen=True, slots=True)
class Desk:
    """A reviewer's work: what is still to be scored, and what is done."""

    to_do: tuple[Assignment, ...]
    done: tuple[Assignment, ...]

    @property
    def total(self) -> int:
        return len(self.to_do) + len(self.done)


def my_assignments(by: User) -> Desk:
    """The reviewer's assignments in the order of their applications."""
    require(by, Action.REVIEW)
    reviewer = reviewer_facts(by)
    assigned = (
        Assignment.objects.filter(reviewer=by, state=Assignment.State.ACTIVE)
        .select_related(
            "application__organisation",
            "application__applicant",
            "application__call__programme",
            "stage",
            "review",
        )
        .order_by("stage__opened_at", "application__number")
    )
    seen = [a for a in assigned if not _conflict(a, reviewer)]
    return Desk(
        to_do=tuple(a for a in seen if review_of(a) is None),
        done=tuple(a for a in seen if review_of(a) is not None),
    )


def still_asked(by: User) -> int:
    """How many reviews the person is asked for and has not given."""
    mine = Assignment.objects.filter(reviewer=by, state=Assignment.State.ACTIVE)
    return mine.filter(review=None, stage__closed_at=None).count()


def assignment_for(by: User, pk: int) -> Assignment:
    """One of the reviewer's assignments. Raises Assignment.DoesNotExist, NotPermitted."""
    found = Assignment.objects.select_related(
        "application__organisation",
        "application__applicant",
        "application__call__programme",
        "stage__call__programme",
        "review",
    ).get(pk=pk)
    require(by, Action.REVIEW, found)
    if _conflict(found, reviewer_facts(by)):
        raise NotPermitted(by, Action.REVIEW)
    return found


@dataclass(frozen=True, slots=True)
class VerdictSeen:
    """What a stage found of an application; `tier` in peer review."""

    label: Text
    passed: bool
    tier: int | None
    reason: dict[str, object]


def verdicts_on(application: Application) -> list[VerdictSeen]:
    """The verdicts of the stages that have judged an application, the first stage's first."""
    labels = {
        one.rules.id: one.rules.label
        for one in stages.stages(application.call, rules(application.call.programme))
    }
    rows = application.verdicts.select_related("stage").order_by("stage__opened_at")
    return [
        VerdictSeen(labels[row.stage.key], row.passed, row.tier, row.reason)
        for row in rows
        if row.stage.key in labels
    ]


@dataclass(frozen=True, slots=True)
class Replacement:
    """Of one application: who leaves, and who reviews it instead, by user name."""

    application: str
    leaving: tuple[str, ...]
    coming: tuple[str, ...]


def replacements(plan: AssignmentPlan) -> list[Replacement]:
    """The plan by application."""
    leaving: defaultdict[str, list[str]] = defaultdict(list)
    coming: defaultdict[str, list[str]] = defaultdict(list)
    for one in plan.withdrawn:
        leaving[one.application].append(one.reviewer)
    for one in plan.intents:
        coming[one.application].append(one.reviewer)
    return [
        Replacement(name, tuple(leaving[name]), tuple(coming[name]))
        for name in sorted({*leaving, *coming})
    ]


def rubric_for(assignment: Assignment) -> Rubric:
    """What the assignment's stage judges."""
    document = rules(assignment.stage.call.programme)
    return stages.rubric_of(stages.rules_of(assignment.stage), document.rubric)


def is_open(assignment: Assignment) -> bool:
    """Whether the review can still be given."""
    in_review = assignment.stage.call.state == Call.State.REVIEWING
    return in_review and assignment.stage.closed_at is None


def late_replacements(*, call: Call, by: Actor, now: datetime) -> AssignmentPlan:
    """What replacing late reviewers would do now; nothing is done. Raises NotAtThisStage."""
    require(by, Action.MANAGE_CALL)
    found = stages.open_stage(call, rules(call.programme))
    if found is None:
        raise NotAtThisStage(call.key, call.state, Call.State.REVIEWING)
    row, stage = found
    header = Header(
        number=0, generation=call.programme.generation, now=now, seed=f"{call.key}/{row.key}"
    )
    return assigning.load(call, row, stage, replace_late=True).planned(header)


def review_of(assignment: Assignment) -> Review | None:
    """The review given, or None."""
    return getattr(assignment, "review", None)


def _conflict(assignment: Assignment, reviewer: rules_of_assignment.Reviewer) -> bool:
    call = assignment.application.call
    since = co_projects_since(call, rules(call.programme))
    submission = submission_of(assignment.application)
    return rules_of_assignment.conflict(submission, reviewer, since) is not None
