"""Bringing the reviewers' points to one scale before their leniency is estimated.

- mixed-effects: points are drawn together or apart about the reviewer's own mean, so that all
  reviewers spread alike. How much is estimated: the logarithm of a reviewer's spread beside the
  panel's, shrunk towards none by its own uncertainty (DerSimonian and Laird 1986, empirical Bayes).
- rank-based: points are replaced by the normal score of their rank among the reviewer's own, put
  back on the panel's mean and spread; a small stack borrows from the rank among all points.
- Values are whole thousandths of a point, rounded half up; stretches are rounded to thousandths
  first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import exp, log
from statistics import NormalDist, fmean, pstdev
from typing import Final, Protocol

from dure.engine.scoring.panel import Panel

SPREAD_KNOWN_FROM: Final = 5
"""Reviews of one reviewer; below, the logarithm of a variance is too far from normal to average."""

BORROWED: Final = 5
"""A stack of so many counts half its own ranks and half the panel's; the weight is n / (n + 5)."""

WIDEST: Final = 4
"""No stretch goes beyond this factor: such points are too few values to be drawn apart."""

_NORMAL: Final = NormalDist()


class Scale(Protocol):
    """What a reviewer's points are worth on the panel's scale."""

    def values(self, reviewer: int, points: Sequence[int]) -> list[int]:
        """Thousandths, for each of all the points that the reviewer gave."""
        ...

    def stretch(self, reviewer: int) -> Fraction:
        """The reviewer's spread as a multiple of the panel's; 1 where it is not estimated."""
        ...


@dataclass(frozen=True)
class Stretched:
    """Points about the reviewer's mean, divided by the reviewer's stretch."""

    stretches: Mapping[int, Fraction]

    @classmethod
    def of(cls, panel: Panel) -> Stretched:
        spreads = _spreads(panel)
        return cls(_shrunk(spreads) if len(spreads) > 1 else {})

    def values(self, reviewer: int, points: Sequence[int]) -> list[int]:
        stretch = self.stretch(reviewer)
        many, given = len(points), sum(points)
        # mean + (points - mean) / stretch, over one denominator.
        below = many * stretch.numerator
        level = given * (stretch.numerator - stretch.denominator)
        factor = many * stretch.denominator
        return [half_up(1000 * (level + factor * one), below) for one in points]

    def stretch(self, reviewer: int) -> Fraction:
        return self.stretches.get(reviewer, Fraction(1))


@dataclass(frozen=True)
class _Spread:
    """The logarithm of a reviewer's standard deviation, and the variance of that estimate."""

    log_sd: float
    variance: float


def _spreads(panel: Panel) -> dict[int, _Spread]:
    """Of the reviewers with enough points that are not all the same."""
    found = {}
    for reviewer in range(len(panel.reviewers)):
        points = panel.points_of(reviewer)
        freedom = len(points) - 1
        if freedom + 1 >= SPREAD_KNOWN_FROM and len(set(points)) > 1:
            # Mean and variance of the logarithm of a chi-square, to second order in 1/freedom.
            bias = -1 / freedom - 1 / (3 * freedom**2)
            log_variance = log(_variance(points)) - bias
            found[reviewer] = _Spread(log_variance / 2, (2 / freedom + 2 / freedom**2) / 4)
    return found


def _variance(points: Sequence[int]) -> float:
    many = len(points)
    squares = many * sum(given * given for given in points) - sum(points) ** 2
    return squares / (many * (many - 1))


def _shrunk(spreads: Mapping[int, _Spread]) -> dict[int, Fraction]:
    """Stretches of the reviewers; none where the spreads differ no more than chance makes them."""
    known = list(spreads.values())
    weights = [1 / one.variance for one in known]
    centre = _weighted(known, weights)
    excess = sum(w * (one.log_sd - centre) ** 2 for w, one in zip(weights, known, strict=True)) - (
        len(known) - 1
    )
    between = excess / (sum(weights) - sum(w * w for w in weights) / sum(weights))
    if between <= 0:
        return {}
    centre = _weighted(known, [1 / (between + one.variance) for one in known])
    factors = {
        reviewer: exp((s.log_sd - centre) * between / (between + s.variance))
        for reviewer, s in spreads.items()
    }
    return {r: _thousandths(min(max(f, 1 / WIDEST), WIDEST)) for r, f in factors.items()}


def _weighted(known: Sequence[_Spread], weights: Sequence[float]) -> float:
    return sum(w * one.log_sd for w, one in zip(weights, known, strict=True)) / sum(weights)


@dataclass(frozen=True)
class NormalScores:
    """Ranks within the reviewer as points: the panel's mean, plus its spread times normal score."""

    pooled: Mapping[int, float]
    mean: float
    spread: float

    @classmethod
    def of(cls, panel: Panel) -> NormalScores:
        return cls(_normal_scores(panel.points), fmean(panel.points), pstdev(panel.points))

    def values(self, reviewer: int, points: Sequence[int]) -> list[int]:  # noqa: ARG002  # the protocol's
        own = _normal_scores(points)
        weight = len(points) / (len(points) + BORROWED)
        return [
            round(
                1000 * (self.mean + self.spread * (weight * own[p] + (1 - weight) * self._all(p)))
            )
            for p in points
        ]

    def stretch(self, reviewer: int) -> Fraction:  # noqa: ARG002  # the protocol's
        return Fraction(1)

    def _all(self, points: int) -> float:
        """The normal score among all points; of the nearest points where nobody gave these."""
        if points in self.pooled:
            return self.pooled[points]
        return self.pooled[min(self.pooled, key=lambda known: (abs(known - points), known))]


def _normal_scores(points: Sequence[int]) -> dict[int, float]:
    """Points -> the normal quantile of their middle rank, (rank - 1/2) / n; equals share theirs."""
    scores, below = {}, 0
    for given, many in sorted(Counter(points).items()):
        scores[given] = _NORMAL.inv_cdf((below + many / 2) / len(points))
        below += many
    return scores


def _thousandths(value: float) -> Fraction:
    return Fraction(round(value * 1000), 1000)


def half_up(above: int, below: int) -> int:
    """The whole number nearest to above / below; halves go up."""
    return (2 * above + below) // (2 * below)
