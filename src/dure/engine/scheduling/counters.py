"""Single numbers of the kernel: the places of `Core.counter`, and the codes of the policy."""

from __future__ import annotations

from typing import Final

# Core.counter
CLOCK: Final = 0
ARRIVALS: Final = 1  # jobs that have arrived
EVENTS: Final = 2  # node events that have happened
SEGMENTS: Final = 3  # rows of the log in use
HEAP: Final = 4  # items that wait for their time
SLOTS: Final = 5  # the first slot not in use
HOLDS: Final = 6  # holders so far
PASSES: Final = 7
SEARCHES: Final = 8
IDLE: Final = 9  # accelerators now
HELD: Final = 10
DOWN: Final = 11
IDLE_AS: Final = 12  # accelerator-seconds so far
HELD_AS: Final = 13
DOWN_AS: Final = 14
CAPACITY_AS: Final = 15
PER_NODE: Final = 16
STEPPED: Final = 17  # 1 once the controls of this step are counted
COUNTED: Final = 18  # when use was counted last
RANKED: Final = 19  # 1: fair share orders the queues
BY_WORDS: Final = 20  # 1: gangs have their whole nodes by words, not by slots
STEPS: Final = 21  # scratch: columns of `Core.foreseen` in use
COUNTS: Final = 22

FOREVER: Final = 1 << 60
"""Later than any time: no sum of two such times leaves 64 bits."""

GANG: Final = 3
"""From so many whole nodes on a gang has them by words: with fewer, slots are as quick."""

# backfill
NONE: Final = 0
EASY: Final = 1
CONSERVATIVE: Final = 2
PASS_OVER: Final = 3

# victims
YOUNGEST: Final = 0
LEAST_LOST: Final = 1
GIVEN_KEY: Final = 2

# lent_by
GIVEN: Final = 0
FAIR: Final = 1

# placement
LOWEST: Final = 0
BLOCKS: Final = 1

# how a call of the kernel ends
FINISHED: Final = 0
LOG_FULL: Final = 1
