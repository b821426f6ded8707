"""From a review to one number: the sum of its points, refused where they do not fit the rubric.

- Each criterion of the rubric has points from 0 to its most, and there are no others: a score that
  nobody gave must not decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from dure.engine.scoring.facts import Review
from dure.vocabulary.programme.calls import Rubric


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


def total(review: Review, rubric: Rubric) -> int:
    """The review's points, added up. Raises a subclass of UnableToScoreError."""
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
    return hundredths(whole if value >= 0 else -whole)


def hundredths(value: int) -> str:
    """A number of hundredths with its decimal point."""
    sign = "-" if value < 0 else ""
    return f"{sign}{abs(value) // 100}.{abs(value) % 100:02d}"
