"""How a run begins and ends, and where what it frees goes.

- Freed accelerators of a node go to those for whom they are held, first come first served; the
  rest is idle.
- A holder starts at the moment at which it has all that it waited for.
- Of a run that is cut short, the progress up to its last checkpoint stays, or up to the notice
  where it could save in its grace.
"""

from __future__ import annotations

from dure.engine.scheduling import account_rows as ar
from dure.engine.scheduling import busy, dues, gangs, levels, queues, slots, timers
from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling.compiled import compiled, inlined
from dure.engine.scheduling.facts import Core, Ints


@inlined
def settle(account: Ints, of: int, now: int) -> None:
    """The account's accelerator-seconds are counted up to now."""
    passed = now - account[ar.SETTLED, of]
    account[ar.OWNER_AS, of] += account[ar.RUNNING, of] * passed
    account[ar.LENT_AS, of] += account[ar.LENT, of] * passed
    account[ar.SETTLED, of] = now


@inlined
def log_stretch(core: Core, one: int, now: int, how: int) -> None:
    """The job's stretch in its present mode ends."""
    row = core.counter[cr.SEGMENTS]
    core.log[0, row] = one
    core.log[1, row] = core.job[jr.SEGMENT, one]
    core.log[2, row] = now
    core.log[3, row] = core.job[jr.MODE, one]
    core.log[4, row] = how
    core.counter[cr.SEGMENTS] = row + 1


@compiled
def begin_run(core: Core, one: int, now: int) -> None:
    """The job runs on its slots, in its MODE; guaranteed work has claimed them before."""
    job, account = core.job, core.account
    of, width = job[jr.ACCOUNT, one], job[jr.WIDTH, one]
    settle(account, of, now)
    due = now + job[jr.NEED, one]
    if job[jr.MODE, one] == jr.LENT:
        account[ar.LENT, of] += width
        job[jr.DUE, one] = due
    else:
        account[ar.RUNNING, of] += width
        if job[jr.DUE, one] != due:
            home = account[ar.HOME, of]
            dues.remove(core.due, core.home, job, home, one)
            job[jr.DUE, one] = due
            dues.insert(core.due, core.home, job, home, one)
            busy.mark(core, of)
        if job[jr.HELD, one] < 0:
            job[jr.HELD, one] = now
    job[jr.OVERHEAD, one] = job[jr.RESTART, one] if job[jr.START, one] >= 0 else 0
    if job[jr.START, one] < 0:
        job[jr.START, one] = now
    job[jr.STATUS, one] = jr.RUNNING
    job[jr.SINCE, one] = now
    job[jr.SEGMENT, one] = now
    end = now + job[jr.OVERHEAD, one] + job[jr.LEFT, one]
    timers.set_for(core.timer, core.counter, one, end)


@compiled
def _first_holder(core: Core, on: int) -> int:
    """The slot on the node that waits longest for accelerators."""
    best = -1
    at = core.node[nr.SLOT, on]
    while at >= 0:
        if core.slot[nr.SHORT, at] > 0 and (
            best < 0
            or core.job[jr.SEQUENCE, core.slot[nr.JOB, at]]
            < core.job[jr.SEQUENCE, core.slot[nr.JOB, best]]
        ):
            best = at
        at = core.slot[nr.NEXT_ON_NODE, at]
    return int(best)


@compiled
def _serve_holders(core: Core, on: int, amount: int, now: int) -> int:
    """What is left of the freed accelerators when the node's holders have theirs."""
    while amount > 0 and core.node[nr.OWED, on] > 0:
        to = _first_holder(core, on)
        given = min(amount, core.slot[nr.SHORT, to])
        holder = core.slot[nr.JOB, to]
        core.slot[nr.SHORT, to] -= given
        core.node[nr.OWED, on] -= given
        core.job[jr.MISSING, holder] -= given
        core.counter[cr.HELD] += given
        amount -= given
        if core.job[jr.MISSING, holder] == 0:
            core.counter[cr.HELD] -= core.job[jr.WIDTH, holder]
            begin_run(core, holder, now)
    return amount


@compiled
def free(core: Core, on: int, amount: int, now: int) -> None:
    """So many accelerators of the node are given up."""
    if core.node[nr.UP, on]:
        amount = _serve_holders(core, on, amount, now)
        home = core.node[nr.HOME, on]
        core.home[nr.FREE_TOTAL, home] += amount
        core.home[nr.CHANGED, home] = 1
        core.counter[cr.IDLE] += amount
    levels.shift(core.node, core.bits, core.level, nr.FREE, on, amount)


@compiled
def vacate(core: Core, one: int, now: int) -> None:
    """The job gives up all its slots."""
    job, slot, node = core.job, core.slot, core.node
    held = 0
    while job[jr.SLOT, one] >= 0:
        at = job[jr.SLOT, one]
        if slot[nr.NODES_OF_WORD, at]:
            gangs.give_up_first(core, one)
            continue
        on, amount, short = slot[nr.NODE, at], slot[nr.COUNT, at], slot[nr.SHORT, at]
        slots.drop_first(slot, node, job, core.counter, one)
        if job[jr.MODE, one] == jr.GUARANTEED:
            levels.shift(node, core.bits, core.level, nr.CLAIM, on, amount)
        elif job[jr.STATUS, one] == jr.LEAVING:
            node[nr.LEAVING, on] -= amount
        node[nr.OWED, on] -= short
        held += amount - short
        free(core, on, amount - short, now)
    if job[jr.STATUS, one] == jr.HOLDING:
        core.counter[cr.HELD] -= held


