"""Idle accelerators run other people's work, which leaves when their owners come.

- After all guaranteed work: account by account in the lending order, each in its queue's order,
  whatever fits, up to each account's ceiling; the headroom stays idle.
- The order is given, or it goes by decayed use over weight, counted anew at stated times.
"""

from __future__ import annotations

from dure.engine.scheduling import account_rows as ar
from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling import placing, runs
from dure.engine.scheduling.compiled import compiled
from dure.engine.scheduling.facts import Core, Policy


@compiled
def _lend(core: Core, of: int, one: int, policy: Policy, now: int) -> bool:
    """Whether the job runs on what is idle."""
    account, home = core.account, core.account[ar.HOME, of]
    width = core.job[jr.WIDTH, one]
    if (
        account[ar.LENT, of] + width > account[ar.CEILING, of]
        or core.home[nr.FREE_TOTAL, home] - width < policy.headroom
        or not placing.fits(core, nr.FREE, home, width)
    ):
        return False
    nodes = placing.find(core, home, width, False, policy.placement)
    if nodes == 0:
        return False
    account[ar.WAITING, of] -= 1
    if core.job[jr.KIND, one] == jr.LENT:
        runs.leave_queue(core, one)
    placing.start(core, one, jr.LENT, nodes, now, False)
    return True


@compiled
def _may_borrow(core: Core, one: int) -> bool:
    return bool(core.job[jr.STATUS, one] == jr.WAITING and core.job[jr.KIND, one] != jr.GUARANTEED)


@compiled
def _lend_to(core: Core, of: int, policy: Policy, now: int) -> None:
    account = core.account
    home = account[ar.HOME, of]
    looked = 0
    place = account[ar.HEAD, of]
    while place < account[ar.TAIL, of] and (policy.depth == 0 or looked < policy.depth):
        if core.home[nr.FREE_TOTAL, home] <= policy.headroom:
            return
        one = core.queue[place]
        tail = account[ar.TAIL, of]
        if not _may_borrow(core, one):
            place += 1
        elif not _lend(core, of, one, policy, now):
            looked += 1
            place += 1
        elif account[ar.TAIL, of] == tail:
            place += 1


@compiled
def _is_open(core: Core, of: int, policy: Policy, now: int) -> bool:
    """Whether anything may be lent to the account now."""
    account, home = core.account, core.account[ar.HOME, of]
    return bool(
        account[ar.WAITING, of] > 0
        and account[ar.LENT, of] < account[ar.CEILING, of]
        and not account[ar.FROZEN, of]
        and account[ar.BACKOFF, of] <= now
        and core.home[nr.FREE_TOTAL, home] > policy.headroom
    )


@compiled
def lend(core: Core, policy: Policy, now: int) -> None:
    """What is idle is lent, to those for whom something changed."""
    account = core.account
    for place in range(account.shape[1]):
        of = account[ar.SEQUENCE, place]
        lendable = core.home[nr.LENDABLE, account[ar.HOME, of]]
        if not (lendable or account[ar.DIRTY, of]) or not _is_open(core, of, policy, now):
            continue
        queued = account[ar.TAIL, of] - account[ar.HEAD, of]
        if lendable or account[ar.DIRTY, of] == ar.CHANGED or 0 < policy.depth <= queued:
            _lend_to(core, of, policy, now)
        elif _may_borrow(core, account[ar.ARRIVED, of]):
            _lend(core, of, account[ar.ARRIVED, of], policy, now)


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
