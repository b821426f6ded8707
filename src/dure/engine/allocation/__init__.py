"""The allocation round: which applications are served, from which pool, and why.

- `facts` says what goes in and comes out; `limits` and `precedence` say the rules; `fill` serves
  by rank; `solve` finds the most merit; `explain` gives the reasons; `planning` puts it together.
- Importing this costs no solver: OR-Tools is loaded by the first call of `plan`.
"""

from dure.engine.allocation.facts import (
    Outcome,
    PoolOffer,
    QuotaRoom,
    Request,
    RoundPlan,
    RoundPolicy,
    RoundSnapshot,
)
from dure.engine.allocation.planning import plan
from dure.engine.allocation.solve import UnableToSolve

__all__ = [
    "Outcome",
    "PoolOffer",
    "QuotaRoom",
    "Request",
    "RoundPlan",
    "RoundPolicy",
    "RoundSnapshot",
    "UnableToSolve",
    "plan",
]
