"""What a plan of reviewers must keep, checked without a solver.

- Only new pairs of known applications and reviewers, each once, never with a conflict, never one
  that was barred, never a reviewer beyond a limit or behind with another review.
- What is withdrawn was held, and ends by a conflict, by leaving, or late where somebody else takes
  it. A review that was given is withdrawn for a conflict alone.
- An application is short only where nobody with room could be had for it, not even by passing
  reviews on; those that are short are named, and no others; none is two short of another where a
  review could be passed.
- Loads are as even as they can be: no chain of exchanges moves a review from one reviewer to
  another who holds at least two fewer. (Without such a chain an assignment is optimal: Harvey,
  Ladner, Lovász, Tamir, "Semi-matchings for bipartite graphs and load balancing", 2006.)
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from dure.engine.assignment import (
    AssignmentPlan,
    AssignmentPolicy,
    AssignmentSnapshot,
    Held,
    conflict,
    conflicts,
)
from dure.vocabulary.plans import Violation

Pair = tuple[str, str]


def violations(
    snapshot: AssignmentSnapshot, policy: AssignmentPolicy, plan: AssignmentPlan
) -> tuple[Violation, ...]:
    """Everything wrong with the plan; empty when it may be applied."""
    case = _Case(snapshot, policy, plan)
    found = [*_pairs(case), *_limits(case), *_withdrawals(case), *_numbers(case)]
    # Exchanges are judged only of a plan that is otherwise right: they need allowed pairs.
    return tuple(found or [*_needlessly_short(case), *_uneven(case)])


@dataclass(frozen=True)
class _Case:
    """The plan beside what it was made from, with what follows from both worked out once."""

    snapshot: AssignmentSnapshot
    policy: AssignmentPolicy
    plan: AssignmentPlan

    @cached_property
    def added(self) -> list[Pair]:
        return [(intent.application, intent.reviewer) for intent in self.plan.intents]

    @cached_property
    def gone(self) -> set[Pair]:
        return {(one.application, one.reviewer) for one in self.plan.withdrawn}

    @cached_property
    def held(self) -> dict[Pair, Held]:
        known = {s.application for s in self.snapshot.submissions}
        return {h.pair: h for h in self.snapshot.held if h.application in known}

    @cached_property
    def final(self) -> set[Pair]:
        return (self.held.keys() - self.gone) | set(self.added)

    @cached_property
    def given(self) -> Counter[str]:
        return Counter(application for application, _ in self.final)

    @cached_property
    def barring(self) -> set[Pair]:
        submissions, reviewers = self.snapshot.submissions, self.snapshot.reviewers
        return set(conflicts(submissions, reviewers, self.policy.co_projects_since))

    @cached_property
    def late(self) -> set[Pair]:
        """Those that are to be replaced, given the chance."""
        now = self.plan.header.now
        ended = self.barring | {pair for pair in self.held if pair[1] not in self.places}
        late = {pair for pair, held in self.held.items() if _is_late(held, now)} - ended
        return late if self.policy.replace_late else set()

    @cached_property
    def places(self) -> dict[str, int]:
        return {r.reviewer: place for place, r in enumerate(self.snapshot.reviewers)}

    @cached_property
    def loads(self) -> Counter[str]:
        """Late ones that wait for a substitute do not count: they are on their way out."""
        loads = Counter(dict.fromkeys(self.places, 0))
        loads.update(r for _, r in self.final - self.late if r in self.places)
        return loads

    @cached_property
    def open_to(self) -> dict[str, int]:
        """For each application the reviewers who could still be had, as bits at their places."""
        behind = {reviewer for _, reviewer in self.late}
        everybody = sum(1 << place for name, place in self.places.items() if name not in behind)
        closed: defaultdict[str, int] = defaultdict(int)
        for application, reviewer in {
            *self.barring, *self.snapshot.barred, *self.held, *self.added
        }:  # fmt: skip
            closed[application] |= 1 << self.places[reviewer] if reviewer in self.places else 0
        return {
            s.application: everybody & ~closed[s.application] for s in self.snapshot.submissions
        }

    @cached_property
    def with_room(self) -> int:
        """Who may take one more, as bits at their places."""
        return sum(
            1 << self.places[r.reviewer]
            for r in self.snapshot.reviewers
            if self.loads[r.reviewer] < min(_limits_of(r.most, self.policy), default=10**9)
        )

    @cached_property
    def passes(self) -> dict[int, int]:
        """To whom each reviewer could hand one of the reviews that this plan gives them."""
        passes: defaultdict[int, int] = defaultdict(int)
        for application, reviewer in self.added:
            passes[self.places[reviewer]] |= self.open_to[application]
        return passes


def _is_late(held: Held, now: datetime) -> bool:
    return held.due_at is not None and held.due_at <= now and not held.reviewed


def _limits_of(own: int | None, policy: AssignmentPolicy) -> list[int]:
    return [most for most in (own, policy.most_reviews) if most is not None]


def _pairs(case: _Case) -> Iterator[Violation]:
    submissions = {s.application: s for s in case.snapshot.submissions}
    reviewers = {r.reviewer: r for r in case.snapshot.reviewers}
    barred = set(case.snapshot.barred)
    behind = {reviewer for _, reviewer in case.late}
    for (application, reviewer), times in sorted(Counter(case.added).items()):
        pair = f"{application} by {reviewer}"
        if application not in submissions or reviewer not in reviewers:
            yield Violation(rule="assignment.unknown", detail=pair)
        elif conflict(submissions[application], reviewers[reviewer], case.policy.co_projects_since):
            yield Violation(rule="assignment.conflict", detail=pair)
        if (application, reviewer) in barred:
            yield Violation(rule="assignment.barred", detail=pair)
        if reviewer in behind:
            yield Violation(rule="assignment.behind", detail=pair)
        if times > 1 or (application, reviewer) in case.held:
            yield Violation(rule="assignment.repeated", detail=pair)


def _limits(case: _Case) -> Iterator[Violation]:
    taking = {reviewer for _, reviewer in case.added}
    for reviewer in case.snapshot.reviewers:
        load = case.loads[reviewer.reviewer]
        over = [m for m in _limits_of(reviewer.most, case.policy) if load > m]
        if over and reviewer.reviewer in taking:
            detail = f"{reviewer.reviewer} holds {load} reviews, {min(over)} at most"
            yield Violation(rule="assignment.over_limit", detail=detail)


def _withdrawals(case: _Case) -> Iterator[Violation]:
    left = {
        pair for pair, held in case.held.items() if pair[1] not in case.places and not held.reviewed
    }
    must = (case.barring & case.held.keys()) | left
    for application, reviewer in sorted(must - case.gone):
        yield Violation(rule="assignment.kept", detail=f"{application} by {reviewer}")
    for application, reviewer in sorted(case.gone - must - case.late):
        yield Violation(rule="assignment.taken_away", detail=f"{application} by {reviewer}")
    for application in sorted({application for application, _ in case.gone & case.late}):
        if case.given[application] < case.policy.reviews:
            yield Violation(rule="assignment.not_replaced", detail=application)
    for application in sorted({application for application, _ in case.final & case.late}):
        if case.given[application] > case.policy.reviews:
            yield Violation(rule="assignment.late_kept", detail=application)


def _numbers(case: _Case) -> Iterator[Violation]:
    """As many as asked: no more than that by what is added; those with fewer are named."""
    asked = case.policy.reviews
    added = Counter(application for application, _ in case.added)
    for application in sorted(added):
        if case.given[application] > asked:
            detail = f"{application} has {case.given[application]} reviewers instead of {asked}"
            yield Violation(rule="assignment.too_many", detail=detail)
    short = {s.application for s in case.snapshot.submissions if case.given[s.application] < asked}
    for application in sorted(short ^ set(case.plan.short)):
        yield Violation(rule="assignment.short_list_wrong", detail=application)


def _needlessly_short(case: _Case) -> Iterator[Violation]:
    """`wanting` counts what an application lacks once those who are late are gone."""
    waiting = Counter(application for application, _ in case.late & case.final)
    wanting = {
        s.application: case.policy.reviews - case.given[s.application] + waiting[s.application]
        for s in case.snapshot.submissions
    }
    names = {place: name for name, place in case.places.items()}
    holding: defaultdict[str, list[str]] = defaultdict(list)
    for application, reviewer in case.added:
        holding[reviewer].append(application)
    for application, lack in sorted(wanting.items()):
        if lack > 0:
            reached = _reached(case.open_to[application], case.passes)
            if reached & case.with_room:
                yield Violation(rule="assignment.wrong_number", detail=application)
            for name in (names[place] for place in _bits(reached)):
                for better in holding[name]:
                    if wanting[better] <= lack - 2:
                        detail = f"{application} lacks {lack}, {better} {wanting[better]}"
                        yield Violation(rule="assignment.lack_uneven", detail=detail)


def _uneven(case: _Case) -> Iterator[Violation]:
    lightest = min(case.loads.values(), default=0)
    heavy = [name for name in sorted(case.loads) if case.loads[name] >= lightest + 2]
    names = {place: name for name, place in case.places.items()}
    for giver in heavy:
        reached = _reached(case.passes.get(case.places[giver], 0), case.passes)
        for taker in (names[place] for place in _bits(reached & case.with_room)):
            if case.loads[taker] <= case.loads[giver] - 2:
                detail = f"{giver} holds {case.loads[giver]} reviews and could pass one on"
                detail += f" to {taker}, who holds {case.loads[taker]}"
                yield Violation(rule="assignment.uneven", detail=detail)


def _reached(start: int, passes: dict[int, int]) -> int:
    """The reviewers to whom a review can be passed, directly or through others."""
    reached, frontier = start, start
    while frontier:
        place = frontier.bit_length() - 1
        frontier ^= 1 << place
        new = passes.get(place, 0) & ~reached
        reached |= new
        frontier |= new
    return reached


def _bits(reached: int) -> Iterator[int]:
    while reached:
        lowest = reached & -reached
        yield lowest.bit_length() - 1
        reached ^= lowest
