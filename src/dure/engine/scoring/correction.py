"""Correcting a panel's points for its reviewers: scale, leniency, what is left uncertain.

- A corrected point is the point on the panel's scale less its reviewer's leniency; an application's
  corrected score is the exact mean of them, to thousandths. It is not drawn towards the panel's
  mean: a pass mark and a bonus point keep their worth.
- Where reviewers do not differ, nothing is taken away: the score is the plain mean.
- Chances come from the model: merits and leniencies drawn from what the panel leaves open, with a
  generator that is seeded by the published seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from hashlib import sha256
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from dure.engine.scoring.facts import Estimate, ReviewerEffect
from dure.engine.scoring.mixed import Fit, fit
from dure.engine.scoring.panel import Panel
from dure.engine.scoring.scales import NormalScores, Scale, Stretched, half_up
from dure.vocabulary.plans import Reason

Method = Literal["mixed-effects", "rank-based"]

DRAWS: Final = 2_000
"""A chance of one half is known to one in a hundred (standard error 0.011)."""

MOST_RANKS: Final = 4_000_000
"""Ranks drawn at a time; 20,000 applications are drawn 200 times, in 100 MB."""

WITHIN: Final = (0.05, 0.95)
"""The interval of ranks holds nine draws in ten."""


@dataclass(frozen=True)
class Correction:
    """A panel, its points on one scale, and the model fitted to them."""

    panel: Panel
    method: Method
    scale: Scale
    values: tuple[int, ...]
    fit: Fit

    @classmethod
    def of(cls, panel: Panel, method: Method) -> Correction:
        """Raises nothing for a panel that can be corrected (`Panel.can_be_corrected`)."""
        scale = Stretched.of(panel) if method == "mixed-effects" else NormalScores.of(panel)
        values = on_one_scale(panel, scale)
        return cls(panel, method, scale, values, fit(panel, [value / 1000 for value in values]))

    @cached_property
    def leniencies(self) -> tuple[int, ...]:
        """In thousandths, as all that follows is made from them."""
        return tuple(round(1000 * float(one)) for one in self.fit.leniencies)

    @cached_property
    def scores(self) -> dict[str, Fraction]:
        """Each application's corrected score, without bonus."""
        corrected = [
            value - self.leniencies[reviewer]
            for value, (_, reviewer) in zip(self.values, self.panel.judged, strict=True)
        ]
        return {
            name: Fraction(half_up(sum(corrected[n] for n in numbers), len(numbers)), 1000)
            for name, numbers in zip(
                self.panel.applications, self.panel.of_application, strict=True
            )
        }

    @cached_property
    def errors(self) -> dict[str, Fraction]:
        """Standard errors of the scores."""
        errors = map(float, self.fit.score_errors)
        return dict(zip(self.panel.applications, map(_thousandths, errors), strict=True))

    def estimate(self) -> Estimate:
        """The model in figures."""
        noise = self.fit.noise_variance
        ratios = self.fit.ratios
        return Estimate(
            method=self.method,
            merit_sd=_millionths((noise * ratios.merit) ** 0.5),
            leniency_sd=_millionths((noise * ratios.leniency) ** 0.5),
            noise_sd=_millionths(noise**0.5),
            groups=self.panel.group_count,
            reviewers=tuple(self._effect(n) for n in range(len(self.panel.reviewers))),
        )

    def _effect(self, number: int) -> ReviewerEffect:
        given = self.panel.points_of(number)
        return ReviewerEffect(
            reviewer=self.panel.reviewers[number],
            reviews=len(given),
            group=self.panel.groups[number] + 1,
            mean=Fraction(half_up(1000 * sum(given), len(given)), 1000),
            leniency=Fraction(self.leniencies[number], 1000),
            standard_error=_thousandths(float(self.fit.leniency_errors[number])),
            stretch=self.scale.stretch(number),
        )

    def notes(self) -> tuple[Reason, ...]:
        """That reviewers do not differ, where they do not."""
        alike = not any(self.leniencies) and not any(
            self.scale.stretch(n) != 1 for n in range(len(self.panel.reviewers))
        )
        if alike and self.method == "mixed-effects":
            return (Reason(code="scoring.reviewers_alike"),)
        return ()

    def drawn_ranks(
        self, names: Sequence[str], bonus: Mapping[str, int], seed: str
    ) -> NDArray[np.int32]:
        """Ranks among `names` in each draw: draws x names, 1 is best."""
        many = max(1, min(DRAWS, MOST_RANKS // max(1, len(self.panel.applications))))
        digest = sha256(f"{seed}:ranks".encode()).digest()
        source = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
        place = {name: n for n, name in enumerate(self.panel.applications)}
        merits = self.fit.draws(many, source)[:, [place[name] for name in names]]
        merits += np.array([bonus.get(name, 0) for name in names], dtype=np.float64)
        order = np.argsort(-merits, axis=1, kind="stable")
        ranks = np.empty(order.shape, dtype=np.int32)
        np.put_along_axis(ranks, order, np.arange(1, len(names) + 1, dtype=np.int32)[None, :], 1)
        return ranks

    def chances(
        self, names: Sequence[str], bonus: Mapping[str, int], seed: str, top: int
    ) -> dict[str, Fraction]:
        """The share of draws in which each of `names` is among the best `top`."""
        within = (self.drawn_ranks(names, bonus, seed) <= top).mean(axis=0)
        return {name: _thousandths(float(within[n])) for n, name in enumerate(names)}

    def intervals(
        self, names: Sequence[str], bonus: Mapping[str, int], seed: str
    ) -> dict[str, tuple[int, int]]:
        """The ranks that hold nine draws in ten, for each name."""
        if not names:
            return {}
        ranks = np.sort(self.drawn_ranks(names, bonus, seed), axis=0)
        low, high = (ranks[int(share * (len(ranks) - 1))] for share in WITHIN)
        return {name: (int(low[n]), int(high[n])) for n, name in enumerate(names)}


def on_one_scale(panel: Panel, scale: Scale) -> tuple[int, ...]:
    """The reviews' points on the panel's scale, in thousandths, in the panel's order."""
    values = [0] * len(panel.points)
    for reviewer, numbers in enumerate(panel.of_reviewer):
        made = scale.values(reviewer, panel.points_of(reviewer))
        for number, value in zip(numbers, made, strict=True):
            values[number] = value
    return tuple(values)


def _thousandths(value: float) -> Fraction:
    return Fraction(round(value * 1000), 1000)


def _millionths(value: float) -> Fraction:
    """Fine enough that leniencies follow from it to the thousandth."""
    return Fraction(round(value * 1_000_000), 1_000_000)
