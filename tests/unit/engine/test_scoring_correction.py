"""Scores corrected for reviewers: who gains, what is known of it, when nothing is taken away."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from statistics import fmean

import numpy as np
import pytest
from tests.unit.engine.panels import Shape, rubric, simulated

from dure.engine.checks.scoring import violations
from dure.engine.scoring import Review, ScoringPlan, ScoringSnapshot, chances, plan
from dure.engine.scoring.planning import orders
from dure.vocabulary.plans import Header
from dure.vocabulary.programme.calls import Rubric
from dure.vocabulary.reasons import CATALOGUE

HEADER = Header(number=1, generation=0, now=datetime(2026, 2, 1, tzinfo=UTC), seed="2026-03-03")
SMALL = Shape(applications=120, reviewers=18)


def reviews(given: dict[str, dict[str, int]]) -> tuple[Review, ...]:
    """Of {reviewer: {application: points}}."""
    return tuple(
        Review(application=application, reviewer=reviewer, points={"total": points})
        for reviewer, stack in given.items()
        for application, points in stack.items()
    )


def ranked(
    given: dict[str, dict[str, int]], rules: Rubric, bonus: dict[str, int] | None = None
) -> ScoringPlan:
    applications = tuple(sorted({name for stack in given.values() for name in stack}))
    snapshot = ScoringSnapshot(
        call="c", applications=applications, reviews=reviews(given), bonus_points=bonus or {}
    )
    made = plan(snapshot, rules, HEADER)
    assert violations(snapshot, rules, made) == ()
    return made


def errors(shape: Shape, method: str, seeds: range) -> tuple[float, float]:
    """Mean distance from the true ranks over some panels: corrected, raw."""
    worlds = [simulated(seed, shape) for seed in seeds]
    found = [orders(world.snapshot, rubric(method), "s") for world in worlds]
    pairs = list(zip(worlds, found, strict=True))
    return (
        fmean(world.rank_error(tuple(made.order.ranks)) for world, made in pairs),
        fmean(world.rank_error(tuple(made.raw.ranks)) for world, made in pairs),
    )


def stacks(*, strict: int = 0) -> dict[str, dict[str, int]]:
    """Three reviewers, twelve applications of rising merit; each sees eight; `r3` is strict."""
    merit = {f"A{n:02}": 40 + 3 * n for n in range(12)}
    seen = {"r1": range(8), "r2": range(4, 12), "r3": (*range(4), *range(8, 12))}
    jitter = {"r1": 1, "r2": 0, "r3": -1}
    return {
        reviewer: {
            f"A{n:02}": merit[f"A{n:02}"]
            + jitter[reviewer] * (1 if n % 2 else -1)
            - (strict if reviewer == "r3" else 0)
            for n in numbers
        }
        for reviewer, numbers in seen.items()
    }


def test_a_strict_reviewer_is_found_and_those_they_judged_are_righted() -> None:
    rules = rubric(reviews=2)
    made = ranked(stacks(strict=12), rules)
    assert made.estimate is not None
    leniency = {one.reviewer: one.leniency for one in made.estimate.reviewers}
    assert -13 < leniency["r3"] - (leniency["r1"] + leniency["r2"]) / 2 < -9
    assert [o.application for o in made.intents] == [f"A{n:02}" for n in range(11, -1, -1)]
    assert [o.raw_rank for o in made.intents] != [o.rank for o in made.intents]
    risen = next(o for o in made.intents if o.application == "A03")
    assert risen.shift == (risen.raw_rank or 0) - (risen.rank or 0)
    assert risen.score > risen.raw_score


def test_the_sentence_gives_both_scores() -> None:
    made = ranked(stacks(strict=12), rubric(reviews=2))
    first = made.intents[0]
    assert first.reason.code == "scoring.ranked_corrected"
    sentence = CATALOGUE[first.reason.code].format(**first.reason.params)
    assert str(first.reason.params["raw_score"]) in sentence
    assert str(first.reason.params["score"]) in sentence


def test_reviewers_who_do_not_differ_leave_the_plain_mean() -> None:
    given = {
        "r1": {"A": 70, "B": 62, "C": 50, "D": 41},
        "r2": {"A": 68, "B": 60, "C": 52, "D": 43},
        "r3": {"A": 69, "B": 61, "C": 51, "D": 42},
    }
    made = ranked(given, rubric())
    assert made.estimate is not None
    assert made.estimate.leniency_sd == 0
    assert all(o.score == o.raw_score and o.rank == o.raw_rank for o in made.intents)
    assert [n.code for n in made.notes] == ["scoring.reviewers_alike"]


def test_a_bonus_point_is_worth_a_point_after_the_correction() -> None:
    rules = rubric(reviews=2)
    without = {o.application: o.score for o in ranked(stacks(strict=12), rules).intents}
    with_bonus = ranked(stacks(strict=12), rules, bonus={"A03": 5})
    scores = {o.application: o.score for o in with_bonus.intents}
    assert scores["A03"] - without["A03"] == 5
    assert {n: s for n, s in scores.items() if n != "A03"} == {
        n: s for n, s in without.items() if n != "A03"
    }


def test_the_pass_mark_is_for_the_corrected_score() -> None:
    given = stacks(strict=20)
    assert ranked(given, rubric("none", reviews=2, pass_mark=40)).intents[-1].rank is None
    made = ranked(given, rubric(reviews=2, pass_mark=40))
    failing = [o for o in made.intents if o.rank is None]
    assert all(o.score < 40 for o in failing)
    assert {o.reason.code for o in failing} == {"scoring.below_pass_mark_corrected"}
    lifted = [o for o in made.intents if o.rank is not None and o.raw_rank is None]
    assert all(o.raw_score < 40 <= o.score for o in lifted)
    assert lifted


def test_the_pass_mark_of_ranks_is_for_the_raw_score() -> None:
    made = ranked(stacks(strict=20), rubric("rank-based", reviews=2, pass_mark=40))
    assert {o.application for o in made.intents if o.rank is None} == {
        o.application for o in made.intents if o.raw_score < 40
    }


def test_two_groups_without_a_common_application_are_not_compared() -> None:
    first = {r: {f"A{n}": 50 + 5 * n + d for n in range(5)} for r, d in (("r1", 4), ("r2", -4))}
    second = {r: {f"B{n}": 70 + 5 * n + d for n in range(5)} for r, d in (("r3", 6), ("r4", -6))}
    made = ranked({**first, **second}, rubric(reviews=2))
    assert made.notes[0].code == "scoring.groups_apart"
    assert made.notes[0].params == {"groups": 2}
    assert made.estimate is not None
    for group in (1, 2):
        leniencies = [o.leniency for o in made.estimate.reviewers if o.group == group]
        assert abs(sum(leniencies, Fraction(0))) <= Fraction(1, 500)
        assert max(leniencies) > Fraction(1)
    for side in "AB":
        rows = [o for o in made.intents if o.application.startswith(side)]
        shifts = sum((o.score - o.raw_score for o in rows), Fraction(0))
        assert abs(shifts) < Fraction(1, 100)


def test_reviewers_of_one_score_are_named() -> None:
    given = stacks()
    given["r2"] = dict.fromkeys(given["r2"], 66)
    made = ranked(given, rubric(reviews=2))
    assert any(
        n.code == "scoring.same_scores"
        and n.params == {"reviewer": "r2", "reviews": 8, "points": 66}
        for n in made.notes
    )


def test_one_review_each_is_too_little_to_correct() -> None:
    made = ranked({"r1": {"A": 50, "B": 60}, "r2": {"C": 70}}, rubric(reviews=1))
    assert made.estimate is None
    assert [n.code for n in made.notes] == ["scoring.groups_apart", "scoring.too_few_to_correct"]
    assert [o.rank for o in made.intents] == [o.raw_rank for o in made.intents]


def test_an_application_without_reviews_stays_unranked() -> None:
    given = stacks(strict=12)
    applications = (*sorted({n for stack in given.values() for n in stack}), "none")
    snapshot = ScoringSnapshot(call="c", applications=applications, reviews=reviews(given))
    last = plan(snapshot, rubric(reviews=2), HEADER).intents[-1]
    assert (last.application, last.rank, last.standard_error) == ("none", None, None)


@pytest.mark.parametrize("method", ["mixed-effects", "rank-based"])
def test_the_order_of_arrival_and_a_second_run_change_nothing(method: str) -> None:
    world = simulated(1, SMALL)
    turned = world.snapshot.model_copy(
        update={
            "applications": world.snapshot.applications[::-1],
            "reviews": world.snapshot.reviews[::-1],
        }
    )
    rules = rubric(method)
    made = plan(world.snapshot, rules, HEADER)
    assert made == plan(turned, rules, HEADER)
    assert ScoringPlan.model_validate_json(made.model_dump_json()) == made
    assert violations(world.snapshot, rules, made) == ()


# The bars of `make bench-scores`, with room for a smaller panel and a single seed.
@pytest.mark.parametrize(
    ("shape", "method", "gain"),
    [
        (Shape(leniency_sd=15), "mixed-effects", 0.35),
        (Shape(leniency_sd=10, stretch_sd=0.3), "mixed-effects", 0.25),
        (Shape(leniency_sd=15), "rank-based", 0.30),
    ],
)
def test_the_corrected_order_is_nearer_to_the_true_one(
    shape: Shape, method: str, gain: float
) -> None:
    corrected, raw = errors(shape, method, range(3))
    assert corrected < (1 - gain) * raw


def test_where_reviewers_do_not_differ_the_order_is_no_worse() -> None:
    corrected, raw = errors(Shape(leniency_sd=0), "mixed-effects", range(3))
    assert corrected < 1.01 * raw


def test_the_estimates_find_what_the_panel_was_made_from() -> None:
    world = simulated(3, Shape(leniency_sd=10, stretch_sd=0.3))
    estimate = plan(world.snapshot, rubric(), HEADER).estimate
    assert estimate is not None
    assert 7 < estimate.leniency_sd < 13
    assert 6.5 < estimate.noise_sd < 9
    found = [float(one.leniency) for one in estimate.reviewers]
    true = [world.leniency[one.reviewer] for one in estimate.reviewers]
    assert np.corrcoef(found, true)[0, 1] > 0.95
    stretches = [float(one.stretch) for one in estimate.reviewers]
    assert np.corrcoef(stretches, list(world.stretch.values()))[0, 1] > 0.8


def test_standard_errors_and_intervals_hold_what_they_say() -> None:
    world = simulated(4, Shape(leniency_sd=10))
    made = plan(world.snapshot, rubric(), HEADER)
    level = np.mean([float(o.score) for o in made.intents]) - np.mean(list(world.merit.values()))
    off = [
        (float(o.score) - level - world.merit[o.application]) / float(o.standard_error or 0)
        for o in made.intents
    ]
    assert 0.9 < np.std(off) < 1.1
    best_first = sorted(world.merit, key=lambda name: -world.merit[name])
    true = {name: rank for rank, name in enumerate(best_first, start=1)}
    held = [(o.rank_low or 0) <= true[o.application] <= (o.rank_high or 0) for o in made.intents]
    assert 0.85 < np.mean(held) < 0.95


def test_the_chances_of_the_best_add_up_to_their_number() -> None:
    world = simulated(5, SMALL)
    found = chances(world.snapshot, rubric(), "s", top=40)
    assert abs(sum(found.values(), Fraction(-40))) < Fraction(1, 10)
    made = plan(world.snapshot, rubric(), HEADER)
    assert found[made.intents[0].application] > Fraction(9, 10)
    assert found[made.intents[-1].application] < Fraction(1, 10)
    assert chances(world.snapshot, rubric("none"), "s", top=40) == {}