@inlined
def asks(core: Core, one: int) -> bool:
    """Whether the job's account could ever start it as guaranteed, as things are in this step."""
    job, account = core.job, core.account
    of, width = job[jr.ACCOUNT, one], job[jr.WIDTH, one]
    return bool(
        job[jr.KIND, one] != jr.LENT
        and width <= account[ar.ENTITLED, of]
        and width <= core.home[nr.NODES, account[ar.HOME, of]] * core.counter[cr.PER_NODE]
    )


@compiled
def look_at_all(core: Core, of: int) -> None:
    """Any job of the account's queue may be one that lending looks at."""
    least, home = core.account[ar.LEAST_OF_ALL, of], core.account[ar.HOME, of]
    core.account[ar.LEAST, of] = least
    core.home[nr.LEAST, home] = min(core.home[nr.LEAST, home], least)


@compiled
def enter_queue(core: Core, one: int) -> None:
    """The job waits in its account's queue."""
    job, account = core.job, core.account
    of = job[jr.ACCOUNT, one]
    job[jr.STATUS, one] = jr.WAITING
    job[jr.RANK, one] = core.standing[0, job[jr.USER, one]]
    restore = job[jr.RESTART, one] if job[jr.START, one] >= 0 else 0
    job[jr.NEED, one] = job[jr.LIMIT, one] - job[jr.WORK, one] + job[jr.LEFT, one] + restore
    amount = 0 if job[jr.KIND, one] == jr.GUARANTEED else job[jr.WIDTH, one]
    queues.insert(core, of, one, amount)
    if amount:
        account[ar.LEAST_OF_ALL, of] = min(account[ar.LEAST_OF_ALL, of], amount)
        look_at_all(core, of)
    account[ar.WAITING, of] += 1
    account[ar.ASIDE, of] += not asks(core, one)
    busy.mark_arrival(core, of, one)


@compiled
def leave_queue(core: Core, one: int) -> None:
    """The job, which stands in its queue, stands there no more."""
    of = core.job[jr.ACCOUNT, one]
    place = queues.place_of(core.queue, core.account, core.job, of, one)
    if core.want[place]:
        look_at_all(core, of)
    core.account[ar.ASIDE, of] -= not asks(core, one)
    queues.remove(core, of, place)


@inlined
def count_use(core: Core, one: int, now: int) -> None:
    """What the running job used since use was counted last is its user's."""
    since = max(core.job[jr.SINCE, one], core.counter[cr.COUNTED])
    core.use[1, core.job[jr.USER, one]] += core.job[jr.WIDTH, one] * (now - since)


@compiled
def _stop(core: Core, one: int, now: int, how: int) -> None:
    """A run ends: its slots are free, its account is charged no more."""
    job, account = core.job, core.account
    of, width = job[jr.ACCOUNT, one], job[jr.WIDTH, one]
    log_stretch(core, one, now, how)
    count_use(core, one, now)
    settle(account, of, now)
    busy.mark(core, of)
    if job[jr.MODE, one] == jr.GUARANTEED:
        account[ar.RUNNING, of] -= width
        account[ar.USED, of] -= width
        dues.remove(core.due, core.home, job, account[ar.HOME, of], one)
    else:
        account[ar.LENT, of] -= width
        if job[jr.KIND, one] == jr.EITHER and job[jr.STATUS, one] == jr.RUNNING:
            leave_queue(core, one)
    vacate(core, one, now)


@compiled
def finish(core: Core, one: int, now: int) -> None:
    """The job has done its work."""
    _stop(core, one, now, jr.FINISHED)
    if core.job[jr.MODE, one] == jr.LENT:
        core.account[ar.TAKE_BACKS, core.job[jr.ACCOUNT, one]] = 0
    core.job[jr.STATUS, one] = jr.DONE
    core.job[jr.LEFT, one] = 0
    core.job[jr.END, one] = now


@inlined
def progress(job: Ints, one: int, now: int) -> int:
    """Seconds of work that this run has done."""
    return int(max(0, now - job[jr.SINCE, one] - job[jr.OVERHEAD, one]))


@inlined
def kept(job: Ints, one: int, now: int) -> int:
    """The part of this run's progress that its checkpoints hold."""
    every = job[jr.CHECKPOINT, one]
    if every == 0:
        return 0
    return int(progress(job, one, now) // every * every)


@compiled
def cut_short(core: Core, one: int, now: int, how: int, saved: int, again: int) -> None:
    """The run ends before the work does; `saved` seconds of it stay, and `again` is its next."""
    job = core.job
    done = progress(job, one, now)
    if saved < 0:
        saved = kept(job, one, now)
        job[jr.LOST, one] += done - saved
    job[jr.LEFT, one] -= saved
    _stop(core, one, now, how)
    job[jr.STATUS, one] = jr.PAUSED
    timers.set_for(core.timer, core.counter, one, again)
