"""The one reservation of each home: when and where a job that the nodes block is to start.

- It is foreseen from the limits of guaranteed work alone: lent work leaves when it is asked to.
- It stands at the earliest time at which the job fits, on the nodes that offer least now, so that
  most is left to backfill. Ties go to the lowest index.
- Who ends by then may use its nodes; who does not leaves it what it needs.
"""

from __future__ import annotations

from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling import words
from dure.engine.scheduling.compiled import compiled, inlined
from dure.engine.scheduling.facts import Core


@compiled
def lift(core: Core, home: int) -> None:
    """The home's reservation is no more."""
    homes = core.home
    if homes[nr.CHOSEN, home]:
        homes[nr.CHOSEN, home] = 0
        homes[nr.PART_NODE, home] = -1
        for word in range(core.bits.shape[3]):
            core.reserved[home, word] = 0
    if homes[nr.OWNER, home] >= 0:
        homes[nr.MOVED, home] += 1
    homes[nr.OWNER, home] = -1
    homes[nr.UNCHOSEN, home] = 0


@inlined
def is_bound(core: Core, home: int, one: int, due: int) -> bool:
    """Whether a run of the job until `due` must leave the reservation what it needs."""
    owner = core.home[nr.OWNER, home]
    return bool(owner >= 0 and owner != one and due > core.home[nr.OWNER_AT, home])


@inlined
def _is_reserved(core: Core, home: int, on: int) -> bool:
    return bool(core.reserved[home, on >> 6] >> (on & 63) & 1)


@inlined
def allows(core: Core, on: int, amount: int, bound: bool) -> bool:
    """Whether so much of the node may be used by one that is `bound`, or is not."""
    if not bound:
        return True
    home = core.node[nr.HOME, on]
    spare = core.home[nr.PART_SPARE, home] if core.home[nr.PART_NODE, home] == on else 0
    return not _is_reserved(core, home, on) or bool(spare >= amount)


@inlined
def _room(core: Core, on: int) -> int:
    """What guaranteed work may claim on the node when the gains of this search have come."""
    if core.node[nr.SEEN, on] == core.counter[cr.SEARCHES]:
        return int(core.node[nr.CLAIM, on] + core.node[nr.GAIN, on])
    return int(core.node[nr.CLAIM, on])


@inlined
def _gain(core: Core, on: int, amount: int) -> None:
    if core.node[nr.SEEN, on] != core.counter[cr.SEARCHES]:
        core.node[nr.SEEN, on] = core.counter[cr.SEARCHES]
        core.node[nr.GAIN, on] = 0
    core.node[nr.GAIN, on] += amount


@compiled
def _foresee(core: Core, home: int, width: int, now: int) -> int:
    """When the width fits. A node that a job has wholly is not looked at: it comes free wholly."""
    core.counter[cr.SEARCHES] += 1
    size = core.counter[cr.PER_NODE]
    whole, rest = width // size, width % size
    wholes = core.level[nr.CLAIM, home, size]
    parts = 0
    for at in range(rest, size + 1):
        parts += core.level[nr.CLAIM, home, at]
    found = now if wholes >= whole and (rest == 0 or parts > whole) else cr.FOREVER
    for place in range(core.home[nr.DUES, home]):
        if core.due[home, 1, place] > found:
            break
        one = core.due[home, 0, place]
        come, part = core.job[jr.WIDTH, one] // size, core.job[jr.WIDTH, one] % size
        wholes += come
        parts += come
        if part:
            on = core.slot[nr.NODE, core.job[jr.SLOT, one]]
            before = _room(core, on)
            _gain(core, on, part)
            wholes += before + part == size
            parts += before < rest <= before + part
        if found == cr.FOREVER and wholes >= whole and (rest == 0 or parts > whole):
            found = core.due[home, 1, place]
    core.home[nr.SPARE_WHOLES, home] = wholes - whole
    return int(found)


@inlined
def _whole(core: Core) -> int:
    """Where, beside what is reserved, the nodes stand that will be empty."""
    return int(core.home.shape[1])


@inlined
def _touched(core: Core) -> int:
    """Where the nodes stand of which a part comes free."""
    return int(core.home.shape[1]) + 1


@compiled
def _gain_slot(core: Core, at: int) -> None:
    """What the slot has comes free in this search."""
    on, amount = core.slot[nr.NODE, at], core.slot[nr.COUNT, at]
    bit = 1 << (on & 63)
    _gain(core, on, amount)
    core.reserved[_touched(core), on >> 6] |= bit
    if _room(core, on) == core.counter[cr.PER_NODE]:
        core.reserved[_whole(core), on >> 6] |= bit


