"""Idle accelerators run other people's work, which leaves when their owners come.

- After all guaranteed work: account by account in the lending order, each in its queue's order,
  whatever fits, up to each account's ceiling; the headroom stays idle.
- The order is given, or it goes by decayed use over weight, counted anew at stated times.
- Of each account and home the least is known that a waiting job would borrow: where less could be
  lent, no queue is looked at.
"""

from __future__ import annotations

from dure.engine.scheduling import account_rows as ar
from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import levels, placing, queues, runs
from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling.compiled import compiled
from dure.engine.scheduling.facts import Core, Policy


@compiled
def _measure(core: Core, home: int, headroom: int) -> None:
    """How wide a job could be lent to at most; a gang may need more of a rest."""
    size = core.counter[cr.PER_NODE]
    empties = core.level[nr.FREE, home, size]
    widest = levels.fullest(core.level, nr.FREE, home)
    if empties:
        widest = empties * size + size - 1
    core.home[nr.WIDEST, home] = min(widest, core.home[nr.FREE_TOTAL, home] - headroom)


@compiled
def _widest(core: Core, of: int) -> int:
    """The same within the account's ceiling."""
    account = core.account
    left = account[ar.CEILING, of] - account[ar.LENT, of]
    return int(min(left, core.home[nr.WIDEST, account[ar.HOME, of]]))


@compiled
def _lend(core: Core, of: int, place: int, policy: Policy, now: int) -> bool:
    """Whether the job at this place of the queue, for which there may be room, runs as lent."""
    account, one = core.account, core.queue[place]
    nodes = placing.find(core, account[ar.HOME, of], core.want[place], False, policy.placement)
    if nodes == 0:
        return False
    account[ar.WAITING, of] -= 1
    core.want[place] = 0
    placing.start(core, one, jr.LENT, nodes, now, False)
    return True


@compiled
def _next_place(core: Core, of: int, place: int) -> int:
    """The place of the job behind this one, which has just been lent to."""
    if core.job[jr.KIND, core.queue[place]] != jr.LENT:
        return place + 1
    core.account[ar.ASIDE, of] -= 1
    return queues.remove(core, of, place)


@compiled
def _lend_to(core: Core, of: int, policy: Policy, now: int) -> None:
    """Until nothing is left that any of them could have, or all are looked at."""
    account, want = core.account, core.want
    widest, least, looked = _widest(core, of), cr.FOREVER, 0
    place = account[ar.HEAD, of]
    while place < account[ar.TAIL, of]:
        if want[place] == 0:
            place += 1
        elif want[place] <= widest and _lend(core, of, place, policy, now):
            place = _next_place(core, of, place)
            _measure(core, account[ar.HOME, of], policy.headroom)
            widest = _widest(core, of)
            account[ar.LEAST, of] = account[ar.LEAST_OF_ALL, of]  # others are looked at now
            if widest < account[ar.LEAST, of]:
                return
        else:
            least = min(least, want[place])
            looked += 1
            if looked == policy.depth:
                account[ar.LEAST, of] = least
                return
            place += 1
    account[ar.LEAST, of] = least
    account[ar.LEAST_OF_ALL, of] = least


@compiled
def _may_find(core: Core, headroom: int) -> bool:
    """Whether any account could find something."""
    may = False
    for home in range(core.home.shape[1]):
        if core.home[nr.FREE_TOTAL, home] <= headroom:
            core.home[nr.WIDEST, home] = 0
        else:
            _measure(core, home, headroom)
            may |= core.home[nr.LEAST, home] <= core.home[nr.WIDEST, home]
    return may


@compiled
def lend(core: Core, policy: Policy, now: int) -> None:
    """What is idle is lent, to those who would have it."""
    account, homes = core.account, core.home
    if not _may_find(core, policy.headroom):
        return
    for home in range(homes.shape[1]):
        homes[nr.LEAST, home] = cr.FOREVER
    for place in range(account.shape[1]):
        of = account[ar.SEQUENCE, place]
        home = account[ar.HOME, of]
        if (
            account[ar.LEAST, of] <= homes[nr.WIDEST, home]
            and account[ar.LEAST, of] <= _widest(core, of)
            and not account[ar.FROZEN, of]
            and account[ar.BACKOFF, of] <= now
        ):
            _lend_to(core, of, policy, now)
        homes[nr.LEAST, home] = min(homes[nr.LEAST, home], account[ar.LEAST, of])


@compiled
def _comes_first(core: Core, one: int, other: int, by: int) -> bool:
    if by == cr.FAIR:
        mine = core.share[1, one] / core.share[0, one]
        theirs = core.share[1, other] / core.share[0, other]
        return bool(mine < theirs or (mine == theirs and one < other))
    order, then = core.account[ar.ORDER, one], core.account[ar.ORDER, other]
    return bool(order < then or (order == then and one < other))


@compiled
def make_order(core: Core, by: int) -> None:
    """The order in which accounts are lent to, by insertion: it hardly changes."""
    account = core.account
    for count in range(1, account.shape[1]):
        one = account[ar.SEQUENCE, count]
        place = count
        while place > 0 and _comes_first(core, one, account[ar.SEQUENCE, place - 1], by):
            account[ar.SEQUENCE, place] = account[ar.SEQUENCE, place - 1]
            place -= 1
        account[ar.SEQUENCE, place] = one


@compiled
def count_shares(core: Core, decay: float, now: int) -> None:
    """Earlier use decays, what was lent since the last count is added."""
    account = core.account
    for of in range(account.shape[1]):
        runs.settle(account, of, now)
        new = account[ar.LENT_AS, of] - account[ar.LENT_AS_RANKED, of]
        core.share[1, of] = core.share[1, of] * decay + new
        account[ar.LENT_AS_RANKED, of] = account[ar.LENT_AS, of]
