"""Assignments: no conflict, optimal against brute force, and a checker that misses no mutation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.properties.small_assignments import NOW, ORGANISATIONS, policies, snapshots

from dure.engine.assignment import (
    Assigned,
    AssignmentPlan,
    AssignmentPolicy,
    AssignmentSnapshot,
    Held,
    Reviewer,
    Submission,
    conflict,
    conflicts,
    plan,
    solve,
)
from dure.engine.checks.assignment import violations
from dure.engine.organisation_names import same_organisation
from dure.vocabulary.plans import Header, Reason

HEADER = Header(number=1, generation=0, now=NOW, seed="s")
organisations = st.sampled_from(ORGANISATIONS)


@settings(deadline=None)  # the first example loads the solver
@given(snapshots(), policies)
def test_no_plan_holds_a_conflict_and_each_passes_its_check(
    snapshot: AssignmentSnapshot, policy: AssignmentPolicy
) -> None:
    made = plan(snapshot, policy, HEADER)
    subs = {s.application: s for s in snapshot.submissions}
    revs = {r.reviewer: r for r in snapshot.reviewers}
    for one in made.intents:
        pair = subs[one.application], revs[one.reviewer]
        assert conflict(*pair, policy.co_projects_since) is None
    assert violations(snapshot, policy, made) == ()


@given(snapshots(), st.sampled_from([0, 2023, 2025]))
def test_the_index_of_conflicts_holds_each_pair_that_has_one(
    snapshot: AssignmentSnapshot, since: int
) -> None:
    each = {
        (s.application, r.reviewer): code
        for s in snapshot.submissions
        for r in snapshot.reviewers
        if (code := conflict(s, r, since)) is not None
    }
    assert conflicts(snapshot.submissions, snapshot.reviewers, since) == each


@settings(deadline=None, max_examples=50)
@given(snapshots(), policies)
def test_a_review_that_was_given_stays_unless_there_is_a_conflict(
    snapshot: AssignmentSnapshot, policy: AssignmentPolicy
) -> None:
    made = plan(snapshot, policy, HEADER)
    barring = conflicts(snapshot.submissions, snapshot.reviewers, policy.co_projects_since)
    given_reviews = {h.pair for h in snapshot.held if h.reviewed}
    withdrawn = {(w.application, w.reviewer) for w in made.withdrawn}
    assert withdrawn & given_reviews <= barring.keys()


@settings(deadline=None, max_examples=50)
@given(snapshots(), policies)
def test_the_order_of_arrival_changes_nothing(
    snapshot: AssignmentSnapshot, policy: AssignmentPolicy
) -> None:
    turned = snapshot.model_copy(
        update={
            "submissions": snapshot.submissions[::-1],
            "reviewers": snapshot.reviewers[::-1],
            "held": snapshot.held[::-1],
            "barred": snapshot.barred[::-1],
        }
    )
    assert plan(snapshot, policy, HEADER) == plan(turned, policy, HEADER)


Pairs = frozenset[tuple[str, str]]


def every_assignment(
    snapshot: AssignmentSnapshot, policy: AssignmentPolicy, staying: Pairs
) -> Iterator[Pairs]:
    """All ways to add reviewers: no conflict, nobody beyond a limit, none beyond what is asked."""
    barring = conflicts(snapshot.submissions, snapshot.reviewers, policy.co_projects_since)
    closed = {*barring, *snapshot.barred, *staying}
    choices = []
    for s in snapshot.submissions:
        possible = [
            (s.application, r.reviewer)
            for r in snapshot.reviewers
            if (s.application, r.reviewer) not in closed
        ]
        lacking = max(0, policy.reviews - sum(a == s.application for a, _ in staying))
        numbers = range(min(lacking, len(possible)) + 1)
        choices.append([frozenset(c) for n in numbers for c in combinations(possible, n)])
    most = {r.reviewer: r.most for r in snapshot.reviewers}
    held = Counter(r for _, r in staying)
    for whole in product(*choices):
        added: Pairs = frozenset().union(*whole)
        loads = Counter(r for _, r in added)
        limit = {r: [m for m in (most[r], policy.most_reviews) if m is not None] for r in loads}
        if all(held[r] + loads[r] <= m for r in loads for m in limit[r]):
            yield added


def worth(subs: Submission, rev: Reviewer) -> int:
    """How well the reviewer knows the subject, written apart from the planner."""
    field = subs.field
    known = 3 if field in rev.fields else 2 if field in rev.other_fields else 0
    shared = {w.lower() for w in subs.keywords} & {w.lower() for w in rev.keywords}
    return (known if field else 0) + min(3, len(shared))


@settings(deadline=None, max_examples=40)
@given(snapshots(most=3), policies)
def test_no_assignment_gives_more_or_is_more_even_or_better_matched(
    snapshot: AssignmentSnapshot, policy: AssignmentPolicy
) -> None:
    known = {r.reviewer for r in snapshot.reviewers}
    held = [h for h in snapshot.held if h.reviewer in known]
    snapshot = snapshot.model_copy(update={"held": tuple(held)})
    policy = policy.model_copy(update={"replace_late": False})
    subs = {s.application: s for s in snapshot.submissions}
    revs = {r.reviewer: r for r in snapshot.reviewers}
    barring = conflicts(snapshot.submissions, snapshot.reviewers, policy.co_projects_since)
    staying = frozenset(h.pair for h in held if h.application in subs and h.pair not in barring)
    snapshot = snapshot.model_copy(update={"barred": (*snapshot.barred, *barring)})

    def lacks(added: Pairs) -> dict[str, int]:
        given_to = Counter(a for a, _ in staying | added)
        return {a: max(0, policy.reviews - given_to[a]) for a in subs}

    def even(added: Pairs) -> int:
        return sum(n * n for n in Counter(r for _, r in staying | added).values())

    def points(added: Pairs) -> int:
        return sum(worth(subs[a], revs[r]) for a, r in added)

    possible = list(every_assignment(snapshot, policy, staying))
    made = frozenset((i.application, i.reviewer) for i in plan(snapshot, policy, HEADER).intents)
    assert made in possible
    assert sum(n * n for n in lacks(made).values()) == min(
        sum(n * n for n in lacks(a).values()) for a in possible
    )
    alike = [a for a in possible if lacks(a) == lacks(made)]
    assert even(made) == min(map(even, alike))
    assert points(made) == max(points(a) for a in alike if even(a) == even(made))


@settings(deadline=None, max_examples=50)
@given(snapshots(most=5), policies)
def test_trying_few_pairs_first_costs_nothing(
    snapshot: AssignmentSnapshot, policy: AssignmentPolicy
) -> None:
    subs = {s.application: s for s in snapshot.submissions}
    revs = {r.reviewer: r for r in snapshot.reviewers}

    def value(made: AssignmentPlan) -> tuple[int, list[int], int]:
        loads = Counter(i.reviewer for i in made.intents)
        known = sum(worth(subs[i.application], revs[i.reviewer]) for i in made.intents)
        held = Counter(h.reviewer for h in snapshot.held if not h.reviewed)
        return len(made.intents), sorted(loads[r] + held[r] for r in revs), known

    with patch.object(solve, "_FEW", 1):
        few = plan(snapshot, policy, HEADER)
    assert violations(snapshot, policy, few) == ()
    assert value(few) == value(plan(snapshot, policy, HEADER))


@settings(deadline=None, max_examples=50)
@given(snapshots(), policies, st.data())
def test_the_check_sees_a_dropped_doubled_or_foreign_review(
    snapshot: AssignmentSnapshot, policy: AssignmentPolicy, data: st.DataObject
) -> None:
    made = plan(snapshot, policy, HEADER)
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
        assert violations(snapshot, policy, _with(made, mutated))


@settings(deadline=None, max_examples=50)
@given(snapshots(), policies, st.data())
def test_the_check_sees_what_is_withdrawn_wrongly_or_kept_wrongly(
    snapshot: AssignmentSnapshot, policy: AssignmentPolicy, data: st.DataObject
) -> None:
    made = plan(snapshot, policy, HEADER)
    names = {s.application for s in snapshot.submissions}
    held = [h.pair for h in snapshot.held if h.application in names]
    if not held:
        return
    application, reviewer = data.draw(st.sampled_from(held))
    without = tuple(
        w for w in made.withdrawn if (w.application, w.reviewer) != (application, reviewer)
    )
    if len(without) == len(made.withdrawn):
        added = Assigned(application=application, reviewer=reviewer, reason=LATE)
        without = (*made.withdrawn, added)
    assert violations(snapshot, policy, made.model_copy(update={"withdrawn": without}))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(organisations, st.sampled_from("xy")), max_size=7), st.integers(1, 5))
def test_applicants_who_review_each_other_never_review_their_own_or_a_rival(
    applicants: list[tuple[str, str]], each: int
) -> None:
    snapshot = AssignmentSnapshot(
        call="c",
        submissions=tuple(
            Submission(application=f"A{n}", organisation=name, group=group)
            for n, (name, group) in enumerate(applicants)
        ),
        reviewers=tuple(
            Reviewer(reviewer=f"p{n}", organisation=name, competes_in=(group,))
            for n, (name, group) in enumerate(applicants)
        ),
    )
    policy = AssignmentPolicy(reviews=each, most_reviews=each)
    made = plan(snapshot, policy, HEADER)
    assert violations(snapshot, policy, made) == ()
    for one in made.intents:
        mine, theirs = applicants[int(one.reviewer[1:])], applicants[int(one.application[1:])]
        assert not same_organisation(mine[0], theirs[0])
        assert mine[1] != theirs[1]
    assert max(Counter(i.reviewer for i in made.intents).values(), default=0) <= each


def test_the_check_sees_a_conflict_a_wrong_short_list_and_uneven_loads() -> None:
    subs = tuple(Submission(application=f"A{n}", organisation=f"f{n}") for n in range(3))
    revs = (
        *(Reviewer(reviewer=f"r{n}", organisation=f"o{n}") for n in range(3)),
        Reviewer(reviewer="own", organisation="F0 Inc.", declared=("A1", "A2")),
    )
    snapshot = AssignmentSnapshot(call="c", submissions=subs, reviewers=revs)
    made = plan(snapshot, ONE, HEADER)
    own = [i.model_copy(update={"reviewer": "own"}) for i in made.intents]
    heaped = [i.model_copy(update={"reviewer": "r0"}) for i in made.intents]
    assert "assignment.conflict" in _rules(snapshot, ONE, _with(made, own))
    assert "assignment.uneven" in _rules(snapshot, ONE, _with(made, heaped))
    short = made.model_copy(update={"short": ("A0",)})
    assert "assignment.short_list_wrong" in _rules(snapshot, ONE, short)


def test_the_check_sees_a_broken_limit_a_barred_pair_and_a_lack_heaped_on_one() -> None:
    subs = tuple(Submission(application=f"A{n}", organisation=f"f{n}") for n in range(2))
    revs = tuple(Reviewer(reviewer=f"r{n}", organisation=f"o{n}", most=1) for n in range(2))
    snapshot = AssignmentSnapshot(call="c", submissions=subs, reviewers=revs)
    made = plan(snapshot, TWO, HEADER)
    twice = [i.model_copy(update={"reviewer": "r0"}) for i in made.intents]
    assert "assignment.over_limit" in _rules(snapshot, TWO, _with(made, twice))
    barred = snapshot.model_copy(
        update={"barred": ((made.intents[0].application, made.intents[0].reviewer),)}
    )
    assert "assignment.barred" in _rules(barred, TWO, made)
    heaped = [i.model_copy(update={"application": "A0"}) for i in made.intents]
    unfair = _with(made, heaped).model_copy(update={"short": ("A1",)})
    assert _rules(snapshot, TWO, unfair) == {"assignment.lack_uneven"}


def test_the_check_sees_work_given_to_somebody_who_is_behind() -> None:
    subs = tuple(Submission(application=f"A{n}", organisation=f"f{n}") for n in range(2))
    revs = tuple(Reviewer(reviewer=f"r{n}", organisation=f"o{n}") for n in range(2))
    held = (Held(application="A0", reviewer="r0", due_at=NOW),)
    snapshot = AssignmentSnapshot(call="c", submissions=subs, reviewers=revs, held=held)
    policy = AssignmentPolicy(reviews=1, replace_late=True)
    made = plan(snapshot, policy, HEADER)
    to_late = [i.model_copy(update={"reviewer": "r0"}) for i in made.intents]
    assert "assignment.behind" in _rules(snapshot, policy, _with(made, to_late))


ONE, TWO = AssignmentPolicy(reviews=1), AssignmentPolicy(reviews=2)
LATE = Reason(code="assignment.late")


def _with(made: AssignmentPlan, intents: Sequence[Assigned]) -> AssignmentPlan:
    return made.model_copy(update={"intents": tuple(intents)})


def _rules(
    snapshot: AssignmentSnapshot, policy: AssignmentPolicy, made: AssignmentPlan
) -> set[str]:
    return {violation.rule for violation in violations(snapshot, policy, made)}
