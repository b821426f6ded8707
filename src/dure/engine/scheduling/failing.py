"""Nodes that fail and come back, and the spares that stand in for them.

- A failed node kills what is on it, lowest number first. Who only held capacity there waits again.
- A parked spare of the same home takes the place of a failed node; a repaired node is parked if a
  spare is missing, and comes back if not.
"""

from __future__ import annotations

from dure.engine.scheduling import account_rows as ar
from dure.engine.scheduling import busy, dues, gangs, levels, runs
from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling.compiled import compiled
from dure.engine.scheduling.facts import Core, Policy


@compiled
def _first_on(core: Core, on: int, holding: bool) -> int:
    """The lowest job on the node that holds (or, not `holding`, runs) there; -1 none."""
    best = -1
    at = core.node[nr.SLOT, on]
    while at >= 0:
        one = core.slot[nr.JOB, at]
        if (core.job[jr.STATUS, one] == jr.HOLDING) == holding and (best < 0 or one < best):
            best = one
        at = core.slot[nr.NEXT_ON_NODE, at]
    return int(best)


@compiled
def _stop_holding(core: Core, one: int, now: int) -> None:
    """The job waits in its queue again."""
    job, account = core.job, core.account
    of = job[jr.ACCOUNT, one]
    account[ar.USED, of] -= job[jr.WIDTH, one]
    dues.remove(core.due, core.home, job, account[ar.HOME, of], one)
    runs.vacate(core, one, now)
    job[jr.MISSING, one] = 0
    busy.mark(core, of)
    runs.enter_queue(core, one)


@compiled
def _take_in(core: Core, on: int) -> None:
    """The node, which is empty, can be used."""
    size, home = core.counter[cr.PER_NODE], core.node[nr.HOME, on]
    levels.include(core.node, core.bits, core.level, on)
    core.counter[cr.IDLE] += size
    core.counter[cr.DOWN] -= size
    core.home[nr.FREE_TOTAL, home] += size
    core.home[nr.CHANGED, home] = 1


@compiled
def _take_out(core: Core, on: int) -> None:
    home, idle = core.node[nr.HOME, on], core.node[nr.FREE, on]
    levels.exclude(core.node, core.bits, core.level, on)
    core.counter[cr.IDLE] -= idle
    core.counter[cr.DOWN] += core.counter[cr.PER_NODE]
    core.home[nr.FREE_TOTAL, home] -= idle
    core.home[nr.CHANGED, home] = 1


@compiled
def _first_parked(core: Core, home: int) -> int:
    for on in range(core.node.shape[1]):
        if core.node[nr.PARKED, on] and core.node[nr.HOME, on] == home:
            return on
    return -1


@compiled
def park(core: Core, on: int) -> None:
    """The node, which is not in use, waits as a spare."""
    core.node[nr.PARKED, on] = 1
    core.home[nr.PARKED_NODES, core.node[nr.HOME, on]] += 1


@compiled
def _unpark(core: Core, on: int) -> None:
    core.node[nr.PARKED, on] = 0
    core.home[nr.PARKED_NODES, core.node[nr.HOME, on]] -= 1


@compiled
def fail(core: Core, on: int, policy: Policy, now: int) -> None:
    """The node is down, and what was on it is not there any more."""
    if core.node[nr.PARKED, on]:
        _unpark(core, on)
        return
    if not core.node[nr.UP, on]:
        return
    if core.node[nr.SLOT, on] >= 0:
        gangs.split(core, core.slot[nr.JOB, core.node[nr.SLOT, on]])
    _take_out(core, on)
    one = _first_on(core, on, True)
    while one >= 0:
        _stop_holding(core, one, now)
        one = _first_on(core, on, True)
    one = _first_on(core, on, False)
    while one >= 0:
        core.job[jr.FAILED, one] += 1
        runs.cut_short(core, one, now, jr.NODE_FAILED, -1, now + policy.fail_requeue_s)
        one = _first_on(core, on, False)
    spare = _first_parked(core, core.node[nr.HOME, on])
    if spare >= 0:
        _unpark(core, spare)
        _take_in(core, spare)


@compiled
def repair(core: Core, on: int, policy: Policy) -> None:
    """The node is sound again."""
    if core.node[nr.UP, on] or core.node[nr.PARKED, on]:
        return
    if core.home[nr.PARKED_NODES, core.node[nr.HOME, on]] < policy.spares:
        park(core, on)
    else:
        _take_in(core, on)
