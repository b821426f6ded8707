"""Fair share among the users of an account: the queue in the order of their decayed use.

- Use is what their jobs ran, guaranteed or lent; each count it decays, and what is new is added.
- Users with the same use have the same level; within a level the jobs' own order holds.
- Levels hold until the next count.
"""

from __future__ import annotations

from dure.engine.scheduling import account_rows as ar
from dure.engine.scheduling import busy, queues, runs, timers
from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling.compiled import compiled
from dure.engine.scheduling.facts import Core


@compiled
def _count_running(core: Core, now: int) -> None:
    """Jobs in work are counted up to now."""
    for place in range(core.counter[cr.HEAP]):
        item = core.timer[timers.HEAP, place]
        if item < core.job.shape[1] and core.job[jr.STATUS, item] in (jr.RUNNING, jr.LEAVING):
            runs.count_use(core, item, now)


@compiled
def _comes_first(core: Core, one: int, other: int) -> bool:
    use, then = core.use[0, one], core.use[0, other]
    return bool(use < then or (use == then and one < other))


@compiled
def _set_levels(core: Core) -> None:
    """The users in the order of their use, and the level of each."""
    standing = core.standing
    for count in range(1, standing.shape[1]):
        one, place = standing[1, count], count
        while place > 0 and _comes_first(core, one, standing[1, place - 1]):
            standing[1, place] = standing[1, place - 1]
            place -= 1
        standing[1, place] = one
    level = 0
    for place in range(standing.shape[1]):
        if place > 0 and core.use[0, standing[1, place]] > core.use[0, standing[1, place - 1]]:
            level += 1
        standing[0, standing[1, place]] = level


@compiled
def _sort_queues(core: Core) -> None:
    for of in range(core.account.shape[1]):
        for place in range(core.account[ar.HEAD, of], core.account[ar.TAIL, of]):
            one = core.queue[place]
            core.job[jr.RANK, one] = core.standing[0, core.job[jr.USER, one]]
        queues.sort(core, of)
        runs.look_at_all(core, of)
        busy.mark(core, of)


@compiled
def count(core: Core, decay: float, now: int) -> None:
    """Use is counted, and the queues are put in its order."""
    _count_running(core, now)
    core.counter[cr.COUNTED] = now
    core.counter[cr.RANKED] = 1
    for user in range(core.use.shape[1]):
        core.use[0, user] = core.use[0, user] * decay + core.use[1, user]
        core.use[1, user] = 0.0
    _set_levels(core)
    _sort_queues(core)


@compiled
def end(core: Core) -> None:
    """Fair share orders the queues no more."""
    if core.counter[cr.RANKED]:
        core.counter[cr.RANKED] = 0
        for user in range(core.standing.shape[1]):
            core.standing[0, user] = 0
        _sort_queues(core)
