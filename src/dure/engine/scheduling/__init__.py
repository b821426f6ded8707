"""What a pool's engine would do: jobs, accounts and rules in, starts and ends out, as arrays.

- Only the twin imports this package: it needs numba, which agents and the hub do without.
- It stands in for the engine of a site, job by job; the decisions of the programme are not here.
- Everything that is decided follows from the arrays alone: no clock, no chance, no order of entry.
"""

from dure.engine.scheduling.counters import (
    BLOCKS,
    CONSERVATIVE,
    EASY,
    FAIR,
    FOREVER,
    GIVEN,
    GIVEN_KEY,
    LEAST_LOST,
    LOWEST,
    NONE,
    PASS_OVER,
    YOUNGEST,
)
from dure.engine.scheduling.facts import (
    Accounts,
    Jobs,
    NodeEvents,
    Policy,
    Pool,
    State,
    World,
)
from dure.engine.scheduling.job_rows import EITHER, GUARANTEED, LENT
from dure.engine.scheduling.world import (
    UnusableInput,
    advance,
    begin,
    fork,
    rehome,
    segments,
)

__all__ = [
    "BLOCKS", "CONSERVATIVE", "EASY", "EITHER", "FAIR", "FOREVER", "GIVEN", "GIVEN_KEY",
    "GUARANTEED", "LEAST_LOST", "LENT", "LOWEST", "NONE", "PASS_OVER", "YOUNGEST",
    "Accounts", "Jobs", "NodeEvents", "Policy", "Pool", "State", "UnusableInput", "World",
    "advance", "begin", "fork", "rehome", "segments",
]  # fmt: skip
