"""Scoring: exact scores, one published order, a reason for each place and for having none."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from hashlib import sha256

import pytest

from dure.engine.scoring import (
    MissingCriterionError,
    PointsOutOfRangeError,
    Review,
    ScoringPlan,
    ScoringSnapshot,
    UnableToScoreError,
    UnknownApplicationError,
    UnknownCriterionError,
    plan,
    tie_break,
    two_decimals,
)
from dure.vocabulary.frozen import Text
from dure.vocabulary.plans import Header
from dure.vocabulary.programme.calls import Criterion, Rubric
from dure.vocabulary.reasons import CATALOGUE

HEADER = Header(number=1, generation=0, now=datetime(2026, 2, 1, tzinfo=UTC), seed="2026-03-03")
LABEL = Text(ko="기준", en="criterion")
RUBRIC = Rubric(
    criteria=(
        Criterion(id="impact", label=LABEL, points=60),
        Criterion(id="readiness", label=LABEL, points=40),
    ),
    reviews_per_application=2,
    pass_mark=Fraction(60),
)


def review(application: str, reviewer: str, impact: int, readiness: int) -> Review:
    points = {"impact": impact, "readiness": readiness}
    return Review(application=application, reviewer=reviewer, points=points)


def scored(*reviews: Review, bonus: dict[str, int] | None = None) -> ScoringPlan:
    applications = tuple(sorted({r.application for r in reviews}))
    snapshot = ScoringSnapshot(
        call="2026-1", applications=applications, reviews=reviews, bonus_points=bonus or {}
    )
    return plan(snapshot, RUBRIC, HEADER)


def test_the_score_is_the_exact_mean_over_reviewers_plus_the_bonus() -> None:
    three = [review("A", "r1", 60, 40), review("A", "r2", 50, 30), review("A", "r3", 40, 30)]
    (ranked,) = scored(*three, bonus={"A": 3}).intents
    assert ranked.score == Fraction(250, 3) + 3
    assert (ranked.spread, ranked.reviews, ranked.rank) == (Fraction(30), 3, 1)
    assert ranked.reason.params == {"rank": 1, "score": "86.33", "reviews": 3}


def test_a_bonus_can_turn_the_order() -> None:
    reviews = [review(a, r, p, 30) for a, p in (("A", 41), ("B", 40)) for r in ("r1", "r2")]
    assert [i.application for i in scored(*reviews).intents] == ["A", "B"]
    assert [i.application for i in scored(*reviews, bonus={"B": 2}).intents] == ["B", "A"]


def test_equal_scores_are_ordered_by_a_hash_anybody_can_recompute() -> None:
    reviews = [review(a, r, 50, 30) for a in "ABCD" for r in ("r1", "r2")]
    intents = scored(*reviews).intents
    recomputed = sorted("ABCD", key=lambda a: sha256(f"2026-03-03:{a}".encode()).hexdigest())
    assert [i.application for i in intents] == recomputed
    assert [i.rank for i in intents] == [1, 2, 3, 4]
    assert {i.reason.code for i in intents} == {"scoring.ranked_by_tie_break"}
    assert intents[0].tie_break == tie_break("2026-03-03", intents[0].application)
    sentence = CATALOGUE[intents[0].reason.code].format(**intents[0].reason.params)
    assert "2026-03-03" in sentence


def test_those_without_a_rank_come_last_and_read_why() -> None:
    intents = scored(
        review("few", "r1", 60, 40),
        *(review("low", r, 30, 29) for r in ("r1", "r2", "r3")),
        *(review("at-the-mark", r, 30, 30) for r in ("r1", "r2")),
    ).intents
    assert [(i.application, i.rank, i.reason.code) for i in intents] == [
        ("at-the-mark", 1, "scoring.ranked"),
        ("few", None, "scoring.too_few_reviews"),
        ("low", None, "scoring.below_pass_mark"),
    ]
    assert intents[1].reason.params == {"reviews": 1, "required": 2}


def test_a_score_a_hair_below_the_mark_does_not_read_as_the_mark() -> None:
    low = [review("A", f"r{n}", 30, 30) for n in range(299)]
    (intent,) = scored(*low, review("A", "last", 30, 29)).intents
    assert intent.rank is None
    assert intent.reason.params["score"] == "59.99"


def test_an_application_without_reviews_has_no_score_to_add_a_bonus_to() -> None:
    snapshot = ScoringSnapshot(call="c", applications=("A",), reviews=(), bonus_points={"A": 90})
    (intent,) = plan(snapshot, RUBRIC, HEADER).intents
    assert intent.score == intent.spread == Fraction(0)
    assert intent.rank is None


@pytest.mark.parametrize(
    ("points", "error", "criterion"),
    [
        ({"impact": 61, "readiness": 0}, PointsOutOfRangeError, "impact"),
        ({"impact": 0, "readiness": -1}, PointsOutOfRangeError, "readiness"),
        ({"impact": 1}, MissingCriterionError, "readiness"),
        ({"impact": 1, "readiness": 1, "charm": 1}, UnknownCriterionError, "charm"),
    ],
)
def test_points_that_do_not_fit_the_rubric_are_named(
    points: dict[str, int], error: type[UnableToScoreError], criterion: str
) -> None:
    snapshot = ScoringSnapshot(
        call="c",
        applications=("A",),
        reviews=(Review(application="A", reviewer="r9", points=points),),
    )
    with pytest.raises(error) as raised:
        plan(snapshot, RUBRIC, HEADER)
    named = (raised.value.application, raised.value.reviewer, raised.value.criterion)
    assert named == ("A", "r9", criterion)


def test_points_for_an_application_outside_the_call_stop_the_scoring() -> None:
    snapshot = ScoringSnapshot(call="c", applications=("A",), reviews=(review("B", "r1", 1, 1),))
    with pytest.raises(UnknownApplicationError, match="B"):
        plan(snapshot, RUBRIC, HEADER)


def test_a_reviewer_counts_once_per_application() -> None:
    with pytest.raises(ValueError, match="A by r1"):
        scored(review("A", "r1", 1, 1), review("A", "r1", 2, 2))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(250, 3), "83.33"),
        (Fraction(1, 200), "0.01"),
        (Fraction(5), "5.00"),
        (Fraction(-5, 4), "-1.25"),
    ],
)
def test_scores_are_read_with_two_decimals(value: Fraction, text: str) -> None:
    assert two_decimals(value) == text


def test_a_plan_survives_its_json_form_exactly() -> None:
    made = scored(*(review("A", f"r{n}", 50 + n % 2, 30) for n in range(3)))
    assert ScoringPlan.model_validate_json(made.model_dump_json()) == made
