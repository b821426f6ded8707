"""The stages of a call's review: which is open, what it judges, who passes it.

- Stages follow the programme's file; a call has one open stage while it is in review, or none.
- Closing a stage judges all of its applications. Who does not pass is rejected with the reason;
  the others go on to the next stage, which opens and gets its reviewers at once.
- Nobody is judged unseen: a stage closes once every review is given, or is past its due time while
  each application has at least one.
- The last stage closes with the ranking. A rule-less one leaves it to the ranking who has too few
  reviews.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from dure.engine import panel
from dure.hub.allocations import decisions
from dure.hub.allocations.models import Decision
from dure.hub.calls.models import Application, Call
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.notices import operations as notices
from dure.hub.people.gate import Actor
from dure.hub.reviews.models import Assignment, Review, Stage, Verdict
from dure.hub.supply.queries import rules
from dure.vocabulary.programme import Criterion, Programme, ReviewStage, Rubric


class ReviewsOutstanding(Exception):
    """The stage cannot be judged yet: reviews are awaited, or applications have none."""

    def __init__(self, waiting: int, unread: tuple[str, ...]) -> None:
        super().__init__(f"{waiting} reviews are awaited; without any review: {', '.join(unread)}")
        self.waiting, self.unread = waiting, unread


@dataclass(frozen=True, slots=True)
class Standing:
    """A stage of the call as the file has it, and its row once it has begun."""

    rules: ReviewStage
    row: Stage | None

    @property
    def state(self) -> str:
        if self.row is None:
            return "ahead"
        return "closed" if self.row.closed_at else "open"


def stages(call: Call, document: Programme) -> list[Standing]:
    """All stages of the call, in their order."""
    rows = {row.key: row for row in call.stages.all()}
    return [Standing(stage, rows.get(stage.id)) for stage in _asked(call, document)]


def _asked(call: Call, document: Programme) -> tuple[ReviewStage, ...]:
    return next(c for c in document.calls if c.id == call.key).review_stages(document.rubric)


def open_stage(call: Call, document: Programme) -> tuple[Stage, ReviewStage] | None:
    """The stage that is open, with its rules; None outside a review."""
    for one in stages(call, document):
        if one.row is not None and one.row.closed_at is None:
            return one.row, one.rules
    return None


def begin(call: Call, document: Programme, now: datetime) -> tuple[Stage, ReviewStage]:
    """Opens the first stage that has not begun."""
    rules_of_it = next(one.rules for one in stages(call, document) if one.row is None)
    due_at = now + timedelta(days=rules_of_it.due_days)
    row = Stage.objects.create(call=call, key=rules_of_it.id, opened_at=now, due_at=due_at)
    return row, rules_of_it


def remaining(call: Call, document: Programme) -> list[ReviewStage]:
    """The stages that have not begun."""
    return [one.rules for one in stages(call, document) if one.row is None]


def rules_of(row: Stage) -> ReviewStage:
    """The rules of a stage that has begun."""
    asked = _asked(row.call, rules(row.call.programme))
    return next(stage for stage in asked if stage.id == row.key)


def criteria(stage: ReviewStage, rubric: Rubric) -> tuple[Criterion, ...]:
    """What the stage judges: the criteria it names, or all."""
    return tuple(c for c in rubric.criteria if not stage.criteria or c.id in stage.criteria)


def rubric_of(stage: ReviewStage, rubric: Rubric) -> Rubric:
    """The rubric as the stage uses it: its criteria, as many reviews as it asks for."""
    judged = criteria(stage, rubric)
    return rubric.model_copy(
        update={
            "criteria": judged,
            "total": sum(c.points for c in judged),
            "reviews_per_application": stage.reviews,
        }
    )


def judge(
    *, call: Call, row: Stage, stage: ReviewStage, by: Actor, now: datetime
) -> Decision | None:
    """Closes the stage: its verdicts are given and carried out. None where there is no rule.

    Raises ReviewsOutstanding.
    """
    row.closed_at = now
    row.save(update_fields=["closed_at"])
    if not stage.is_judged:
        return None
    applications = {
        a.number: a
        for a in call.applications.filter(state=Application.State.ADMITTED).select_related(
            "applicant"
        )
    }
    document = rules(call.programme)
    snapshot = _snapshot(call, row, criteria(stage, document.rubric), list(applications.values()))
    _require_read(row, snapshot, now)
    seed = next(c.tie_break_seed for c in document.calls if c.id == call.key)
    header = decisions.next_header(programme=call.programme, now=now, seed=seed)
    plan = panel.plan(snapshot, stage, header)
    decision = decisions.record(
        programme=call.programme,
        call=call,
        snapshot=snapshot,
        policy=stage,
        plan=plan,
        by=by,
        applied=True,
        moves_capacity=False,
    )
    _carry_out(row, plan, applications, now)
    return decision


def _snapshot(
    call: Call, row: Stage, judged: tuple[Criterion, ...], applications: list[Application]
) -> panel.PanelSnapshot:
    """`owed` matters in peer review alone: who applies owes what they were asked to review."""
    given = Review.objects.filter(
        assignment__stage=row,
        assignment__state=Assignment.State.ACTIVE,
        assignment__application__in=applications,
    ).values_list("assignment__application__number", "assignment__reviewer__username", "points")
    return panel.PanelSnapshot(
        call=call.key,
        stage=row.key,
        criteria={c.id: c.points for c in judged},
        applications=tuple(sorted(a.number for a in applications)),
        evaluations=tuple(
            panel.Evaluation(application=number, reviewer=reviewer, points=points)
            for number, reviewer, points in given.order_by("assignment__pk")
        ),
        owed=_owed(row, applications),
    )


def _owed(row: Stage, applications: list[Application]) -> tuple[panel.Owed, ...]:
    """Reviews asked of the applicants in this stage. One who was replaced, late, owes it still."""
    asked: Counter[int] = Counter()
    missing: Counter[int] = Counter()
    for assignment in row.assignments.select_related("review"):
        if assignment.state == Assignment.State.ACTIVE or _was_late(assignment):
            asked[assignment.reviewer_id] += 1
            missing[assignment.reviewer_id] += not hasattr(assignment, "review")
    return tuple(
        panel.Owed(
            application=a.number, asked=asked[a.applicant_id], missing=missing[a.applicant_id]
        )
        for a in applications
        if a.applicant_id in asked
    )


def _was_late(assignment: Assignment) -> bool:
    reason: dict[str, object] = assignment.reason or {}
    return reason.get("code") == "assignment.late"


def _require_read(row: Stage, snapshot: panel.PanelSnapshot, now: datetime) -> None:
    waiting = row.assignments.filter(
        state=Assignment.State.ACTIVE, review=None, due_at__gt=now
    ).count()
    read = {evaluation.application for evaluation in snapshot.evaluations}
    rejected = {owed.application for owed in snapshot.owed if owed.missing}
    unread = tuple(a for a in snapshot.applications if a not in read | rejected)
    if waiting or unread:
        raise ReviewsOutstanding(waiting, unread)


def _carry_out(
    row: Stage, plan: panel.PanelPlan, applications: dict[str, Application], now: datetime
) -> None:
    """Keeps the verdicts, rejects who did not pass, and tells everybody."""
    Verdict.objects.bulk_create(
        [
            Verdict(
                stage=row,
                application=applications[one.application],
                passed=one.passed,
                mean=str(one.mean),
                tier=one.tier,
                reason=one.reason.model_dump(mode="json"),
                given_at=now,
            )
            for one in plan.intents
        ],
        batch_size=500,
    )
    for one in plan.intents:
        application = applications[one.application]
        notices.tell(
            people=[application.applicant], subject=application.number, reason=one.reason, now=now
        )
        if not one.passed:
            application.state = Application.State.REJECTED
            application.failures = [{"reason": one.reason.model_dump(mode="json")}]
    Application.objects.bulk_update(applications.values(), ["state", "failures"], batch_size=500)


def finish(*, call: Call, by: Actor, now: datetime) -> tuple[Stage, ReviewStage]:
    """Closes the last stage, as the ranking begins. Raises NotAtThisStage, ReviewsOutstanding."""
    document = rules(call.programme)
    found = open_stage(call, document)
    ahead = remaining(call, document)
    if found is None or ahead:
        at = found[0].key if found else "no stage"
        raise NotAtThisStage(call.key, at, ahead[-1].id if ahead else "an open stage")
    judge(call=call, row=found[0], stage=found[1], by=by, now=now)
    return found
