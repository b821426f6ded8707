"""The check of a ranking refuses what the points do not give."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from tests.unit.engine.panels import Shape, rubric, simulated

from dure.engine.checks.scoring import violations
from dure.engine.scoring import ScoringPlan, plan
from dure.vocabulary.plans import Header, Reason

HEADER = Header(number=1, generation=0, now=datetime(2026, 2, 1, tzinfo=UTC), seed="s")
SNAPSHOT = simulated(1, Shape(applications=24, reviewers=6)).snapshot
RUBRIC = rubric(pass_mark=50)
PLAN = plan(SNAPSHOT, RUBRIC, HEADER)


def first(made: ScoringPlan, **changes: object) -> ScoringPlan:
    """The plan with its best application told otherwise."""
    changed = made.intents[0].model_copy(update=changes)
    return made.model_copy(update={"intents": (changed, *made.intents[1:])})


def swapped(made: ScoringPlan) -> ScoringPlan:
    one, two = made.intents[0], made.intents[1]
    better = two.model_copy(update={"rank": 1})
    worse = one.model_copy(update={"rank": 2})
    return made.model_copy(update={"intents": (better, worse, *made.intents[2:])})


def lenient(made: ScoringPlan) -> ScoringPlan:
    """A reviewer told to be two hundredths of a point more lenient than the model says."""
    assert made.estimate is not None
    one = made.estimate.reviewers[0]
    told = one.model_copy(update={"leniency": one.leniency + Fraction(1, 50)})
    reviewers = (told, *made.estimate.reviewers[1:])
    estimate = made.estimate.model_copy(update={"reviewers": reviewers})
    return made.model_copy(update={"estimate": estimate})


def estimated(made: ScoringPlan, **changes: object) -> ScoringPlan:
    assert made.estimate is not None
    return made.model_copy(update={"estimate": made.estimate.model_copy(update=changes)})


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda p: p.model_copy(update={"intents": p.intents[1:]}), "standing_wrong"),
        (lambda p: first(p, score=p.intents[0].score + Fraction(1, 1000)), "score_wrong"),
        (lambda p: first(p, raw_score=Fraction(99)), "raw_score_wrong"),
        (lambda p: first(p, reviews=4), "reviews_wrong"),
        (lambda p: first(p, spread=Fraction(1, 7)), "spread_wrong"),
        (lambda p: first(p, tie_break="0"), "tie_break_wrong"),
        (lambda p: first(p, rank=2), "rank_wrong"),
        (lambda p: first(p, raw_rank=24), "raw_rank_wrong"),
        (swapped, "rank_wrong"),
        (lambda p: p.model_copy(update={"intents": p.intents[::-1]}), "order_wrong"),
        (
            lambda p: first(p, reason=Reason(code="scoring.too_few_reviews")),
            "reason_unfit",
        ),
        (lambda p: first(p, reason=Reason(code="scoring.new")), "reason_unknown"),
        (lambda p: first(p, reason=Reason(code="scoring.ranked")), "reason_incomplete"),
        (lambda p: first(p, rank_low=None), "interval_wrong"),
        (lambda p: first(p, rank_low=3, rank_high=2), "interval_wrong"),
        (lenient, "leniency_wrong"),
        (lambda p: estimated(p, method="rank-based"), "method_wrong"),
        (lambda p: estimated(p, reviewers=()), "reviewers_wrong"),
        (lambda p: p.model_copy(update={"notes": (Reason(code="x"),)}), "reason_unknown"),
    ],
)
def test_a_plan_that_was_tampered_with_is_refused(
    spoil: Callable[[ScoringPlan], ScoringPlan], rule: str
) -> None:
    assert violations(SNAPSHOT, RUBRIC, PLAN) == ()
    assert rule in {v.rule for v in violations(SNAPSHOT, RUBRIC, spoil(PLAN))}


def test_leniencies_are_none_where_the_plan_says_that_nobody_differs() -> None:
    spoiled = estimated(PLAN, leniency_sd=Fraction(0))
    assert "leniency_wrong" in {v.rule for v in violations(SNAPSHOT, RUBRIC, spoiled)}
