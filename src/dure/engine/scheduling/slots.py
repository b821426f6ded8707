"""What each job has on each node: chains of slots, by job and by node."""

from __future__ import annotations

from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling.compiled import inlined
from dure.engine.scheduling.facts import Ints


@inlined
def take(
    slot: Ints, node: Ints, job: Ints, count: Ints, one: int, on: int, amount: int, short: int
) -> None:
    """The job has so much on the node, of which `short` is still others'."""
    new = count[cr.SLOTS]
    count[cr.SLOTS] = slot[nr.NEXT_OF_JOB, new]
    slot[nr.JOB, new] = one
    slot[nr.NODE, new] = on
    slot[nr.COUNT, new] = amount
    slot[nr.SHORT, new] = short
    slot[nr.NODES_OF_WORD, new] = 0
    slot[nr.NEXT_OF_JOB, new] = job[jr.SLOT, one]
    job[jr.SLOT, one] = new
    first = node[nr.SLOT, on]
    slot[nr.NEXT_ON_NODE, new] = first
    slot[nr.LAST_ON_NODE, new] = -1
    if first >= 0:
        slot[nr.LAST_ON_NODE, first] = new
    node[nr.SLOT, on] = new


@inlined
def drop_first(slot: Ints, node: Ints, job: Ints, count: Ints, one: int) -> None:
    """The job's first slot is given up."""
    old = job[jr.SLOT, one]
    job[jr.SLOT, one] = slot[nr.NEXT_OF_JOB, old]
    before, after = slot[nr.LAST_ON_NODE, old], slot[nr.NEXT_ON_NODE, old]
    if after >= 0:
        slot[nr.LAST_ON_NODE, after] = before
    if before >= 0:
        slot[nr.NEXT_ON_NODE, before] = after
    else:
        node[nr.SLOT, slot[nr.NODE, old]] = after
    slot[nr.NEXT_OF_JOB, old] = count[cr.SLOTS]
    count[cr.SLOTS] = old
