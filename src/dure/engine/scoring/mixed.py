"""The mixed model: points = level of the group + merit + leniency + noise.

- Merit and leniency are random effects; their variances are estimated from the panel itself by
  restricted maximum likelihood (Patterson and Thompson 1971), the level of each group is fixed.
- Leniency is the best linear unbiased prediction: drawn towards none the more, the fewer reviews
  there are and the less reviewers differ. Where the likelihood is best without it, it is none.
- Applications are eliminated one by one, so that all work is done on a matrix of the reviewers.
- The variance ratios are searched on a lattice of powers of two: comparing on few points gives the
  same point on every machine, where a gradient would end in the last digit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dure.engine.scoring.panel import Panel

Vector = NDArray[np.float64]
Numbers = NDArray[np.intp]

LEAST_NOISE: Final = 1 / 12
"""Variance, in square points, that rounding to whole points makes by itself."""

WIDEST, FIRST_STEP, LAST_STEP = 12.0, 4.0, 1 / 256
"""log2 of a variance over the noise variance: from 1/4096 to 4096, told to a quarter per cent."""


@dataclass(frozen=True)
class Ratios:
    """Variances as multiples of the noise variance; `leniency` 0 means that reviewers are alike."""

    merit: float
    leniency: float


class Equations:
    """The model's normal equations with the applications eliminated, for any ratios.

    Columns are the reviewers and, after them, the groups.
    """

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.reviewers = len(panel.reviewers)
        self.size = self.reviewers + panel.group_count
        self.application = np.array([a for a, _ in panel.judged], dtype=np.intp)
        self.reviewer = np.array([r for _, r in panel.judged], dtype=np.intp)
        groups = np.array(panel.groups, dtype=np.intp)
        self.group = self.reviewers + groups[self.reviewer]
        self.counts = np.array([len(n) for n in panel.of_application], dtype=np.float64)
        by_count: defaultdict[int, list[tuple[int, ...]]] = defaultdict(list)
        for numbers in panel.of_application:
            by_count[len(numbers)].append(numbers)
        self.alike = {
            count: np.array(rows, dtype=np.intp) for count, rows in sorted(by_count.items())
        }

    @cached_property
    def crossed(self) -> dict[int, Vector]:
        """By number of reviews: the cross products of the applications' sums over columns."""
        return {count: self._crossed(rows) for count, rows in self.alike.items()}

    def _crossed(self, rows: Numbers) -> Vector:
        seats, group, count = self.reviewer[rows], self.group[rows[:, 0]], rows.shape[1]
        made = np.zeros((self.size, self.size))
        np.add.at(made, (seats[:, :, None], seats[:, None, :]), 1.0)
        np.add.at(made, (seats, group[:, None]), float(count))
        np.add.at(made, (group[:, None], seats), float(count))
        np.add.at(made, (group, group), float(count**2))
        return made

    @cached_property
    def gram(self) -> Vector:
        """Cross products of the columns before elimination."""
        made = np.zeros((self.size, self.size))
        for one, other in product((self.reviewer, self.group), repeat=2):
            np.add.at(made, (one, other), 1.0)
        return made

    def matrix(self, ratios: Ratios) -> Vector:
        """Left side; without leniency only the groups' part of it."""
        made = self.gram.copy()
        for count, crossed in self.crossed.items():
            made -= crossed / (count + 1 / ratios.merit)
        if not ratios.leniency:
            return made[self.reviewers :, self.reviewers :]
        seats = np.arange(self.reviewers)
        made[seats, seats] += 1 / ratios.leniency
        return made

    def eliminated(self, values: Vector, merit: float) -> Vector:
        """Values less what their application's sum, shrunk, says of them."""
        sums = np.bincount(self.application, values, minlength=len(self.counts))
        return values - (sums / (self.counts + 1 / merit))[self.application]

    def right(self, values: Vector, ratios: Ratios) -> Vector:
        """Right side for values of the reviews."""
        left = self.eliminated(values, ratios.merit)
        made = np.zeros(self.size)
        np.add.at(made, self.reviewer, left)
        np.add.at(made, self.group, left)
        return made if ratios.leniency else made[self.reviewers :]


