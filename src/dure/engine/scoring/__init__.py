"""Scoring: from reviewers' points to one published order, raw and corrected for the reviewers.

- `facts` says what goes in and comes out; `points` adds a review up; `panel` says who judged what;
  `scales`, `mixed` and `correction` estimate the reviewers; `planning` puts the order together;
  `sensitivity` says whose outcome hangs on what.
- Importing this loads no numpy; a rubric without correction plans without it.
"""

from dure.engine.scoring.facts import (
    Estimate,
    Ranked,
    Review,
    ReviewerEffect,
    ScoringPlan,
    ScoringSnapshot,
)
from dure.engine.scoring.planning import UnknownApplicationError, chances, plan, tie_break
from dure.engine.scoring.points import (
    MissingCriterionError,
    PointsOutOfRangeError,
    UnableToScoreError,
    UnknownCriterionError,
    two_decimals,
)

__all__ = [
    "Estimate",
    "MissingCriterionError",
    "PointsOutOfRangeError",
    "Ranked",
    "Review",
    "ReviewerEffect",
    "ScoringPlan",
    "ScoringSnapshot",
    "UnableToScoreError",
    "UnknownApplicationError",
    "UnknownCriterionError",
    "chances",
    "plan",
    "tie_break",
    "two_decimals",
]
