"""What is kept of each account: the rows of `Core.account`."""

from __future__ import annotations

from typing import Final

# Controls; see `facts.Accounts`.
ENTITLED: Final = 0
CEILING: Final = 1
ORDER: Final = 2
FROZEN: Final = 3
HOME: Final = 4

# Counts; see `facts.State`.
USED: Final = 5  # guaranteed, running or held for
RUNNING: Final = 6  # guaranteed and running
LENT: Final = 7
OWNER_AS: Final = 8
LENT_AS: Final = 9
BACKOFF: Final = 10  # nothing is lent to it before
TAKE_BACKS: Final = 11  # in a row
TAKEN_AT: Final = 12  # the latest, -1 never
SETTLED: Final = 13  # up to when OWNER_AS and LENT_AS are counted

# Its queue: a range of `Core.queue`.
FIRST: Final = 14  # where its part of `Core.queue` begins
HEAD: Final = 15
TAIL: Final = 16
WAITING: Final = 17  # jobs in the queue that do not run
ASIDE: Final = 18  # jobs in the queue that do not ask for guaranteed capacity

# Where serving it ended.
DIRTY: Final = 19  # 0 clean, 1 one job arrived, 2 look at all
ARRIVED: Final = 20  # the job that arrived
BLOCKED: Final = 21  # 0 no, 1 by the entitlement, 2 by the nodes
BLOCKED_JOB: Final = 22
SHADOW: Final = 23  # when the blocked job is to start
EXTRA: Final = 24  # accelerators beside it at that time
SERVED: Final = 25  # the pass that served it last
SEQUENCE: Final = 26  # the account at this place of the lending order
LENT_AS_RANKED: Final = 27  # LENT_AS when the order was made last

REFUSED: Final = 28  # 1: the nodes refused a job of it, so that it looks again when they change

# No job of its queue would borrow less: of those that lending looks at, and of all.
LEAST: Final = 29
LEAST_OF_ALL: Final = 30

MOVED: Final = 31  # the home's MOVED when it was served last: if it differs, who was refused looks

ROWS: Final = 32

CLEAN: Final = 0
ONE_ARRIVED: Final = 1
CHANGED: Final = 2

BY_ENTITLEMENT: Final = 1
BY_NODES: Final = 2
