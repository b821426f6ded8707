"""What a gang has of whole nodes, 64 nodes at a time: one slot for a word of nodes.

- Where nothing is lent, nobody else is on these nodes and nobody waits for them. So a word of nodes
  is taken and given up at once, and a large gang costs little more than a small job.
- Where lending begins, or one of the nodes fails, the job's slots are split: one for each node.
"""

from __future__ import annotations

from dure.engine.scheduling import account_rows as ar
from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import levels, words
from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling.compiled import compiled, inlined
from dure.engine.scheduling.facts import Core


@inlined
def _new_slot(core: Core, one: int, on: int, amount: int, nodes: int) -> int:
    """A slot that is in no chain of its job yet, and alone on its nodes."""
    slot = core.slot
    new = core.counter[cr.SLOTS]
    core.counter[cr.SLOTS] = slot[nr.NEXT_OF_JOB, new]
    slot[nr.JOB, new] = one
    slot[nr.NODE, new] = on
    slot[nr.COUNT, new] = amount
    slot[nr.SHORT, new] = 0
    slot[nr.NEXT_ON_NODE, new] = -1
    slot[nr.LAST_ON_NODE, new] = -1
    slot[nr.NODES_OF_WORD, new] = nodes
    return int(new)


@inlined
def _set_nodes(core: Core, word: int, nodes: int, amount: int, slot: int) -> None:
    """So much is free and can be claimed on each of these nodes, and this is their slot."""
    while nodes:
        on = (word << 6) + words.first(nodes)
        core.node[nr.FREE, on] = amount
        core.node[nr.CLAIM, on] = amount
        core.node[nr.SLOT, on] = slot
        nodes &= nodes - 1


@inlined
def _count_free(core: Core, home: int, amount: int) -> None:
    core.home[nr.FREE_TOTAL, home] += amount
    core.counter[cr.IDLE] += amount


@compiled
def take(core: Core, one: int, word: int, nodes: int) -> None:
    """The job, which is guaranteed, has these nodes of the word, which are empty."""
    size, home = core.counter[cr.PER_NODE], core.account[ar.HOME, core.job[jr.ACCOUNT, one]]
    count = words.count(nodes)
    new = _new_slot(core, one, word, count * size, nodes)
    core.slot[nr.NEXT_OF_JOB, new] = core.job[jr.SLOT, one]
    core.job[jr.SLOT, one] = new
    levels.shift_word(core.bits, core.level, home, size, 0, word, nodes, count)
    _set_nodes(core, word, nodes, 0, new)
    _count_free(core, home, -count * size)
    core.home[nr.STALE, home] = 1


@compiled
def give_up_first(core: Core, one: int) -> None:
    """The nodes of the job's first slot are empty."""
    slot, size = core.slot, core.counter[cr.PER_NODE]
    old = core.job[jr.SLOT, one]
    core.job[jr.SLOT, one] = slot[nr.NEXT_OF_JOB, old]
    slot[nr.NEXT_OF_JOB, old] = core.counter[cr.SLOTS]
    core.counter[cr.SLOTS] = old
    word, nodes = slot[nr.NODE, old], slot[nr.NODES_OF_WORD, old]
    home = core.node[nr.HOME, (word << 6) + words.first(nodes)]
    levels.shift_word(core.bits, core.level, home, 0, size, word, nodes, words.count(nodes))
    _set_nodes(core, word, nodes, size, -1)
    _count_free(core, home, slot[nr.COUNT, old])
    core.home[nr.CHANGED, home] = 1


@compiled
def _split_slot(core: Core, old: int) -> int:
    """The first of the slots, one a node, that stand in this slot's place."""
    slot, first = core.slot, core.slot[nr.NEXT_OF_JOB, old]
    nodes = slot[nr.NODES_OF_WORD, old]
    while nodes:
        on = (slot[nr.NODE, old] << 6) + words.first(nodes)
        new = _new_slot(core, slot[nr.JOB, old], on, core.counter[cr.PER_NODE], 0)
        slot[nr.NEXT_OF_JOB, new] = first
        core.node[nr.SLOT, on] = new
        first = new
        nodes &= nodes - 1
    slot[nr.NEXT_OF_JOB, old] = core.counter[cr.SLOTS]
    core.counter[cr.SLOTS] = old
    return int(first)


@compiled
def split(core: Core, one: int) -> None:
    """The job has a slot on each of its nodes, those that it took last first."""
    slot = core.slot
    before, at = -1, core.job[jr.SLOT, one]
    while at >= 0:
        if slot[nr.NODES_OF_WORD, at]:
            at = _split_slot(core, at)
            if before < 0:
                core.job[jr.SLOT, one] = at
            else:
                slot[nr.NEXT_OF_JOB, before] = at
        before, at = at, slot[nr.NEXT_OF_JOB, at]


@compiled
def split_all(core: Core) -> None:
    """No job has its nodes by words any more."""
    for home in range(core.home.shape[1]):
        for place in range(core.home[nr.DUES, home]):
            split(core, core.due[home, 0, place])
