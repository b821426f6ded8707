"""Where a call stands before reviewers are added: what stays, what ends, who has room."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from dure.engine.assignment.conflicts import conflicts
from dure.engine.assignment.facts import (
    AssignmentPolicy,
    AssignmentSnapshot,
    Held,
    Pair,
    Reviewer,
    Submission,
)
from dure.vocabulary.plans import Reason


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything by id, in the order of ids.

    `ended` leave at once; `late` leave where somebody else takes their place. `loads` count what
    stays. `room` is what a reviewer may still take, None without a limit. `closed` pairs cannot be
    made. `needs`: reviews that each application lacks.
    """

    submissions: dict[str, Submission]
    reviewers: dict[str, Reviewer]
    ended: dict[Pair, Reason]
    late: dict[Pair, Reason]
    needs: dict[str, int]
    loads: dict[str, int]
    room: dict[str, int | None]
    closed: frozenset[Pair]


def standing(snapshot: AssignmentSnapshot, policy: AssignmentPolicy, now: datetime) -> Standing:
    """Sorts what is held into what stays, what ends and what is late."""
    submissions = {s.application: s for s in sorted(snapshot.submissions, key=_application)}
    reviewers = {r.reviewer: r for r in sorted(snapshot.reviewers, key=_reviewer)}
    barring = conflicts(snapshot.submissions, snapshot.reviewers, policy.co_projects_since)
    held = sorted((h for h in snapshot.held if h.application in submissions), key=_pair)
    ended = {h.pair: why for h in held if (why := _why_ended(h, reviewers, barring))}
    late = {
        h.pair: Reason(code="assignment.late")
        for h in held
        if policy.replace_late and h.pair not in ended and _is_late(h, now)
    }
    staying = [h.pair for h in held if h.pair not in ended.keys() | late.keys()]
    given = Counter(application for application, _ in staying)
    loads = Counter(reviewer for _, reviewer in staying)
    behind = {reviewer for _, reviewer in late}
    return Standing(
        submissions=submissions,
        reviewers=reviewers,
        ended=ended,
        late=late,
        needs={a: policy.reviews - given[a] for a in submissions if given[a] < policy.reviews},
        loads={name: loads[name] for name in reviewers},
        # Who is behind with a review takes no other one.
        room={
            name: 0 if name in behind else _room(reviewer, policy, loads[name])
            for name, reviewer in reviewers.items()
        },
        closed=frozenset({*barring, *snapshot.barred, *(h.pair for h in held)}),
    )


def _why_ended(
    held: Held, reviewers: dict[str, Reviewer], barring: dict[Pair, str]
) -> Reason | None:
    """A review given by somebody who has left since stays; a conflict ends a given one too."""
    if held.pair in barring:
        return Reason(code=barring[held.pair])
    if held.reviewer not in reviewers and not held.reviewed:
        return Reason(code="assignment.left")
    return None


def _is_late(held: Held, now: datetime) -> bool:
    return not held.reviewed and held.due_at is not None and held.due_at <= now


def _room(reviewer: Reviewer, policy: AssignmentPolicy, load: int) -> int | None:
    limits = [most for most in (reviewer.most, policy.most_reviews) if most is not None]
    return max(0, min(limits) - load) if limits else None


def _application(submission: Submission) -> str:
    return submission.application


def _reviewer(reviewer: Reviewer) -> str:
    return reviewer.reviewer


def _pair(held: Held) -> Pair:
    return held.pair