@dataclass(frozen=True)
class Fit:
    """The model at its most likely variances. Values are those of the reviews, less `centre`."""

    equations: Equations
    values: Vector
    centre: float
    ratios: Ratios
    noise_variance: float

    @cached_property
    def covariance(self) -> Vector:
        """Of leniencies and levels, in noise variances; zero where there is no leniency."""
        size, matrix = self.equations.size, self.equations.matrix(self.ratios)
        inverse: Vector = np.linalg.inv(matrix).astype(np.float64)
        if self.ratios.leniency:
            return inverse
        made = np.zeros((size, size))
        made[self.equations.reviewers :, self.equations.reviewers :] = inverse
        return made

    def effects(self, values: Vector) -> Vector:
        """Leniencies, then levels, that these values of the reviews give; linear in them."""
        right = self.equations.right(values, self.ratios)
        if self.ratios.leniency:
            return self.covariance @ right
        seats = self.equations.reviewers
        return np.concatenate([np.zeros(seats), self.covariance[seats:, seats:] @ right])

    @cached_property
    def estimates(self) -> Vector:
        return self.effects(self.values)

    @property
    def leniencies(self) -> Vector:
        return self.estimates[: self.equations.reviewers]

    @cached_property
    def leniency_errors(self) -> Vector:
        """Standard errors of the leniencies."""
        own = np.diagonal(self.covariance)[: self.equations.reviewers]
        return np.sqrt(self.noise_variance * own)

    @cached_property
    def score_errors(self) -> Vector:
        """Standard errors of the applications' corrected means: noise, and leniency not known."""
        eq = self.equations
        made = np.empty(len(eq.counts))
        for count, rows in eq.alike.items():
            seats = eq.reviewer[rows]
            unknown = self.covariance[seats[:, :, None], seats[:, None, :]].sum(axis=(1, 2))
            made[eq.application[rows[:, 0]]] = 1 / count + unknown / count**2
        return np.sqrt(self.noise_variance * made)

    def draws(self, many: int, source: np.random.Generator) -> Vector:
        """True merits in points as the panel leaves them open: draws x applications."""
        eq = self.equations
        root = np.linalg.cholesky(self.covariance + 1e-12 * np.eye(eq.size))
        deviates = source.standard_normal((many, eq.size)) @ root.T
        effects = self.estimates + np.sqrt(self.noise_variance) * deviates
        shrink = eq.counts + 1 / self.ratios.merit
        fixed = np.bincount(eq.application, self.values, minlength=len(eq.counts))
        taken = np.zeros((many, len(eq.counts)))
        for rows in eq.alike.values():
            places = eq.application[rows[:, 0]]
            for row in rows.T:
                taken[:, places] += effects[:, eq.reviewer[row]] + effects[:, eq.group[row]]
        level = np.empty(len(eq.counts), dtype=np.intp)
        level[eq.application] = eq.group
        merit = (fixed - taken) / shrink
        merit += source.standard_normal(merit.shape) * np.sqrt(self.noise_variance / shrink)
        return np.asarray(self.centre + effects[:, level] + merit, dtype=np.float64)


def fit(panel: Panel, values: Sequence[float]) -> Fit:
    """The most likely model of the panel's values, one for each review in the panel's order."""
    equations = Equations(panel)
    given = np.array(values, dtype=np.float64)
    centre = float(np.round(given.mean(), 3))
    given = given - centre
    ratios = _most_likely(equations, given)
    noise = _noise(equations, given, ratios)
    return Fit(equations, given, centre, ratios, noise)


def _most_likely(equations: Equations, values: Vector) -> Ratios:
    """Goes to the best neighbour on the lattice; halves the step where there is no better one."""
    here, step = (0.0, 0.0), FIRST_STEP
    best = _deviance(equations, values, _ratios(here))
    while step >= LAST_STEP:
        around = [
            (here[0] + move * step, here[1]) if axis == 0 else (here[0], here[1] + move * step)
            for axis, move in product((0, 1), (1, -1))
        ]
        tried = [
            (_deviance(equations, values, _ratios(there)), there)
            for there in around
            if max(map(abs, there)) <= WIDEST
        ]
        nearest = min(tried, default=(best, here))
        if nearest[0] < best:
            best, here = nearest
        else:
            step /= 2
    alike = Ratios(_ratios(here).merit, 0.0)
    return alike if _deviance(equations, values, alike) <= best else _ratios(here)


def _ratios(log2: tuple[float, float]) -> Ratios:
    return Ratios(2.0 ** log2[0], 2.0 ** log2[1])


def _deviance(equations: Equations, values: Vector, ratios: Ratios) -> float:
    """-2 times the restricted log likelihood, but for a constant."""
    matrix = equations.matrix(ratios)
    root = np.linalg.cholesky(matrix)
    noise, squares = _noise_and_squares(equations, values, ratios, matrix)
    made = _freedom(equations) * np.log(noise) + squares / noise
    made += np.log1p(equations.counts * ratios.merit).sum()
    made += 2 * np.log(np.diagonal(root)).sum()
    if ratios.leniency:
        made += equations.reviewers * np.log(ratios.leniency)
    return float(made)


def _noise(equations: Equations, values: Vector, ratios: Ratios) -> float:
    return _noise_and_squares(equations, values, ratios, equations.matrix(ratios))[0]


def _noise_and_squares(
    equations: Equations, values: Vector, ratios: Ratios, matrix: Vector
) -> tuple[float, float]:
    right = equations.right(values, ratios)
    squares = float(values @ equations.eliminated(values, ratios.merit))
    squares = max(squares - float(right @ np.linalg.solve(matrix, right)), 0.0)
    return max(squares / _freedom(equations), LEAST_NOISE), squares


def _freedom(equations: Equations) -> int:
    return len(equations.application) - equations.panel.group_count
