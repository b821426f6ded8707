"""Where a job stands: up to one node's accelerators on one node, more on whole nodes and a rest.

- A part of a node goes where the least is left over. Ties go to the lowest index.
- With blocks: whole nodes come from the block with the fewest empty ones that has enough, or else
  from the blocks with the most; a part that breaks an empty node breaks one of the block with the
  fewest. Ties go to the lowest block.
- Nothing is placed in part: the plan holds all nodes of a job, or none. `plan[0]` has the nodes and
  `plan[1]` what is used of each; a gang's whole nodes stand there by words, with their bits in
  `plan[2]`, where `counters.BY_WORDS` says so.
"""

from __future__ import annotations

from dure.engine.scheduling import account_rows as ar
from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import dues, gangs, levels, reservations, runs, slots, words
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling.compiled import compiled, inlined
from dure.engine.scheduling.facts import Core


@compiled
def _best_fit(core: Core, home: int, amount: int, top: int, bound: bool) -> int:
    """The node with the least free, from `amount` to `top`, that has it; -1 none."""
    for at in range(amount, top + 1):
        if core.level[nr.FREE, home, at] == 0:
            continue
        on = levels.following(core.bits, nr.FREE, home, at, -1)
        while on >= 0:
            if reservations.allows(core, on, amount, bound):
                return int(on)
            on = levels.following(core.bits, nr.FREE, home, at, on)
    return -1


