"""A stage's reviewers: load what decides, plan, check, and apply.

- What was withdrawn stays on record, and that pair is never made again in the stage.
- Each reviewer is told how many reviews they are newly asked for and by when, and of each that was
  taken from them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from dure.engine import assignment
from dure.engine.checks import assignment as assignment_check
from dure.hub.allocations.decisions import PlanRefused
from dure.hub.calls.models import Application, Call
from dure.hub.notices import operations as notices
from dure.hub.people.models import User
from dure.hub.reviews.facts import (
    co_projects_since,
    peers,
    reviewer_facts,
    reviewers,
    submission_of,
    with_ties,
)
from dure.hub.reviews.models import Assignment, Review, Stage
from dure.hub.supply.queries import rules
from dure.vocabulary.plans import Header, Reason
from dure.vocabulary.programme import ReviewStage

State = Assignment.State


@dataclass(frozen=True, slots=True)
class Loaded:
    """A stage of a call with everything its assignment is decided from."""

    row: Stage
    stage: ReviewStage
    applications: dict[str, Application]
    people: dict[str, User]
    snapshot: assignment.AssignmentSnapshot
    policy: assignment.AssignmentPolicy

    def planned(self, header: Header) -> assignment.AssignmentPlan:
        """The plan, checked. Raises PlanRefused."""
        plan = assignment.plan(self.snapshot, self.policy, header)
        wrong = assignment_check.violations(self.snapshot, self.policy, plan)
        if wrong:
            raise PlanRefused(wrong)
        return plan


def load(call: Call, row: Stage, stage: ReviewStage, *, replace_late: bool = False) -> Loaded:
    """Everything there is, read at once."""
    document = rules(call.programme)
    applications = {
        a.number: a
        for a in call.applications.filter(state=Application.State.ADMITTED)
        .select_related("organisation", "applicant")
        .order_by("number")
    }
    people, facts = _reviewers(stage, list(applications.values()))
    policy = assignment.AssignmentPolicy(
        reviews=stage.reviews,
        most_reviews=stage.peer.reviews_each if stage.peer else document.reviewing.most_reviews,
        co_projects_since=co_projects_since(call, document),
        replace_late=replace_late,
    )
    held, barred = _held(row)
    snapshot = assignment.AssignmentSnapshot(
        call=call.key,
        submissions=tuple(submission_of(a) for a in applications.values()),
        reviewers=tuple(facts),
        held=held,
        barred=barred,
    )
    return Loaded(row, stage, applications, people, snapshot, policy)


def _reviewers(
    stage: ReviewStage, applications: list[Application]
) -> tuple[dict[str, User], list[assignment.Reviewer]]:
    """Those who review by office, or the applicants themselves."""
    if stage.peer is None:
        found = list(reviewers())
        return {u.username: u for u in found}, [reviewer_facts(u) for u in found]
    theirs = with_ties(User.objects.filter(pk__in={a.applicant_id for a in applications}))
    applicants = {user.pk: user for user in theirs.filter(is_active=True)}
    for application in applications:
        application.applicant = applicants.get(application.applicant_id, application.applicant)
    facts = peers(
        [a for a in applications if a.applicant_id in applicants],
        competitors_apart=stage.peer.competitors_apart,
    )
    return {user.username: user for user in applicants.values()}, facts


def _held(row: Stage) -> tuple[tuple[assignment.Held, ...], tuple[assignment.Pair, ...]]:
    rows = (
        row.assignments.order_by("pk")
        .values_list("application__number", "reviewer__username", "due_at", "review", "state")
    )  # fmt: skip
    held = tuple(
        assignment.Held(application=a, reviewer=r, due_at=due, reviewed=review is not None)
        for a, r, due, review, state in rows
        if state == State.ACTIVE
    )
    return held, tuple((a, r) for a, r, _, _, state in rows if state == State.WITHDRAWN)


def apply(loaded: Loaded, plan: assignment.AssignmentPlan, now: datetime) -> None:
    """Withdraws, assigns, and tells those whom it concerns."""
    for one in plan.withdrawn:
        reason = one.reason
        rows = loaded.row.assignments.filter(
            application__number=one.application, reviewer__username=one.reviewer
        )
        withdraw(rows.select_related("reviewer").get(), reason, now, tell=True)
    due_at = now + timedelta(days=loaded.stage.due_days)
    Assignment.objects.bulk_create(
        [
            Assignment(
                stage=loaded.row,
                application=loaded.applications[one.application],
                reviewer=loaded.people[one.reviewer],
                assigned_at=now,
                due_at=due_at,
            )
            for one in plan.intents
        ],
        batch_size=500,
    )
    _tell_asked(loaded, plan, due_at, now)


def withdraw(row: Assignment, reason: Reason, now: datetime, *, tell: bool) -> None:
    """Ends an assignment, and with it what was said of the application."""
    Review.objects.filter(assignment=row).delete()
    row.state = State.WITHDRAWN
    row.withdrawn_at = now
    row.reason = reason.model_dump(mode="json")
    row.save(update_fields=["state", "withdrawn_at", "reason"])
    if tell:
        number = row.application.number
        notices.tell(people=[row.reviewer], subject=number, reason=reason, now=now)


def _tell_asked(
    loaded: Loaded, plan: assignment.AssignmentPlan, due_at: datetime, now: datetime
) -> None:
    """One notice each: how many, and by which day."""
    zone = rules(loaded.row.call.programme).zone
    asked = Counter(one.reviewer for one in plan.intents)
    for count in sorted(set(asked.values())):
        reason = Reason(
            code="assignment.asked",
            params={"count": count, "due": due_at.astimezone(zone).date().isoformat()},
        )
        those = [loaded.people[name] for name, n in sorted(asked.items()) if n == count]
        notices.tell(people=those, subject=loaded.row.call.key, reason=reason, now=now)
