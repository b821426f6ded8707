"""What is kept of each node, of each of its slots and of each home.

The rows of `Core.node`, `Core.slot` and `Core.home`. A slot is what one job has on one node. FREE
and CLAIM are families of levels too: `Core.bits` and `Core.level` keep the nodes of each home by
them.
"""

from __future__ import annotations

from typing import Final

# node
FREE: Final = 0  # accelerators that nobody has or is held for
CLAIM: Final = 1  # accelerators that no guaranteed work has or is held for
UP: Final = 2  # 1 unless down or parked
HOME: Final = 3
BLOCK: Final = 4
SLOT: Final = 5  # the first slot on it, -1 none
LEAVING: Final = 6  # accelerators of jobs that were told to leave
OWED: Final = 7  # accelerators that holders still wait for
PARKED: Final = 8  # 1 for a spare that waits for a failure
SEEN: Final = 9  # scratch: the search that touched it last
GAIN: Final = 10  # scratch: accelerators that come free in that search
EMPTIES: Final = 11  # scratch, by block: its empty nodes that a placement may use
NODE_ROWS: Final = 16  # as many as fill two cache lines

FAMILIES: Final = 2

# slot
JOB: Final = 0
NODE: Final = 1
COUNT: Final = 2
SHORT: Final = 3  # accelerators of COUNT that are still others'
NEXT_OF_JOB: Final = 4  # also chains the slots that are not in use
NEXT_ON_NODE: Final = 5
LAST_ON_NODE: Final = 6
NODES_OF_WORD: Final = 7  # the nodes, where NODE is a word of them and all are wholly the job's
SLOT_ROWS: Final = 8  # as many as fill a cache line

# home
FREE_TOTAL: Final = 0
NODES: Final = 1  # up, down or parked
CHANGED: Final = 2  # something ended: who was refused looks again
LEAST: Final = 3  # no job of its accounts that lending looks at would borrow less
OWNER: Final = 4  # the job with the reservation, -1 none
OWNER_AT: Final = 5  # when it is to start
CHOSEN: Final = 6  # 1: the nodes of the reservation are chosen
DUES: Final = 7  # how many jobs are in the list of limits
PARKED_NODES: Final = 8
STALE: Final = 9  # something was placed since the reservation was made
UNCHOSEN: Final = 10  # 1: the reservation has a time, and its nodes are not chosen yet
SPARE_WHOLES: Final = 11  # empty nodes that the reservation leaves at its time
PART_NODE: Final = 12  # the node of which the reservation needs a part, -1 none
PART_SPARE: Final = 13  # accelerators of it that the reservation leaves at its time
MOVED: Final = 14  # how often the reservation came or went
WIDEST: Final = 15  # no job wider than this could start on what is free
HOME_ROWS: Final = 16
