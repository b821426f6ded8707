"""What is kept of each job: the rows of `Core.job`."""

from __future__ import annotations

from typing import Final

# As given; see `facts.Jobs`.
SUBMIT: Final = 0
WORK: Final = 1
LIMIT: Final = 2
WIDTH: Final = 3
ACCOUNT: Final = 4
KIND: Final = 5
KEY: Final = 6
USER: Final = 7
CHECKPOINT: Final = 8
SAVE: Final = 9
RESTART: Final = 10

# What became of it; see `facts.State`.
STATUS: Final = 11
MODE: Final = 12
START: Final = 13
END: Final = 14
TURN: Final = 15
ASKED: Final = 16
HELD: Final = 17
LEFT: Final = 18
LOST: Final = 19
TAKEN: Final = 20
FAILED: Final = 21

# While it runs or is held for.
SINCE: Final = 22  # when this run began
SEGMENT: Final = 23  # when this run came into its present mode
OVERHEAD: Final = 24  # seconds of this run that restore a checkpoint
NOTICE: Final = 25  # when a victim was told to leave
DUE: Final = 26  # when its limit ends
SLOT: Final = 27  # the first of its slots, -1 none
MISSING: Final = 28  # accelerators that a holder still waits for
SEQUENCE: Final = 29  # holders are served in this order
RANK: Final = 30  # its user's level, before KEY in the order of its queue
NEED: Final = 31  # seconds that the limit of its next run gives it

ROWS: Final = 32

# kinds
GUARANTEED: Final = 0
LENT: Final = 1
EITHER: Final = 2

# states
FUTURE: Final = 0
WAITING: Final = 1
HOLDING: Final = 2
RUNNING: Final = 3
LEAVING: Final = 4
DONE: Final = 5
GONE: Final = 6
PAUSED: Final = 7  # taken back or failed, and not yet eligible again

# how a stretch ended
FINISHED: Final = 0
TAKEN_BACK: Final = 1
NODE_FAILED: Final = 2
PROMOTED: Final = 3
DEMOTED: Final = 4
