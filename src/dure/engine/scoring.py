"""Scoring: from reviewers' points to one published order.

- A reviewer gives each criterion 0 to its points; their sum is the reviewer's score out of the
  rubric's total. An application's score is the exact mean over its reviewers plus its bonus.
- Order: higher score first; equal scores by the tie-break, a hash of the published seed and the
  application's id that anybody can recompute.
- An application with too few reviews, or below the pass mark, has no rank and says why.
- Points that do not fit the rubric stop the scoring: a score nobody gave must not decide.
- Whole numbers and fractions only: a float's last digit must not order two applications.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from math import floor
from typing import Literal

from pydantic import model_validator

from dure.vocabulary.distinct import require_distinct
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Header, Intent, Plan, Reason
from dure.vocabulary.programme.calls import Rubric
from dure.vocabulary.programme.types import Exact


class Review(Frozen):
    """One reviewer's points, by criterion."""

    application: str
    reviewer: str
    points: dict[str, int]


class ScoringSnapshot(Frozen):
    """`bonus_points` are added to the mean (a regional preference); below zero they deduct."""

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
    """`rank` 1 is best; None is not ranked. `spread` is the reviewers' highest less lowest."""

    application: str
    score: Exact
    spread: Exact
    reviews: int
    rank: int | None
    tie_break: str


class ScoringPlan(Plan):
    """Best first; those without a rank come last, in the same order of score and tie-break."""

    kind: Literal["scoring"] = "scoring"
    intents: tuple[Ranked, ...]


class UnknownApplicationError(ValueError):
    """Points for an application that is not in the call."""


class UnableToScoreError(ValueError):
    """A review does not fit the rubric."""

    def __init__(self, review: Review, criterion: str, problem: str) -> None:
        self.application = review.application
        self.reviewer = review.reviewer
        self.criterion = criterion
        super().__init__(
            f"application {review.application}, reviewer {review.reviewer}, "
            f"criterion {criterion}: {problem}"
        )


class PointsOutOfRangeError(UnableToScoreError):
    """Fewer than none or more than the criterion has."""


class MissingCriterionError(UnableToScoreError):
    """A criterion was not scored."""


class UnknownCriterionError(UnableToScoreError):
    """Points for something that the rubric does not have."""


def tie_break(seed: str, application: str) -> str:
    """SHA-256 of `seed:application` in hexadecimal; among equal scores the lower goes first."""
    return sha256(f"{seed}:{application}".encode()).hexdigest()


def plan(snapshot: ScoringSnapshot, rubric: Rubric, header: Header) -> ScoringPlan:
    """Ranks the call's applications; `header.seed` is the published seed of the tie-break.

    Raises UnknownApplicationError, or a subclass of UnableToScoreError for the first review that
    does not fit the rubric.
    """
    _require_known(snapshot)
    totals: defaultdict[str, list[int]] = defaultdict(list)
    for review in snapshot.reviews:
        totals[review.application].append(_total(review, rubric))
    standings = [
        _Standing(
            application=application,
            totals=tuple(sorted(totals[application])),
            bonus=snapshot.bonus_points.get(application, 0),
            tie_break=tie_break(header.seed, application),
        )
        for application in snapshot.applications
    ]
    return ScoringPlan(header=header, intents=_ranked(standings, rubric, header.seed))


def _require_known(snapshot: ScoringSnapshot) -> None:
    named = {review.application for review in snapshot.reviews} | snapshot.bonus_points.keys()
    if strangers := sorted(named - set(snapshot.applications)):
        msg = f"reviews or bonus points for applications not in the call: {', '.join(strangers)}"
        raise UnknownApplicationError(msg)


@dataclass(frozen=True, slots=True)
class _Standing:
    """An application's reviews, added up."""

    application: str
    totals: tuple[int, ...]
    bonus: int
    tie_break: str

    @property
    def score(self) -> Fraction:
        """Without a review there is nothing to add a bonus to."""
        if not self.totals:
            return Fraction(0)
        return Fraction(sum(self.totals), len(self.totals)) + self.bonus

    @property
    def order(self) -> tuple[Fraction, str, str]:
        return -self.score, self.tie_break, self.application

    def intent(self, rank: int | None, reason: Reason) -> Ranked:
        return Ranked(
            application=self.application,
            score=self.score,
            spread=Fraction(self.totals[-1] - self.totals[0] if self.totals else 0),
            reviews=len(self.totals),
            rank=rank,
            tie_break=self.tie_break,
            reason=reason,
        )


def _ranked(standings: list[_Standing], rubric: Rubric, seed: str) -> tuple[Ranked, ...]:
    ordered = sorted(standings, key=lambda standing: standing.order)
    kept_out = {s.application: _why_unranked(s, rubric) for s in ordered}
    eligible = [s for s in ordered if kept_out[s.application] is None]
    same_score = Counter(s.score for s in eligible)
    ranked = [
        s.intent(rank, _why_ranked(s, rank, seed if same_score[s.score] > 1 else None))
        for rank, s in enumerate(eligible, start=1)
    ]
    unranked = [s.intent(None, why) for s in ordered if (why := kept_out[s.application])]
    return (*ranked, *unranked)


def _why_ranked(standing: _Standing, rank: int, tied_under: str | None) -> Reason:
    params = {"rank": rank, "score": two_decimals(standing.score), "reviews": len(standing.totals)}
    if tied_under is None:
        return Reason(code="scoring.ranked", params=params)
    return Reason(code="scoring.ranked_by_tie_break", params={**params, "seed": tied_under})


def _why_unranked(standing: _Standing, rubric: Rubric) -> Reason | None:
    reviews = len(standing.totals)
    if reviews < rubric.reviews_per_application:
        return Reason(
            code="scoring.too_few_reviews",
            params={"reviews": reviews, "required": rubric.reviews_per_application},
        )
    if standing.score < rubric.pass_mark:
        return Reason(
            code="scoring.below_pass_mark",
            params={
                # Cut, not rounded: 59.999 must not read as 60.00 below a mark of 60.00.
                "score": _hundredths(floor(standing.score * 100)),
                "reviews": reviews,
                "pass_mark": two_decimals(rubric.pass_mark),
            },
        )
    return None


def _total(review: Review, rubric: Rubric) -> int:
    most = {criterion.id: criterion.points for criterion in rubric.criteria}
    for criterion in sorted(review.points.keys() - most.keys()):
        raise UnknownCriterionError(review, criterion, "the rubric has no such criterion")
    return sum(_points(review, criterion, most) for criterion in most)


def _points(review: Review, criterion: str, most: Mapping[str, int]) -> int:
    if criterion not in review.points:
        raise MissingCriterionError(review, criterion, "no points were given")
    given = review.points[criterion]
    if not 0 <= given <= most[criterion]:
        problem = f"{given} points lie outside 0 to {most[criterion]}"
        raise PointsOutOfRangeError(review, criterion, problem)
    return given


def two_decimals(value: Fraction) -> str:
    """As people read it: rounded half up (away from zero) to two decimals."""
    whole = (abs(value) * 200 + 1) // 2
    return _hundredths(whole if value >= 0 else -whole)


def _hundredths(value: int) -> str:
    sign = "-" if value < 0 else ""
    return f"{sign}{abs(value) // 100}.{abs(value) % 100:02d}"
