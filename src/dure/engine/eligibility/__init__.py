"""Screening: may this application enter the call?

- Every rule is judged, so a refused applicant reads all that stands in the way at once.
- The same rules are judged when a draft is looked at, at submission, at screening and once more
  before the round; what changes is what the records say.
- `facts`: what is decided from. `judging`: one rule and one application. `screening`: the plan.
"""

from dure.engine.eligibility.facts import (
    Applicant,
    Candidate,
    Dates,
    Failure,
    Partner,
    Screened,
    ScreeningPlan,
    ScreeningSnapshot,
    Verdict,
)
from dure.engine.eligibility.screening import failures, plan, verdicts

__all__ = [
    "Applicant",
    "Candidate",
    "Dates",
    "Failure",
    "Partner",
    "Screened",
    "ScreeningPlan",
    "ScreeningSnapshot",
    "Verdict",
    "failures",
    "plan",
    "verdicts",
]
