"""More points never hurt, order of arrival is nothing, and the order agrees with a naive one."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.engine.panels import Shape, rubric, simulated

from dure.engine.checks.scoring import violations
from dure.engine.scoring import Review, ScoringPlan, ScoringSnapshot, plan, tie_break
from dure.engine.scoring.correction import Correction
from dure.engine.scoring.planning import orders
from dure.vocabulary.frozen import Text
from dure.vocabulary.plans import Header
from dure.vocabulary.programme.calls import Criterion, Rubric

HEADER = Header(number=1, generation=0, now=datetime(2026, 2, 1, tzinfo=UTC), seed="s")
LABEL = Text(ko="기준", en="criterion")
RUBRIC = Rubric(
    criteria=(Criterion(id="a", label=LABEL, points=6), Criterion(id="b", label=LABEL, points=4)),
    total=10,
    reviews_per_application=2,
    pass_mark=Fraction(4),
)

points = st.fixed_dictionaries({"a": st.integers(0, 6), "b": st.integers(0, 4)})
calls = st.lists(st.lists(points, max_size=4), min_size=1, max_size=6)


def scored(
    call: list[list[dict[str, int]]], *, turned: bool = False, rules: Rubric = RUBRIC
) -> ScoringPlan:
    return plan(snapshot_of(call, turned=turned), rules, HEADER)


def snapshot_of(call: list[list[dict[str, int]]], *, turned: bool = False) -> ScoringSnapshot:
    reviews = [
        Review(application=f"A{n}", reviewer=f"r{m}", points=given_points)
        for n, given_to in enumerate(call)
        for m, given_points in enumerate(given_to)
    ]
    names = [f"A{n}" for n in range(len(call))]
    step = -1 if turned else 1
    return ScoringSnapshot(
        call="c", applications=tuple(names[::step]), reviews=tuple(reviews[::step])
    )


@settings(deadline=None)  # other work on the machine is no fault of the code
@given(calls)
def test_the_order_of_arrival_changes_nothing(call: list[list[dict[str, int]]]) -> None:
    assert scored(call) == scored(call, turned=True)


@settings(deadline=None)  # other work on the machine is no fault of the code
@given(calls)
def test_ranks_follow_score_then_tie_break_among_all_who_qualify(
    call: list[list[dict[str, int]]],
) -> None:
    means = {
        f"A{n}": Fraction(sum(p["a"] + p["b"] for p in given_to), len(given_to))
        for n, given_to in enumerate(call)
        if len(given_to) >= 2
    }
    passed = [name for name, mean in means.items() if mean >= 4]
    expected = sorted(passed, key=lambda name: (-means[name], tie_break("s", name)))
    intents = scored(call).intents
    assert [i.application for i in intents if i.rank is not None] == expected
    assert [i.rank for i in intents[: len(expected)]] == list(range(1, len(expected) + 1))
    assert len(intents) == len(call)


@settings(deadline=None)  # other work on the machine is no fault of the code
@given(calls, st.data())
def test_a_higher_score_never_worsens_a_rank(
    call: list[list[dict[str, int]]], data: st.DataObject
) -> None:
    chosen = data.draw(st.integers(0, len(call) - 1))
    raised = [
        {"a": data.draw(st.integers(p["a"], 6)), "b": data.draw(st.integers(p["b"], 4))}
        for p in call[chosen]
    ]
    before = _rank(scored(call), chosen, len(call))
    after = _rank(scored([*call[:chosen], raised, *call[chosen + 1 :]]), chosen, len(call))
    assert after <= before


def _rank(made: ScoringPlan, chosen: int, last: int) -> int:
    (rank,) = (i.rank for i in made.intents if i.application == f"A{chosen}")
    return last + 1 if rank is None else rank


corrections = st.sampled_from(["mixed-effects", "rank-based"])


@settings(deadline=None)
@given(calls, corrections)
def test_the_check_accepts_every_plan_and_arrival_changes_nothing(
    call: list[list[dict[str, int]]], correction: str
) -> None:
    rules = RUBRIC.model_copy(update={"correction": correction})
    made = scored(call, rules=rules)
    assert made == scored(call, turned=True, rules=rules)
    assert violations(snapshot_of(call), rules, made) == ()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), corrections, st.sampled_from([0, 4, 12]))
def test_leniencies_are_those_of_the_dense_equations(
    seed: int, correction: str, leniency_sd: int
) -> None:
    shape = Shape(applications=14, reviewers=5, reviews=2, leniency_sd=leniency_sd, stretch_sd=0.2)
    made = orders(simulated(seed, shape).snapshot, rubric(correction), "s").correction
    assert made is not None
    if not made.estimate().leniency_sd:
        assert not any(made.leniencies)
        return
    for found, dense in zip(made.leniencies, dense_leniencies(made), strict=True):
        assert abs(found - 1000 * dense) <= 1


def dense_leniencies(made: Correction) -> list[float]:
    """Level, merit and leniency from one system of equations, each effect a row of its own."""
    panel, estimate = made.panel, made.estimate()
    applications, reviewers = len(panel.applications), len(panel.reviewers)
    design = np.zeros((len(panel.judged), applications + reviewers + panel.group_count))
    for row, (application, reviewer) in enumerate(panel.judged):
        design[row, application] = design[row, applications + reviewer] = 1
        design[row, applications + reviewers + panel.groups[reviewer]] = 1
    penalty = np.zeros(design.shape[1])
    penalty[:applications] = (estimate.noise_sd / estimate.merit_sd) ** 2
    penalty[applications : applications + reviewers] = (
        estimate.noise_sd / estimate.leniency_sd
    ) ** 2
    values = np.array(made.values) / 1000
    effects = np.linalg.solve(design.T @ design + np.diag(penalty), design.T @ values)
    return [float(one) for one in effects[applications : applications + reviewers]]
