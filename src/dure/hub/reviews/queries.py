"""What a reviewer sees: their own assignments, less those they have a conflict with."""

from __future__ import annotations

from dataclasses import dataclass

from dure.engine import assignment as rules_of_assignment
from dure.hub.people.gate import Action, NotPermitted, require
from dure.hub.people.models import User
from dure.hub.reviews.models import Assignment, Review
from dure.hub.reviews.operations import reviewer_facts, submission_of


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
        Assignment.objects.filter(reviewer=by)
        .select_related("application__organisation", "application__call", "review")
        .order_by("application__number")
    )
    seen = [a for a in assigned if not _conflict(a, reviewer)]
    return Desk(
        to_do=tuple(a for a in seen if review_of(a) is None),
        done=tuple(a for a in seen if review_of(a) is not None),
    )


def assignment_for(by: User, pk: int) -> Assignment:
    """One of the reviewer's assignments. Raises Assignment.DoesNotExist, NotPermitted."""
    found = Assignment.objects.select_related(
        "application__organisation", "application__call__programme", "review"
    ).get(pk=pk)
    require(by, Action.REVIEW, found)
    if _conflict(found, reviewer_facts(by)):
        raise NotPermitted(by, Action.REVIEW)
    return found


def review_of(assignment: Assignment) -> Review | None:
    """The review given, or None."""
    return getattr(assignment, "review", None)


def _conflict(assignment: Assignment, reviewer: rules_of_assignment.Reviewer) -> bool:
    submission = submission_of(assignment.application)
    return rules_of_assignment.conflict(submission, reviewer) is not None
