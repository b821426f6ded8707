"""What scoring is decided from, and what it gives.

- Points go in as the reviewers gave them; every number that decides comes out exact.
- Beside the score that counts stands the raw one, so that both rankings can be read together.
- What was estimated (a reviewer's leniency and stretch) is kept rounded, and the scores are made
  from the rounded figures: whoever has the plan and the reviews can recompute them by hand.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from pydantic import model_validator

from dure.vocabulary.distinct import require_distinct
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Intent, Plan, Reason
from dure.vocabulary.programme.types import Exact


class Review(Frozen):
    """One reviewer's points, by criterion."""

    application: str
    reviewer: str
    points: dict[str, int]


class ScoringSnapshot(Frozen):
    """`bonus_points` are added to the score (a regional preference); below zero they deduct."""

    call: str
    applications: tuple[str, ...]
    reviews: tuple[Review, ...]
    bonus_points: dict[str, int] = {}

    @model_validator(mode="after")
    def _once_each(self) -> ScoringSnapshot:
        require_distinct("application", self.applications)
        require_distinct("review", (f"{r.application} by {r.reviewer}" for r in self.reviews))
        return self


class Ranked(Intent):
    """`rank` 1 is best; None is not ranked. `spread` is the reviewers' highest less lowest.

    `raw_score` is the mean of the points plus the bonus, `raw_rank` the rank it would give. With a
    correction: the standard error of the corrected score, and the ranks between which the
    application's own merit lies with a probability of nine in ten.
    """

    application: str
    score: Exact
    spread: Exact
    reviews: int
    rank: int | None
    tie_break: str
    raw_score: Exact
    raw_rank: int | None
    standard_error: Exact | None = None
    rank_low: int | None = None
    rank_high: int | None = None

    @property
    def shift(self) -> int | None:
        """Places won (above zero) or lost by the correction; None unless both orders rank it."""
        if self.rank is None or self.raw_rank is None:
            return None
        return self.raw_rank - self.rank


class ReviewerEffect(Frozen):
    """What the panel's points say of one reviewer.

    `leniency`: points above the panel's level that this reviewer gives to equal work; below zero is
    strict. `stretch`: how widely the reviewer spreads points, as a multiple of the panel's spread.
    `group` numbers the parts of a panel that have no application in common.
    """

    reviewer: str
    reviews: int
    group: int
    mean: Exact
    leniency: Exact
    standard_error: Exact
    stretch: Exact = Fraction(1)


class Estimate(Frozen):
    """The correction's model as estimated from the panel; standard deviations in points."""

    method: Literal["mixed-effects", "rank-based"]
    merit_sd: Exact
    leniency_sd: Exact
    noise_sd: Exact
    groups: int
    reviewers: tuple[ReviewerEffect, ...]


class ScoringPlan(Plan):
    """Best first; those without a rank come last, in the same order of score and tie-break.

    `notes` say what of the panel limits the correction; without one there is nothing to note.
    """

    kind: Literal["scoring"] = "scoring"
    intents: tuple[Ranked, ...]
    estimate: Estimate | None = None
    notes: tuple[Reason, ...] = ()
