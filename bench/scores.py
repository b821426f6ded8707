"""Corrected scores beside the plain mean, on simulated panels whose true merits are known.

- 514 applications, 3 reviews each, 60 reviewers; merit sd 10, noise sd 8, points whole and kept
  within 0 to 100. Reviewers differ in level (sd 0 to 15 points) and in spread (sd of its log).
- Rank error: mean distance from the true rank. Score error: root mean square distance from the true
  merit, both centred. Served: how many of the truly best 160 are among the first 160.
- Known reviewers: the mean of points with each reviewer's true level and spread taken out. What
  this leaves is the noise of three reviews: nobody can do better without more reviews.
- Each row is the mean over the same seeds; errors of all ways are measured in the same panels.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

from bench.report import RESULTS, Result, at_least, at_most, compared, show, write
from tests.unit.engine.panels import LEVEL, Shape, Simulated, rubric, simulated

from dure.engine.checks.scoring import violations
from dure.engine.scoring import plan
from dure.engine.scoring.planning import orders
from dure.engine.scoring.sensitivity import sensitivity, until_used_up
from dure.vocabulary.plans import Header

HEADER = Header(number=1, generation=1, now=datetime(2026, 2, 2, tzinfo=UTC), seed="bench")
SEEDS = range(20)
BEST = 160
SPREADS = (0.0, 0.3)
LEVELS = (0.0, 2.5, 5.0, 8.0, 10.0, 12.5, 15.0)
PLAIN, MIXED, RANKS, KNOWN = "plain mean", "mixed-effects", "rank-based", "known reviewers"
EVERY = f"make bench-scores; mean over {len(SEEDS)} simulated panels of 514 x 3 by 60"

Scores = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Error:
    """How far an order lies from the true one."""

    rank: float
    score: float
    served: float


def scores(world: Simulated) -> Iterator[tuple[str, Scores]]:
    """What each way makes of the panel."""
    raw = orders(world.snapshot, rubric("none"), HEADER.seed).order.standings
    yield PLAIN, {s.application: float(s.score) for s in raw}
    for method in (MIXED, RANKS):
        made = orders(world.snapshot, rubric(method), HEADER.seed).order.standings
        yield method, {s.application: float(s.score) for s in made}
    yield KNOWN, _known(world)


def _known(world: Simulated) -> Scores:
    seen: defaultdict[str, list[float]] = defaultdict(list)
    for review in world.snapshot.reviews:
        over = review.points["total"] - LEVEL - world.leniency[review.reviewer]
        seen[review.application].append(over / world.stretch[review.reviewer])
    return {application: fmean(values) for application, values in seen.items()}


def error(world: Simulated, found: Scores) -> Error:
    best_first = sorted(found, key=lambda name: (-found[name], name))
    true = sorted(world.merit, key=lambda name: -world.merit[name])
    level, merit = fmean(found.values()), fmean(world.merit.values())
    squares = [(found[n] - level - world.merit[n] + merit) ** 2 for n in found]
    return Error(
        rank=world.rank_error(best_first),
        score=fmean(squares) ** 0.5,
        served=len(set(best_first[:BEST]) & set(true[:BEST])),
    )


def measured(shape: Shape) -> dict[str, Error]:
    """Each way's mean errors over the panels of a shape."""
    found: defaultdict[str, list[Error]] = defaultdict(list)
    for seed in SEEDS:
        world = simulated(seed, shape)
        for way, made in scores(world):
            found[way].append(error(world, made))
    return {
        way: Error(
            fmean(e.rank for e in errors),
            fmean(e.score for e in errors),
            fmean(e.served for e in errors),
        )
        for way, errors in found.items()
    }


def costs() -> tuple[float, float, float]:
    """CPU seconds of a plan with its chances, of its check, of the sensitivity report."""
    world = simulated(0, Shape(stretch_sd=0.3))
    rules = rubric(MIXED)
    plan(world.snapshot, rules, HEADER)
    before = time.process_time()
    made = plan(world.snapshot, rules, HEADER)
    planned = time.process_time()
    wrong = violations(world.snapshot, rules, made)
    checked = time.process_time()
    if wrong:
        raise SystemExit(f"the check refuses the plan: {wrong[:3]}")
    served = until_used_up(dict.fromkeys(world.snapshot.applications, 3), 542)
    sensitivity(world.snapshot, rules, HEADER.seed, served)
    return planned - before, checked - planned, time.process_time() - checked


def main() -> None:
    table = {
        (level, spread): measured(Shape(leniency_sd=level, stretch_sd=spread))
        for spread in SPREADS
        for level in LEVELS
    }
    rows = [
        (level, spread, way, e.rank, _less(errors, way, "rank"), e.score,
         _less(errors, way, "score"), e.served)
        for (level, spread), errors in table.items()
        for way, e in errors.items()
    ]  # fmt: skip
    heads = (
        "level sd", "spread sd", "way", "rank error", "less, %", "score error", "less, %",
        f"of the best {BEST}",
    )  # fmt: skip
    show("514 applications, 3 reviews each, 60 reviewers", heads, rows)
    plot(RESULTS / "scores.svg", table)
    write("scores", results(table))


