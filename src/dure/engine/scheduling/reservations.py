"""The one reservation of each home: when and where a job that the nodes block is to start.

- It is foreseen from the limits of guaranteed work alone: lent work leaves when it is asked to.
- It stands at the earliest time at which the job fits, on the nodes that offer least now, so that
  most is left to backfill. Ties go to the lowest index.
- Who ends by then may use its nodes; who does not leaves it what it needs.
"""

from __future__ import annotations

from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import levels
from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling.compiled import compiled
from dure.engine.scheduling.facts import Core


@compiled
def lift(core: Core, home: int) -> None:
    """The home's reservation is no more."""
    for at in range(core.home[nr.RESERVED_NODES, home]):
        core.node[nr.RESERVED, core.reserved[home, at]] = 0
    core.home[nr.RESERVED_NODES, home] = 0
    if core.home[nr.OWNER, home] >= 0:
        core.home[nr.CHANGED, home] = 1
    core.home[nr.OWNER, home] = -1
    core.home[nr.UNCHOSEN, home] = 0


@compiled
def is_bound(core: Core, home: int, one: int, due: int) -> bool:
    """Whether a run of the job until `due` must leave the reservation what it needs."""
    owner = core.home[nr.OWNER, home]
    return bool(owner >= 0 and owner != one and due > core.home[nr.OWNER_AT, home])


@compiled
def allows(core: Core, on: int, amount: int, bound: bool) -> bool:
    """Whether so much of the node may be used by one that is `bound`, or is not."""
    return bool(not bound or not core.node[nr.RESERVED, on] or core.node[nr.SPARE, on] >= amount)


@compiled
def _room(core: Core, on: int) -> int:
    """What guaranteed work may claim on the node when the gains of this search have come."""
    if core.node[nr.SEEN, on] == core.counter[cr.SEARCHES]:
        return int(core.node[nr.CLAIM, on] + core.node[nr.GAIN, on])
    return int(core.node[nr.CLAIM, on])


@compiled
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


@compiled
def _gain_all(core: Core, home: int, until: int) -> None:
    """A search in which all that ends by then has come free."""
    core.counter[cr.SEARCHES] += 1
    for place in range(core.home[nr.DUES, home]):
        if core.due[home, 1, place] > until:
            return
        at = core.job[jr.SLOT, core.due[home, 0, place]]
        while at >= 0:
            _gain(core, core.slot[nr.NODE, at], core.slot[nr.COUNT, at])
            at = core.slot[nr.NEXT_OF_JOB, at]


@compiled
def _reserve(core: Core, home: int, on: int, amount: int) -> None:
    at = core.home[nr.RESERVED_NODES, home]
    core.reserved[home, at] = on
    core.home[nr.RESERVED_NODES, home] = at + 1
    core.node[nr.RESERVED, on] = 1
    core.node[nr.SPARE, on] = _room(core, on) - amount


@compiled
def _reserve_wholes(core: Core, home: int, whole: int) -> None:
    """So many nodes that will be empty, those first that offer least now."""
    size = core.counter[cr.PER_NODE]
    for at in range(size + 1):
        on = levels.following(core.bits, nr.CLAIM, home, at, -1)
        while on >= 0:
            if whole == 0:
                return
            if _room(core, on) == size:
                _reserve(core, home, on, size)
                whole -= 1
            on = levels.following(core.bits, nr.CLAIM, home, at, on)


@compiled
def _reserve_part(core: Core, home: int, amount: int) -> None:
    """The node that offers least now of those that will have so much, beside the whole ones."""
    for at in range(core.counter[cr.PER_NODE] + 1):
        on = levels.following(core.bits, nr.CLAIM, home, at, -1)
        while on >= 0:
            if not core.node[nr.RESERVED, on] and _room(core, on) >= amount:
                _reserve(core, home, on, amount)
                return
            on = levels.following(core.bits, nr.CLAIM, home, at, on)


@compiled
def reserve(core: Core, home: int, one: int, now: int) -> None:
    """The home's reservation is the job's: the earliest there is, FOREVER if none can be seen."""
    at = _foresee(core, home, core.job[jr.WIDTH, one], now)
    core.home[nr.OWNER, home] = one
    core.home[nr.OWNER_AT, home] = at
    core.home[nr.CHANGED, home] = 1
    core.home[nr.STALE, home] = 0
    core.home[nr.UNCHOSEN, home] = at < cr.FOREVER


@compiled
def choose(core: Core, home: int) -> None:
    """The reservation's nodes are chosen, before anything is placed: most often nothing is."""
    if not core.home[nr.UNCHOSEN, home]:
        return
    core.home[nr.UNCHOSEN, home] = 0
    size, width = core.counter[cr.PER_NODE], core.job[jr.WIDTH, core.home[nr.OWNER, home]]
    _gain_all(core, home, core.home[nr.OWNER_AT, home])
    _reserve_wholes(core, home, width // size)
    if width % size:
        _reserve_part(core, home, width % size)
