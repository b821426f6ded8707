"""Assignment: who reviews what.

- Never a reviewer with a conflict of interest (`conflicts`), never again one who stepped back.
- Each application gets `policy.reviews` distinct reviewers, fewer only where fewer are free of a
  conflict or have room; those applications are named in `short`, and the lack is spread evenly.
- Loads, counting what is held already, are as even as possible and never above a cap; among even
  loads the reviews go to those who know the subject best (`expertise`).
- Among equals the seed mixes, so reviewers overlap and their scores can be compared.
- Exact: minimum-cost flows, in integers. Held reviews stay where they are, but for those of a
  reviewer with a conflict, of one who is no longer here, and, where it is asked for, late ones.
- A late assignment is withdrawn only where somebody else takes it: a late review beats none.
"""

from dure.engine.assignment.conflicts import conflict, conflicts
from dure.engine.assignment.facts import (
    Assigned,
    AssignmentPlan,
    AssignmentPolicy,
    AssignmentSnapshot,
    Held,
    Pair,
    PastProject,
    Reviewer,
    Submission,
)
from dure.engine.assignment.planning import plan
from dure.engine.assignment.solve import UnableToAssignError

__all__ = [
    "Assigned",
    "AssignmentPlan",
    "AssignmentPolicy",
    "AssignmentSnapshot",
    "Held",
    "Pair",
    "PastProject",
    "Reviewer",
    "Submission",
    "UnableToAssignError",
    "conflict",
    "conflicts",
    "plan",
]