def _less(errors: Mapping[str, Error], way: str, what: str) -> float:
    """How far below the plain mean's, in per cent of it."""
    return 100 * (1 - getattr(errors[way], what) / getattr(errors[PLAIN], what))


def _reached(errors: Mapping[str, Error]) -> float:
    """The part of what knowing the reviewers would gain in ranks."""
    possible = errors[PLAIN].rank - errors[KNOWN].rank
    return 100 * (errors[PLAIN].rank - errors[MIXED].rank) / possible


def results(table: Mapping[tuple[float, float], Mapping[str, Error]]) -> list[Result]:
    alike, apart = table[0.0, 0.0], table[10.0, 0.0]
    both, far = table[10.0, 0.3], table[15.0, 0.0]
    planned, checked, sensed = costs()
    made: list[Result] = []
    for name, errors in (
        ("level sd 10, as large as merit's", apart),
        ("level sd 10 and spread sd 0.3", both),
        ("level sd 15", far),
    ):
        limit = (
            f"{EVERY}; knowing the reviewers exactly would give {_less(errors, KNOWN, 'rank'):.1f}"
        )
        made += [
            at_least(f"rank error below the plain mean's, {name}", _less(errors, MIXED, "rank"),
                     "%", bound=30, how=limit),
            at_least(f"score error below the plain mean's, {name}", _less(errors, MIXED, "score"),
                     "%", bound=30, how=EVERY),
        ]  # fmt: skip
    for what in ("rank", "score"):
        worse = -_less(alike, MIXED, what)
        made.append(
            at_most(f"{what} error above the plain mean's where reviewers are alike", worse, "%",
                    bound=1, how=EVERY)
        )  # fmt: skip
    small = [table[level, 0.0] for level in (5.0, 8.0)]
    made += [
        compared("rank error below the plain mean's, level sd 5", _less(small[0], MIXED, "rank"),
                 "%", how=f"{EVERY}; possible: {_less(small[0], KNOWN, 'rank'):.1f}"),
        compared("rank error below the plain mean's, level sd 8", _less(small[1], MIXED, "rank"),
                 "%", how=f"{EVERY}; possible: {_less(small[1], KNOWN, 'rank'):.1f}"),
        compared("of what knowing the reviewers would gain in ranks, level sd 10",
                 _reached(apart), "%", how=EVERY),
        compared(f"more of the truly best {BEST} served than by the plain mean, level sd 10",
                 apart[MIXED].served - apart[PLAIN].served, "applications", how=EVERY),
        compared(f"more of the truly best {BEST} served than by the plain mean, level sd 15",
                 far[MIXED].served - far[PLAIN].served, "applications", how=EVERY),
        compared("rank-based: rank error below the plain mean's, level sd 10",
                 _less(apart, RANKS, "rank"), "%", how=EVERY),
        compared("rank-based: rank error above the plain mean's where reviewers are alike",
                 -_less(alike, RANKS, "rank"), "%", how=EVERY),
        compared("plan with standard errors and 2,000 draws of ranks", planned, "CPU s",
                 how="make bench-scores; one run"),
        compared("check of the plan", checked, "CPU s", how="make bench-scores; one run"),
        compared("sensitivity: 60 refits, 3,084 points", sensed, "CPU s",
                 how="make bench-scores; one run"),
    ]  # fmt: skip
    return made


def plot(path: Path, table: Mapping[tuple[float, float], Mapping[str, Error]]) -> None:
    """Rank error against how much reviewers differ, for each spread."""
    import matplotlib as mpl  # noqa: PLC0415  # heavy, and only for the picture
    from matplotlib import pyplot as plt  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "scores", "font.size": 9, "axes.grid": True})
    figure, axes = plt.subplots(
        1, len(SPREADS), figsize=(9.2, 4), sharey=True, layout="constrained"
    )
    colours = {PLAIN: "#8a8f99", RANKS: "#d98a00", MIXED: "#0b50d0", KNOWN: "#1d8a4c"}
    for axis, spread in zip(axes, SPREADS, strict=True):
        for way, colour in colours.items():
            heights = [table[level, spread][way].rank for level in LEVELS]
            dashed = "--" if way == KNOWN else "-"
            axis.plot(LEVELS, heights, dashed, color=colour, marker="o", label=way)
        axis.set_title(f"spread of reviewers differs by sd {spread} of its logarithm")
        axis.set_xlabel("sd of reviewers' level, points")
        axis.set_ylim(bottom=0)
    axes[0].set_ylabel("mean distance from the true rank, of 514")
    axes[0].legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
