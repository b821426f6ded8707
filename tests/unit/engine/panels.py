"""Simulated panels whose true merits are known: reviewers differ in level and in spread.

- points = 60 + leniency + stretch x (merit + noise), rounded and kept within 0 to 100.
- Every application has the same number of reviewers, every reviewer about the same load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from dure.engine.scoring import Review, ScoringSnapshot
from dure.vocabulary.frozen import Text
from dure.vocabulary.programme.calls import Criterion, Rubric

LEVEL, LABEL = 60, Text(ko="합계", en="total")


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes, and standard deviations in points; `stretch_sd` is of its logarithm."""

    applications: int = 514
    reviewers: int = 60
    reviews: int = 3
    merit_sd: float = 10
    leniency_sd: float = 10
    stretch_sd: float = 0
    noise_sd: float = 8


@dataclass(frozen=True, slots=True)
class Simulated:
    """A panel's reviews, and what nobody knows of a real one."""

    snapshot: ScoringSnapshot
    merit: dict[str, float]
    leniency: dict[str, float]
    stretch: dict[str, float]

    def rank_error(self, best_first: Sequence[str]) -> float:
        """Mean distance of the places in this order from the true ones."""
        true = sorted(self.merit, key=lambda name: -self.merit[name])
        place = {name: n for n, name in enumerate(true)}
        return fmean(abs(n - place[name]) for n, name in enumerate(best_first))


def rubric(correction: str = "mixed-effects", *, reviews: int = 3, pass_mark: int = 0) -> Rubric:
    return Rubric.model_validate(
        {
            "criteria": (Criterion(id="total", label=LABEL, points=100),),
            "reviews_per_application": reviews,
            "correction": correction,
            "pass_mark": pass_mark,
        }
    )


def simulated(seed: int, shape: Shape) -> Simulated:
    source = np.random.default_rng(seed)
    reviewers = [f"r{n:02}" for n in range(shape.reviewers)]
    applications = [f"A{n:04}" for n in range(shape.applications)]
    merit = _drawn(applications, source.normal(0, shape.merit_sd, shape.applications))
    leniency = _drawn(reviewers, source.normal(0, shape.leniency_sd, shape.reviewers))
    stretch = _drawn(reviewers, np.exp(source.normal(0, shape.stretch_sd, shape.reviewers)))
    load = np.zeros(shape.reviewers)
    reviews = []
    for application in applications:
        seats = np.lexsort((source.random(shape.reviewers), load))[: shape.reviews]
        load[seats] += 1
        for reviewer in (reviewers[seat] for seat in seats):
            seen = merit[application] + source.normal(0, shape.noise_sd)
            given = LEVEL + leniency[reviewer] + stretch[reviewer] * seen
            points = {"total": int(np.clip(np.rint(given), 0, 100))}
            reviews.append(Review(application=application, reviewer=reviewer, points=points))
    snapshot = ScoringSnapshot(call="c", applications=tuple(applications), reviews=tuple(reviews))
    return Simulated(snapshot, merit, leniency, stretch)


def _drawn(names: list[str], values: NDArray[np.float64]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}
