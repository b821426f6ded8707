"""The allocation round: which applications are served, from which pool, from when, and why.

- `facts` says what goes in and comes out; `policy` turns a programme's rules into a round's.
- `limits` and `precedence` say the rules; `fill` serves by place; `relaxation` prices what is
  scarce; `exact` finds the most merit; `solve` joins them; `explain` gives the reasons;
  `planning` puts it together.
- Importing this costs no solver: OR-Tools is loaded by the first call of `plan`.
"""

from dure.engine.allocation.conflict import UnableToMeetFloors
from dure.engine.allocation.facts import (
    Group,
    Held,
    Outcome,
    PoolOffer,
    Price,
    Request,
    RoundPlan,
    RoundPolicy,
    RoundSnapshot,
    Wish,
)
from dure.engine.allocation.planning import Effort, alone, plan
from dure.engine.allocation.policy import policy_of
from dure.engine.placement import BlockShare

__all__ = [
    "BlockShare",
    "Effort",
    "Group",
    "Held",
    "Outcome",
    "PoolOffer",
    "Price",
    "Request",
    "RoundPlan",
    "RoundPolicy",
    "RoundSnapshot",
    "UnableToMeetFloors",
    "Wish",
    "alone",
    "plan",
    "policy_of",
]
