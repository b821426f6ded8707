"""The outermost kernel: from one control step to the next.

- At each instant: what ends or is due, then nodes that fail or come back, then what arrives, then
  one pass over the queues. What that makes due at the same instant is another round.
- A pass serves first the account that has its home's reservation, then the others by number; then
  it lends.
- Instants before `until` are handled. Controls are read when a step begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dure.engine.scheduling import account_rows as ar
from dure.engine.scheduling import (
    busy,
    conservative,
    dues,
    failing,
    gangs,
    handle,
    lending,
    modes,
    queues,
    runs,
    serving,
    sharing,
    taking,
    timers,
)
from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling.compiled import compiled, outermost, stamp
from dure.engine.scheduling.facts import Core, Policy
from dure.engine.scheduling.handle import Handle


@compiled
def _pass_time(core: Core, now: int) -> None:
    """Everything stands as it is until now."""
    count = core.counter
    passed = now - count[cr.CLOCK]
    count[cr.IDLE_AS] += count[cr.IDLE] * passed
    count[cr.HELD_AS] += count[cr.HELD] * passed
    count[cr.DOWN_AS] += count[cr.DOWN] * passed
    count[cr.CAPACITY_AS] += core.node.shape[1] * count[cr.PER_NODE] * passed
    count[cr.CLOCK] = now


@compiled
def _is_shared(policy: Policy) -> bool:
    """Whether any share is counted."""
    return bool(policy.fair_share or (policy.lending and policy.lent_by == cr.FAIR))


@compiled
def _count_shares(core: Core, policy: Policy, decay: float, now: int) -> None:
    """Shares are counted and the order is made anew; the next count is set."""
    if policy.fair_share:
        sharing.count(core, decay, now)
    lending.count_shares(core, decay, now)
    lending.make_order(core, policy.lent_by)
    item = core.job.shape[1] + core.account.shape[1]
    timers.set_for(core.timer, core.counter, item, now + policy.fair_every_s)


@compiled
def _handle(core: Core, item: int, policy: Policy, decay: float, now: int) -> None:
    """What the item waited for has come."""
    jobs = core.job.shape[1]
    if item >= jobs + core.account.shape[1]:
        _count_shares(core, policy, decay, now)
    elif item >= jobs:
        busy.mark(core, item - jobs)
    elif core.job[jr.STATUS, item] == jr.RUNNING:
        runs.finish(core, item, now)
    elif core.job[jr.STATUS, item] == jr.LEAVING:
        taking.leave(core, item, policy, now)
    else:
        runs.enter_queue(core, item)


@compiled
def _next_arrival(core: Core) -> int:
    at = core.counter[cr.ARRIVALS]
    return int(core.job[jr.SUBMIT, at]) if at < core.job.shape[1] else cr.FOREVER


@compiled
def _next_event(core: Core) -> int:
    at = core.counter[cr.EVENTS]
    return int(core.event[0, at]) if at < core.event.shape[1] else cr.FOREVER


@compiled
def _let_happen(core: Core, policy: Policy, decay: float, now: int) -> None:
    """All that is due by now, except that nothing is started."""
    count = core.counter
    while timers.earliest(core.timer, count) <= now:
        item = core.timer[timers.HEAP, 0]
        timers.cancel(core.timer, count, item)
        _handle(core, item, policy, decay, now)
    while _next_event(core) <= now:
        at = count[cr.EVENTS]
        count[cr.EVENTS] = at + 1
        if core.event[2, at]:
            failing.repair(core, core.event[1, at], policy)
        else:
            failing.fail(core, core.event[1, at], policy, now)
    while _next_arrival(core) <= now:
        count[cr.ARRIVALS] += 1
        runs.enter_queue(core, count[cr.ARRIVALS] - 1)


@compiled
def _serve(core: Core, of: int, policy: Policy, now: int) -> None:
    """The account is served if anything changed for it, once in a pass."""
    account, home = core.account, core.account[ar.HOME, of]
    if account[ar.SERVED, of] == core.counter[cr.PASSES]:
        return
    owner = core.home[nr.OWNER, home]
    stale = core.home[nr.STALE, home] and owner >= 0 and core.job[jr.ACCOUNT, owner] == of
    news = core.home[nr.CHANGED, home] or core.home[nr.MOVED, home] != account[ar.MOVED, of]
    dirty = account[ar.DIRTY, of]
    account[ar.DIRTY, of] = ar.CLEAN
    if dirty and policy.backfill == cr.CONSERVATIVE:
        dirty = ar.CHANGED
    if dirty == ar.CHANGED or (news and account[ar.REFUSED, of]) or stale:
        account[ar.SERVED, of] = core.counter[cr.PASSES]
        serving.serve(core, of, policy, now)
        if policy.backfill == cr.CONSERVATIVE and account[ar.BLOCKED, of]:
            conservative.look_behind(core, of, policy, now)
    elif dirty == ar.ONE_ARRIVED:
        account[ar.SERVED, of] = core.counter[cr.PASSES]
        serving.serve_arrival(core, of, policy, now)
    account[ar.MOVED, of] = core.home[nr.MOVED, home]


@compiled
def _pass(core: Core, policy: Policy, now: int) -> None:
    """What can start starts."""
    homes = core.home
    core.counter[cr.PASSES] += 1
    for home in range(homes.shape[1]):
        if homes[nr.OWNER, home] >= 0:
            _serve(core, core.job[jr.ACCOUNT, homes[nr.OWNER, home]], policy, now)
    of = busy.following(core, -1)
    while of >= 0:
        _serve(core, of, policy, now)
        of = busy.following(core, of)
    if policy.lending:
        lending.lend(core, policy, now)
    busy.settle(core)
    for home in range(homes.shape[1]):
        homes[nr.CHANGED, home] = 0


@compiled
def _keep_dues(core: Core, keep: bool) -> None:
    """The lists of limits are kept from now on, or are not."""
    for home in range(core.home.shape[1]):
        if not keep:
            core.home[nr.DUES, home] = dues.NOT_KEPT
        elif core.home[nr.DUES, home] == dues.NOT_KEPT:
            core.home[nr.DUES, home] = 0
            for one in range(core.counter[cr.ARRIVALS]):
                if (
                    core.account[ar.HOME, core.job[jr.ACCOUNT, one]] == home
                    and core.job[jr.MODE, one] == jr.GUARANTEED
                    and core.job[jr.STATUS, one] in (jr.RUNNING, jr.HOLDING)
                ):
                    dues.insert(core.due, core.home, core.job, home, one)


@compiled
def _begin_step(core: Core, policy: Policy, decay: float, now: int) -> None:
    """The controls are read: everybody is looked at anew."""
    account = core.account
    _keep_dues(core, policy.backfill != cr.NONE or policy.lending != 0 or account.shape[1] > 1)
    core.counter[cr.BY_WORDS] = policy.lending == 0 and policy.placement == cr.LOWEST
    if policy.lending:
        gangs.split_all(core)
    for of in range(account.shape[1]):
        account[ar.ASIDE, of] = 0
        for place in range(account[ar.HEAD, of], account[ar.TAIL, of]):
            account[ar.ASIDE, of] += not runs.asks(core, core.queue[place])
        if policy.lending:
            modes.demote_surplus(core, of, now)
        runs.look_at_all(core, of)
        busy.mark(core, of)
    lending.make_order(core, policy.lent_by)
    if not policy.fair_share:
        sharing.end(core)
    item = core.job.shape[1] + account.shape[1]
    if _is_shared(policy) and core.timer[timers.PLACE, item] < 0:
        _count_shares(core, policy, decay, now)
    elif not _is_shared(policy):
        timers.cancel(core.timer, core.counter, item)
    for home in range(core.home.shape[1]):
        core.home[nr.CHANGED, home] = 1
        core.home[nr.STALE, home] = 1


@compiled
def _has_room(core: Core) -> bool:
    """Whether the log can take one round: each running job may end two stretches in it."""
    most = 2 * core.node.shape[1] * core.counter[cr.PER_NODE]
    return bool(core.log.shape[1] - core.counter[cr.SEGMENTS] >= most)


@compiled
def _settle_all(core: Core, now: int) -> None:
    for of in range(core.account.shape[1]):
        runs.settle(core.account, of, now)


STAMP = stamp(ar, cr, jr, nr, dues, timers, queues, serving, handle)


def _outermost() -> Callable[[Handle, float, int], int]:
    written = STAMP

    @outermost
    def advance(core: Any, decay: float, until: int) -> int:
        """The world goes on until then; says whether it must be given a longer log first."""
        count, policy = core.counter, core.policy
        _ = written  # so that the stamp is in its key
        while count[cr.CLOCK] < until:
            if not _has_room(core):
                return cr.LOG_FULL
            if not count[cr.STEPPED]:
                count[cr.STEPPED] = 1
                now = count[cr.CLOCK]
                _let_happen(core, policy, decay, now)
                _begin_step(core, policy, decay, now)
            else:
                now = min(
                    timers.earliest(core.timer, count), _next_arrival(core), _next_event(core)
                )
                if now >= until:
                    break
                _pass_time(core, now)
                _let_happen(core, policy, decay, now)
            _pass(core, policy, now)
        count[cr.STEPPED] = 0
        if count[cr.CLOCK] < until < cr.FOREVER:
            _pass_time(core, until)
        _settle_all(core, count[cr.CLOCK])
        return cr.FINISHED

    return advance


advance = _outermost()
