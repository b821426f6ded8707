"""From lent to guaranteed and back, without an interruption.

- Lent work of an account is promoted at its turn: it keeps running, nobody can take it back.
- Where an entitlement falls below its use, the work started last is lent from then on.
"""

from __future__ import annotations

from dure.engine.scheduling import account_rows as ar
from dure.engine.scheduling import dues, levels, placing, queues, reservations, runs
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling.compiled import compiled
from dure.engine.scheduling.facts import Core


@compiled
def promote(core: Core, one: int, now: int, bound: bool) -> bool:
    """Whether the lent job now runs as guaranteed; the reservation may forbid it."""
    job, account, slot = core.job, core.account, core.slot
    at = job[jr.SLOT, one]
    while at >= 0:
        if not reservations.allows(core, slot[nr.NODE, at], slot[nr.COUNT, at], bound):
            return False
        at = slot[nr.NEXT_OF_JOB, at]
    runs.log_stretch(core, one, now, jr.PROMOTED)
    of, width = job[jr.ACCOUNT, one], job[jr.WIDTH, one]
    runs.settle(account, of, now)
    account[ar.LENT, of] -= width
    account[ar.RUNNING, of] += width
    job[jr.MODE, one] = jr.GUARANTEED
    job[jr.SEGMENT, one] = now
    if job[jr.HELD, one] < 0:
        job[jr.HELD, one] = now
    at = job[jr.SLOT, one]
    while at >= 0:
        on, amount = slot[nr.NODE, at], slot[nr.COUNT, at]
        levels.shift(core.node, core.bits, core.level, nr.CLAIM, on, -amount)
        placing.use_reserved(core, on, amount, bound)
        at = slot[nr.NEXT_OF_JOB, at]
    home = account[ar.HOME, of]
    core.home[nr.STALE, home] = 1
    placing.charge(core, one, job[jr.DUE, one])
    return True


@compiled
def _demote(core: Core, one: int, now: int) -> None:
    job, account, slot = core.job, core.account, core.slot
    runs.log_stretch(core, one, now, jr.DEMOTED)
    of, width = job[jr.ACCOUNT, one], job[jr.WIDTH, one]
    runs.settle(account, of, now)
    dues.remove(core.due, core.home, job, account[ar.HOME, of], one)
    account[ar.USED, of] -= width
    account[ar.RUNNING, of] -= width
    account[ar.LENT, of] += width
    job[jr.MODE, one] = jr.LENT
    job[jr.SEGMENT, one] = now
    at = job[jr.SLOT, one]
    while at >= 0:
        on, amount = slot[nr.NODE, at], slot[nr.COUNT, at]
        levels.shift(core.node, core.bits, core.level, nr.CLAIM, on, amount)
        at = slot[nr.NEXT_OF_JOB, at]
    runs.enter_queue(core, one)
    core.want[queues.place_of(core.queue, account, job, of, one)] = 0
    job[jr.STATUS, one] = jr.RUNNING
    account[ar.WAITING, of] -= 1


@compiled
def demote_surplus(core: Core, of: int, now: int) -> None:
    """What the account runs beyond its entitlement is lent, as far as that is possible."""
    job, account = core.job, core.account
    home = account[ar.HOME, of]
    while account[ar.USED, of] > account[ar.ENTITLED, of]:
        last = -1
        for place in range(core.home[nr.DUES, home]):
            one = core.due[home, 0, place]
            if (
                job[jr.ACCOUNT, one] == of
                and job[jr.KIND, one] == jr.EITHER
                and job[jr.STATUS, one] == jr.RUNNING
                and (
                    last < 0
                    or job[jr.SINCE, one] > job[jr.SINCE, last]
                    or (job[jr.SINCE, one] == job[jr.SINCE, last] and one > last)
                )
            ):
                last = one
        if last < 0:
            return
        _demote(core, last, now)
