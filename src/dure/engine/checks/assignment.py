"""What a plan of reviewers must keep, checked without a solver.

- Only new pairs of known applications and reviewers, each once, never with a conflict.
- Each application has exactly as many reviewers as asked, or all there are without a conflict;
  those with too few are named in `short`, and no others.
- Loads are as even as they can be: no chain of exchanges moves a review from one reviewer to
  another who holds at least two fewer. (Without such a chain an assignment is optimal: Harvey,
  Ladner, Lovász, Tamir, "Semi-matchings for bipartite graphs and load balancing", 2006.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dure.engine.assignment import AssignmentPlan, AssignmentSnapshot, conflict
from dure.vocabulary.plans import Violation

Pair = tuple[str, str]


def violations(
    snapshot: AssignmentSnapshot, per_application: int, plan: AssignmentPlan
) -> tuple[Violation, ...]:
    """Everything wrong with the plan; empty when it may be applied."""
    added = [(intent.application, intent.reviewer) for intent in plan.intents]
    allowed = {
        (submission.application, reviewer.reviewer)
        for submission in snapshot.submissions
        for reviewer in snapshot.reviewers
        if conflict(submission, reviewer) is None
    }
    kept = {pair for pair in snapshot.already if pair in allowed}
    found = [
        *_pairs(added, kept, allowed),
        *_counts(snapshot, per_application, Counter(a for a, _ in allowed), {*kept, *added}),
        *_named_short(snapshot, per_application, plan, {*kept, *added}),
    ]
    # Loads are judged only of a plan that is otherwise right: exchanges need allowed pairs.
    return tuple(found or _uneven(snapshot, set(added), kept, allowed))


def _pairs(added: list[Pair], kept: set[Pair], allowed: set[Pair]) -> Iterator[Violation]:
    for (application, reviewer), times in sorted(Counter(added).items()):
        pair = f"{application} by {reviewer}"
        if (application, reviewer) not in allowed:
            yield Violation(rule="assignment.conflict_or_unknown", detail=pair)
        if times > 1 or (application, reviewer) in kept:
            yield Violation(rule="assignment.repeated", detail=pair)


def _counts(
    snapshot: AssignmentSnapshot, per_application: int, possible: Counter[str], final: set[Pair]
) -> Iterator[Violation]:
    before = Counter(application for application, _ in final & set(snapshot.already))
    given = Counter(application for application, _ in final)
    for submission in snapshot.submissions:
        name = submission.application
        due = max(min(per_application, possible[name]), before[name])
        if given[name] != due:
            detail = f"{name} has {given[name]} reviewers instead of {due}"
            yield Violation(rule="assignment.wrong_number", detail=detail)


def _named_short(
    snapshot: AssignmentSnapshot, per_application: int, plan: AssignmentPlan, final: set[Pair]
) -> Iterator[Violation]:
    given = Counter(application for application, _ in final)
    short = {s.application for s in snapshot.submissions if given[s.application] < per_application}
    for name in sorted(short ^ set(plan.short)):
        yield Violation(rule="assignment.short_list_wrong", detail=name)


def _uneven(
    snapshot: AssignmentSnapshot, added: set[Pair], kept: set[Pair], allowed: set[Pair]
) -> Iterator[Violation]:
    loads = Counter({r.reviewer: 0 for r in snapshot.reviewers})
    loads.update(reviewer for _, reviewer in added | kept)
    lightest = min(loads.values(), default=0)
    heavy = [name for name in sorted(loads) if loads[name] >= lightest + 2]
    passes = _passes(added, allowed - added - kept) if heavy else {}
    for giver in heavy:
        for taker in sorted(_reachable(giver, passes)):
            if loads[taker] <= loads[giver] - 2:
                detail = f"{giver} holds {loads[giver]} reviews and could pass one on"
                detail += f" to {taker}, who holds {loads[taker]}"
                yield Violation(rule="assignment.uneven", detail=detail)


def _passes(added: set[Pair], open_pairs: set[Pair]) -> dict[str, set[str]]:
    """To whom each reviewer could hand one of the reviews that this plan gives them."""
    takers: dict[str, set[str]] = {}
    for application, reviewer in open_pairs:
        takers.setdefault(application, set()).add(reviewer)
    passes: dict[str, set[str]] = {}
    for application, reviewer in added:
        passes.setdefault(reviewer, set()).update(takers.get(application, ()))
    return passes


def _reachable(start: str, passes: dict[str, set[str]]) -> set[str]:
    """Reviewers to whom a review can be passed from `start`, directly or through others."""
    reached, frontier = {start}, [start]
    while frontier:
        for taker in passes.get(frontier.pop(), set()) - reached:
            reached.add(taker)
            frontier.append(taker)
    return reached - {start}