@inlined
def fits(core: Core, family: int, home: int, width: int) -> bool:
    """Whether the width could stand on the home's nodes by FREE or CLAIM, reservations aside."""
    size = core.counter[cr.PER_NODE]
    if width <= size:
        return levels.fullest(core.level, family, home) >= width
    return bool(core.level[family, home, size] >= width // size)


@inlined
def _next_empty(core: Core, home: int, after: int, amount: int, bound: bool) -> int:
    """The first empty node after this one of which so much may be used; -1 none."""
    size = core.counter[cr.PER_NODE]
    on = levels.following(core.bits, nr.FREE, home, size, after)
    while on >= 0 and not reservations.allows(core, on, amount, bound):
        on = levels.following(core.bits, nr.FREE, home, size, on)
    return on


@compiled
def _count_empties(core: Core, home: int, amount: int, bound: bool) -> None:
    """By block, the empty nodes that the search has not seen."""
    for passing in range(2):
        on = _next_empty(core, home, -1, amount, bound)
        while on >= 0:
            block = core.node[nr.BLOCK, on]
            if passing == 0:
                core.node[nr.EMPTIES, block] = 0
            elif core.node[nr.SEEN, on] != core.counter[cr.SEARCHES]:
                core.node[nr.EMPTIES, block] += 1
            on = _next_empty(core, home, on, amount, bound)


@compiled
def _best_block(core: Core, home: int, whole: int, amount: int, bound: bool) -> int:
    """The block with the fewest empties, `whole` at least, or else with the most; -1 none."""
    best, best_empties = -1, 0
    on = _next_empty(core, home, -1, amount, bound)
    while on >= 0:
        block = core.node[nr.BLOCK, on]
        empties = core.node[nr.EMPTIES, block]
        enough, had = empties >= whole, best_empties >= whole
        better = enough > had or (
            enough == had and (empties < best_empties if enough else empties > best_empties)
        )
        if empties > 0 and (best < 0 or better or (empties == best_empties and block < best)):
            best, best_empties = block, empties
        on = _next_empty(core, home, on, amount, bound)
    return int(best)


@compiled
def _wholes_by_block(core: Core, home: int, whole: int, bound: bool) -> bool:
    """Whether so many whole nodes could be planned; they are marked as seen."""
    size, planned = core.counter[cr.PER_NODE], 0
    _count_empties(core, home, size, bound)
    while planned < whole:
        block = _best_block(core, home, whole - planned, size, bound)
        if block < 0:
            return False
        on = _next_empty(core, home, -1, size, bound)
        while on >= 0 and planned < whole:
            if core.node[nr.BLOCK, on] == block:
                core.plan[0, planned] = on
                core.plan[1, planned] = size
                core.node[nr.SEEN, on] = core.counter[cr.SEARCHES]
                planned += 1
            on = _next_empty(core, home, on, size, bound)
        core.node[nr.EMPTIES, block] = 0
    return True


@compiled
def _part_by_block(core: Core, home: int, amount: int, bound: bool) -> int:
    """The empty node to break for so much; not one of the plan's; -1 none."""
    _count_empties(core, home, amount, bound)
    block = _best_block(core, home, 1, amount, bound)
    on = _next_empty(core, home, -1, amount, bound)
    while on >= 0 and (
        core.node[nr.BLOCK, on] != block or core.node[nr.SEEN, on] == core.counter[cr.SEARCHES]
    ):
        on = _next_empty(core, home, on, amount, bound)
    return on


@compiled
def _wholes_lowest(core: Core, home: int, whole: int, bound: bool) -> bool:
    """Whether so many whole nodes could be planned, those with the lowest index."""
    size, on = core.counter[cr.PER_NODE], -1
    for at in range(whole):
        on = _next_empty(core, home, on, size, bound)
        if on < 0:
            return False
        core.plan[0, at] = on
        core.plan[1, at] = size
    return True


@inlined
def _is_by_words(core: Core, whole: int) -> bool:
    return bool(whole >= cr.GANG and core.counter[cr.BY_WORDS])


@compiled
def _words_lowest(core: Core, home: int, whole: int, bound: bool) -> int:
    """How many words of whole nodes were planned, those with the lowest index; 0: too few."""
    size, planned = core.counter[cr.PER_NODE], 0
    for word in range(core.bits.shape[3]):
        nodes = core.bits[nr.FREE, home, size, word]
        if bound:
            nodes &= ~core.reserved[home, word]
        if nodes:
            count = words.count(nodes)
            if count > whole:
                nodes, count = words.lowest(nodes, whole), whole
            core.plan[0, planned] = word
            core.plan[1, planned] = count * size
            core.plan[2, planned] = nodes
            planned += 1
            whole -= count
            if whole == 0:
                return int(planned)
    return 0


@compiled
def _find_gang(core: Core, home: int, width: int, bound: bool) -> int:
    """`find` for a gang by words."""
    size = core.counter[cr.PER_NODE]
    whole, rest = width // size, width % size
    planned = _words_lowest(core, home, whole, bound)
    if planned == 0 or rest == 0:
        return int(planned)
    part = _best_fit(core, home, rest, size - 1, bound)
    if part < 0:
        last = core.plan[0, planned - 1] * 64 + words.last(core.plan[2, planned - 1])
        part = _next_empty(core, home, last, rest, bound)
    core.plan[0, planned] = part
    core.plan[1, planned] = rest
    return int(planned + 1 if part >= 0 else 0)


@compiled
def find(core: Core, home: int, width: int, bound: bool, placement: int) -> int:
    """How many entries the plan has, where the job would stand now. 0: it cannot."""
    size = core.counter[cr.PER_NODE]
    whole, rest = width // size, width % size
    if core.level[nr.FREE, home, size] < whole:
        return 0
    if _is_by_words(core, whole):
        return _find_gang(core, home, width, bound)
    if placement == cr.BLOCKS:
        core.counter[cr.SEARCHES] += 1
        if not _wholes_by_block(core, home, whole, bound):
            return 0
    elif not _wholes_lowest(core, home, whole, bound):
        return 0
    if rest == 0:
        return int(whole)
    part = _best_fit(core, home, rest, size - 1, bound)
    if part < 0 and placement == cr.BLOCKS:
        part = _part_by_block(core, home, rest, bound)
    elif part < 0:
        part = _next_empty(core, home, core.plan[0, whole - 1] if whole else -1, rest, bound)
    core.plan[0, whole] = part
    core.plan[1, whole] = rest
    return int(whole + 1 if part >= 0 else 0)


@inlined
def use_reserved(core: Core, on: int, amount: int, bound: bool) -> None:
    """The reservation's spare is less by what one that is `bound` uses of its node."""
    home = core.node[nr.HOME, on]
    if bound and core.home[nr.PART_NODE, home] == on:
        core.home[nr.PART_SPARE, home] -= amount


@compiled
def occupy(core: Core, one: int, on: int, amount: int, short: int) -> None:
    """The job has so much on the node; `short` of it is still others'."""
    slots.take(core.slot, core.node, core.job, core.counter, one, on, amount, short)
    had = amount - short
    levels.shift(core.node, core.bits, core.level, nr.FREE, on, -had)
    core.home[nr.FREE_TOTAL, core.node[nr.HOME, on]] -= had
    core.counter[cr.IDLE] -= had
    if core.job[jr.MODE, one] == jr.GUARANTEED:
        levels.shift(core.node, core.bits, core.level, nr.CLAIM, on, -amount)
        core.home[nr.STALE, core.node[nr.HOME, on]] = 1


@inlined
def charge(core: Core, one: int, due: int) -> None:
    """The job counts in its account's entitlement, and until `due` in what is foreseen."""
    of = core.job[jr.ACCOUNT, one]
    core.account[ar.USED, of] += core.job[jr.WIDTH, one]
    core.job[jr.DUE, one] = due
    dues.insert(core.due, core.home, core.job, core.account[ar.HOME, of], one)


@inlined
def spend_wholes(core: Core, one: int, bound: bool) -> None:
    """What the reservation leaves is less by the whole nodes of one that is `bound`."""
    if bound:
        home = core.account[ar.HOME, core.job[jr.ACCOUNT, one]]
        core.home[nr.SPARE_WHOLES, home] -= core.job[jr.WIDTH, one] // core.counter[cr.PER_NODE]


@compiled
def start(core: Core, one: int, mode: int, nodes: int, now: int, bound: bool) -> None:
    """The job runs on the nodes of the plan."""
    core.job[jr.MODE, one] = mode
    size, width = core.counter[cr.PER_NODE], core.job[jr.WIDTH, one]
    in_words = nodes - (width % size > 0) if _is_by_words(core, width // size) else 0
    for at in range(in_words):
        gangs.take(core, one, core.plan[0, at], core.plan[2, at])
    for at in range(in_words, nodes):
        on, amount = core.plan[0, at], core.plan[1, at]
        occupy(core, one, on, amount, 0)
        use_reserved(core, on, amount, bound)
    if mode == jr.GUARANTEED:
        charge(core, one, now + core.job[jr.NEED, one])
    runs.begin_run(core, one, now)
