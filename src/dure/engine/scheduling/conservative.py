"""Conservative backfill: who is looked at is given a time, and nobody behind him may delay it.

- What an account foresees are accelerators: those its entitlement has left, or those that the
  home's sound nodes have left when guaranteed work of all accounts has its own, whichever is less;
  by the limits of that work. Lent work counts for nothing: it leaves when it is asked to.
- In the order of the queue, each is given the earliest time from which it has its width for as long
  as its limit, beside all who were given theirs before. Whose time is now, starts.
- All times are given anew whenever the account is served. Where limits are exact they only come
  nearer, unless somebody enters the queue before.
- Whether nodes have room, whole or in part, is looked at when a job is to start. Who finds none
  keeps his accelerators from now on; the first of them has the home's reservation, as with EASY.
  So a gang may start later than was foreseen where single accelerators are free in many places.
- The time of the home's reservation is the time of the job that has it.
"""

from __future__ import annotations

from typing import Final

from dure.engine.scheduling import account_rows as ar
from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling import runs, serving
from dure.engine.scheduling.compiled import compiled
from dure.engine.scheduling.facts import Core, Policy

WHEN: Final = 0
LEFT: Final = 1


@compiled
def _left_of_nodes(core: Core, home: int) -> int:
    """What guaranteed work leaves of the home's nodes now."""
    sound = 0
    for at in range(core.counter[cr.PER_NODE] + 1):
        sound += core.level[nr.CLAIM, home, at]
    left = sound * core.counter[cr.PER_NODE]
    for place in range(core.home[nr.DUES, home]):
        left -= core.job[jr.WIDTH, core.due[home, 0, place]]
    return int(left)


@compiled
def _foresee(core: Core, of: int, now: int) -> None:
    """What the account has left from when on, by the limits of those who run."""
    account, steps = core.account, core.foreseen
    home = account[ar.HOME, of]
    nodes, mine = _left_of_nodes(core, home), cr.FOREVER
    if not serving.has_all(core, of):
        mine = account[ar.ENTITLED, of] - account[ar.USED, of]
    last = 0
    steps[WHEN, 0], steps[LEFT, 0] = now, min(nodes, mine)
    for place in range(core.home[nr.DUES, home]):
        one, at = core.due[home, 0, place], core.due[home, 1, place]
        nodes += core.job[jr.WIDTH, one]
        if core.job[jr.ACCOUNT, one] == of:
            mine += core.job[jr.WIDTH, one]
        if at > steps[WHEN, last]:
            last += 1
            steps[WHEN, last] = at
        steps[LEFT, last] = min(nodes, mine)
    core.counter[cr.STEPS] = last + 1


@compiled
def _earliest(core: Core, width: int, need: int) -> int:
    """From when on the width is left for so long; FOREVER if that cannot be seen."""
    steps, first, count = core.foreseen, 0, core.counter[cr.STEPS]
    for place in range(count):
        if steps[LEFT, place] < width:
            first = place + 1
        elif place + 1 == count or steps[WHEN, place + 1] >= steps[WHEN, first] + need:
            return int(steps[WHEN, first])
    return cr.FOREVER


@compiled
def _step_at(core: Core, at: int) -> int:
    """The place of the step that begins then; it is made if there is none."""
    steps, place = core.foreseen, core.counter[cr.STEPS]
    while steps[WHEN, place - 1] > at:
        place -= 1
    if steps[WHEN, place - 1] == at:
        return int(place - 1)
    for behind in range(core.counter[cr.STEPS], place, -1):
        steps[WHEN, behind], steps[LEFT, behind] = steps[WHEN, behind - 1], steps[LEFT, behind - 1]
    steps[WHEN, place], steps[LEFT, place] = at, steps[LEFT, place - 1]
    core.counter[cr.STEPS] += 1
    return int(place)


@compiled
def _keep(core: Core, at: int, until: int, width: int) -> None:
    """The width is left to nobody else in this time."""
    if at == cr.FOREVER:
        return
    first = _step_at(core, at)
    for place in range(first, _step_at(core, until)):
        core.foreseen[LEFT, place] -= width


@compiled
def _keep_for_head(core: Core, of: int, now: int) -> None:
    """The blocked job is given its time: the reservation's, if that is its own."""
    head, home = core.account[ar.BLOCKED_JOB, of], core.account[ar.HOME, of]
    width, need = core.job[jr.WIDTH, head], serving.due(core, head, now) - now
    at = _earliest(core, width, need)
    if core.home[nr.OWNER, home] == head:
        at = core.home[nr.OWNER_AT, home]
    _keep(core, at, at + need, width)


@compiled
def look_behind(core: Core, of: int, policy: Policy, now: int) -> None:
    """Those behind the blocked job are given their times."""
    account, job = core.account, core.job
    account[ar.REFUSED, of] = 1
    _foresee(core, of, now)
    _keep_for_head(core, of, now)
    looked = 0
    place = serving.next_place(core, of, account[ar.BLOCKED_JOB, of])
    while place < account[ar.TAIL, of] and (policy.depth == 0 or looked < policy.depth):
        one = core.queue[place]
        place += 1
        if not runs.asks(core, one):
            continue
        width, need = job[jr.WIDTH, one], serving.due(core, one, now) - now
        at = _earliest(core, width, need)
        if at == now and serving.obtain(core, of, one, policy, now):
            if job[jr.TURN, one] < 0:
                job[jr.TURN, one] = now
            _keep(core, now, job[jr.DUE, one], width)
            place = serving.next_place(core, of, one)
        else:
            _keep(core, at, at + need, width)
            looked += 1
