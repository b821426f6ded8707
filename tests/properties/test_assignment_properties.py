"""Assignments: no conflict, optimal against brute force, and a checker that misses no mutation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from dure.engine.assignment import (
    Assigned,
    AssignmentPlan,
    AssignmentSnapshot,
    Reviewer,
    Submission,
    conflict,
    plan,
)
from dure.engine.checks.assignment import violations
from dure.vocabulary.plans import Header

HEADER = Header(number=1, generation=0, now=datetime(2026, 2, 1, tzinfo=UTC), seed="s")
organisations = st.sampled_from(
    ["두레", "(주)두레", "한밭", "한밭 산학협력단", "Hana Inc.", "HANA", "가"]
)
fields = st.sampled_from(["", "vision", "language"])


@st.composite
def snapshots(draw: st.DrawFn, most: int = 6) -> AssignmentSnapshot:
    subs = tuple(
        Submission(
            application=f"A{n}",
            organisation=draw(organisations),
            partners=tuple(draw(st.lists(organisations, max_size=1))),
            field=draw(fields),
        )
        for n in range(draw(st.integers(0, most)))
    )
    names = st.sampled_from([*(s.application for s in subs), "두레", "hana"])
    revs = tuple(
        Reviewer(
            reviewer=f"r{n}",
            organisation=draw(organisations),
            fields=tuple(draw(st.lists(fields, max_size=2))),
            declared=tuple(draw(st.lists(names, max_size=1))),
        )
        for n in range(draw(st.integers(0, most)))
    )
    pairs = list(product([s.application for s in subs], [r.reviewer for r in revs]))
    already = draw(st.lists(st.sampled_from(pairs), max_size=4)) if pairs else []
    return AssignmentSnapshot(call="c", submissions=subs, reviewers=revs, already=tuple(already))


@settings(deadline=None)  # the first example loads the solver
@given(snapshots(), st.integers(1, 3))
def test_no_plan_holds_a_conflict_and_each_passes_its_check(
    snapshot: AssignmentSnapshot, each: int
) -> None:
    made = plan(snapshot, each, HEADER)
    subs = {s.application: s for s in snapshot.submissions}
    revs = {r.reviewer: r for r in snapshot.reviewers}
    assert all(conflict(subs[i.application], revs[i.reviewer]) is None for i in made.intents)
    assert violations(snapshot, each, made) == ()


@settings(deadline=None)
@given(snapshots(), st.integers(1, 3))
def test_the_order_of_arrival_changes_nothing(snapshot: AssignmentSnapshot, each: int) -> None:
    turned = snapshot.model_copy(
        update={
            "submissions": snapshot.submissions[::-1],
            "reviewers": snapshot.reviewers[::-1],
            "already": snapshot.already[::-1],
        }
    )
    assert plan(snapshot, each, HEADER) == plan(turned, each, HEADER)


@settings(deadline=None, max_examples=60)
@given(snapshots(most=4), st.integers(1, 2))
def test_no_assignment_is_more_even_or_better_matched(
    snapshot: AssignmentSnapshot, each: int
) -> None:
    subs = {s.application: s for s in snapshot.submissions}
    revs = {r.reviewer: r for r in snapshot.reviewers}
    free = {a: [r for r in revs if conflict(subs[a], revs[r]) is None] for a in sorted(subs)}
    kept = {(a, r) for a, r in snapshot.already if r in free[a]}

    def cost(added: list[tuple[str, str]]) -> tuple[int, int]:
        loads = Counter(r for _, r in [*kept, *added])
        off = sum(not subs[a].field or subs[a].field not in revs[r].fields for a, r in added)
        return sum(load * load for load in loads.values()), off

    choices = []
    for a, possible in free.items():
        open_to = [r for r in possible if (a, r) not in kept]
        need = max(0, min(each, len(possible)) - (len(possible) - len(open_to)))
        choices.append([[(a, r) for r in some] for some in combinations(open_to, need)])
    best = min(cost([pair for some in whole for pair in some]) for whole in product(*choices))
    made = [(i.application, i.reviewer) for i in plan(snapshot, each, HEADER).intents]
    assert cost(made) == best


@settings(deadline=None)
@given(snapshots(), st.integers(1, 3), st.data())
def test_the_check_sees_a_dropped_doubled_or_foreign_review(
    snapshot: AssignmentSnapshot, each: int, data: st.DataObject
) -> None:
    made = plan(snapshot, each, HEADER)
    if not made.intents:
        return
    at = data.draw(st.integers(0, len(made.intents) - 1))
    intents, chosen = list(made.intents), made.intents[at]
    stranger = chosen.model_copy(update={"reviewer": "nobody"})
    for mutated in (
        [*intents[:at], *intents[at + 1 :]],
        [*intents, chosen],
        [*intents[:at], stranger, *intents[at + 1 :]],
    ):
        assert violations(snapshot, each, _with(made, mutated))


def test_the_check_sees_a_conflict_a_wrong_short_list_and_uneven_loads() -> None:
    subs = tuple(Submission(application=f"A{n}", organisation=f"f{n}") for n in range(3))
    revs = (
        *(Reviewer(reviewer=f"r{n}", organisation=f"o{n}") for n in range(3)),
        Reviewer(reviewer="own", organisation="F0 Inc.", declared=("A1", "A2")),
    )
    snapshot = AssignmentSnapshot(call="c", submissions=subs, reviewers=revs)
    made = plan(snapshot, 1, HEADER)
    own = [i.model_copy(update={"reviewer": "own"}) for i in made.intents]
    heaped = [i.model_copy(update={"reviewer": "r0"}) for i in made.intents]
    assert "assignment.conflict_or_unknown" in _rules(snapshot, _with(made, own))
    assert "assignment.uneven" in _rules(snapshot, _with(made, heaped))
    short = made.model_copy(update={"short": ("A0",)})
    assert "assignment.short_list_wrong" in _rules(snapshot, short)


def _with(made: AssignmentPlan, intents: Sequence[Assigned]) -> AssignmentPlan:
    return made.model_copy(update={"intents": tuple(intents)})


def _rules(snapshot: AssignmentSnapshot, made: AssignmentPlan) -> set[str]:
    return {violation.rule for violation in violations(snapshot, 1, made)}