@compiled
def _gain_all(core: Core, home: int, until: int) -> None:
    """A search in which all that ends by then has come free."""
    core.counter[cr.SEARCHES] += 1
    for word in range(core.bits.shape[3]):
        core.reserved[_whole(core), word] = core.bits[
            nr.CLAIM, home, core.counter[cr.PER_NODE], word
        ]
        core.reserved[_touched(core), word] = 0
    for place in range(core.home[nr.DUES, home]):
        if core.due[home, 1, place] > until:
            return
        at = core.job[jr.SLOT, core.due[home, 0, place]]
        while at >= 0:
            nodes = core.slot[nr.NODES_OF_WORD, at]
            if nodes:
                core.reserved[_whole(core), core.slot[nr.NODE, at]] |= nodes
            else:
                _gain_slot(core, at)
            at = core.slot[nr.NEXT_OF_JOB, at]


@compiled
def _reserve_wholes(core: Core, home: int, whole: int) -> None:
    """So many nodes that will be empty, those first that offer least now."""
    for at in range(core.counter[cr.PER_NODE] + 1):
        if core.level[nr.CLAIM, home, at] == 0:
            continue
        for word in range(core.bits.shape[3]):
            if whole == 0:
                return
            nodes = core.bits[nr.CLAIM, home, at, word] & core.reserved[_whole(core), word]
            if nodes:
                count = words.count(nodes)
                if count > whole:
                    nodes, count = words.lowest(nodes, whole), whole
                core.reserved[home, word] |= nodes
                whole -= count


@compiled
def _room_for_part(core: Core, home: int, at: int, word: int, amount: int) -> int:
    """The nodes of the word, of those that offer so much now, that may have a part; not all do."""
    nodes = core.bits[nr.CLAIM, home, at, word] & ~core.reserved[home, word]
    if at < amount:
        nodes &= core.reserved[_whole(core), word] | core.reserved[_touched(core), word]
    return int(nodes)


@compiled
def _will_have(core: Core, on: int, amount: int) -> bool:
    return _is_reserved(core, _whole(core), on) or _room(core, on) >= amount


@compiled
def _take_part(core: Core, home: int, on: int, amount: int) -> None:
    """The reservation has so much of the node."""
    will_be_empty = _is_reserved(core, _whole(core), on)
    room = core.counter[cr.PER_NODE] if will_be_empty else _room(core, on)
    core.home[nr.PART_NODE, home] = on
    core.home[nr.PART_SPARE, home] = room - amount
    core.reserved[home, on >> 6] |= 1 << (on & 63)


@compiled
def _reserve_part(core: Core, home: int, amount: int) -> None:
    """The node that offers least now of those that will have so much, beside the whole ones."""
    for at in range(core.counter[cr.PER_NODE] + 1):
        if core.level[nr.CLAIM, home, at] == 0:
            continue
        for word in range(core.bits.shape[3]):
            nodes = _room_for_part(core, home, at, word, amount)
            while nodes:
                on = (word << 6) + words.first(nodes)
                if _will_have(core, on, amount):
                    _take_part(core, home, on, amount)
                    return
                nodes &= nodes - 1


@compiled
def reserve(core: Core, home: int, one: int, now: int) -> None:
    """The home's reservation is the job's: the earliest there is, FOREVER if none can be seen."""
    at = _foresee(core, home, core.job[jr.WIDTH, one], now)
    core.home[nr.OWNER, home] = one
    core.home[nr.OWNER_AT, home] = at
    core.home[nr.MOVED, home] += 1
    core.home[nr.STALE, home] = 0
    core.home[nr.UNCHOSEN, home] = at < cr.FOREVER


@compiled
def _choose(core: Core, home: int) -> None:
    core.home[nr.UNCHOSEN, home] = 0
    core.home[nr.CHOSEN, home] = 1
    size, width = core.counter[cr.PER_NODE], core.job[jr.WIDTH, core.home[nr.OWNER, home]]
    _gain_all(core, home, core.home[nr.OWNER_AT, home])
    _reserve_wholes(core, home, width // size)
    if width % size:
        _reserve_part(core, home, width % size)


@inlined
def choose(core: Core, home: int) -> None:
    """The reservation's nodes are chosen, before anything is placed: most often nothing is."""
    if core.home[nr.UNCHOSEN, home]:
        _choose(core, home)
