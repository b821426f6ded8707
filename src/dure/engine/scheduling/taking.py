"""Taking lent work back: for guaranteed work within its entitlement that finds no place.

- First the node, then its victims: of the nodes where guaranteed work leaves room, the one whose
  victims cost least together, then the fewest victims, then the lowest index. A gang takes the
  whole nodes that cost least.
- With blocks: the gang's whole nodes come from the block that has enough of them and where they
  cost least, or else all those of the block with the most, and the others likewise.
- On a node the cheapest victims go first; then who need not go is spared, the dearest first.
- What a victim costs is the policy's: how long it has run, or the accelerator-seconds it loses.
- A victim that can save in its grace leaves when it has saved; any other at the end of its grace,
  or when its work is done. What it frees is held for the one that asked.
"""

from __future__ import annotations

from dure.engine.scheduling import account_rows as ar
from dure.engine.scheduling import busy, levels, placing, reservations, runs, timers
from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling.compiled import compiled
from dure.engine.scheduling.facts import Core, Ints, Policy


@compiled
def _saves(job: Ints, one: int, grace_s: int) -> bool:
    return bool(0 <= job[jr.SAVE, one] <= grace_s)


@compiled
def cost(job: Ints, one: int, policy: Policy, now: int) -> int:
    """What it costs to make the job leave."""
    if policy.victims == cr.YOUNGEST:
        return int(now - job[jr.SINCE, one])
    if policy.victims == cr.GIVEN_KEY:
        return int(job[jr.KEY, one])
    lost = job[jr.RESTART, one]
    if not _saves(job, one, policy.grace_s):
        lost += runs.progress(job, one, now) - runs.kept(job, one, now)
    return int(lost * job[jr.WIDTH, one])


@compiled
def _pause(core: Core, of: int, policy: Policy, now: int) -> None:
    """Nothing is lent to the account for a while, longer each time in a row."""
    account = core.account
    if policy.backoff_s == 0 or account[ar.TAKEN_AT, of] == now:
        return
    account[ar.TAKEN_AT, of] = now
    account[ar.TAKE_BACKS, of] += 1
    pause = policy.backoff_s
    for _ in range(account[ar.TAKE_BACKS, of] - 1):
        pause = min(2 * pause, policy.backoff_cap_s)
    account[ar.BACKOFF, of] = now + min(pause, policy.backoff_cap_s)
    timers.set_for(core.timer, core.counter, core.job.shape[1] + of, account[ar.BACKOFF, of])


@compiled
def _told_to_leave(core: Core, one: int, policy: Policy, now: int) -> None:
    job = core.job
    of = job[jr.ACCOUNT, one]
    if job[jr.KIND, one] == jr.EITHER:
        runs.leave_queue(core, one)
        busy.mark(core, of)
    _pause(core, of, policy, now)
    job[jr.STATUS, one] = jr.LEAVING
    job[jr.NOTICE, one] = now
    job[jr.TAKEN, one] += 1
    leaves = now + policy.grace_s
    if _saves(job, one, policy.grace_s):
        leaves = now + job[jr.SAVE, one]
    elif policy.sweep_s > 0 and policy.grace_s > 0:
        leaves = (leaves + policy.sweep_s - 1) // policy.sweep_s * policy.sweep_s
    timers.set_for(core.timer, core.counter, one, min(leaves, core.timer[timers.WHEN, one]))
    at = job[jr.SLOT, one]
    while at >= 0:
        core.node[nr.LEAVING, core.slot[nr.NODE, at]] += core.slot[nr.COUNT, at]
        at = core.slot[nr.NEXT_OF_JOB, at]


@compiled
def leave(core: Core, one: int, policy: Policy, now: int) -> None:
    """The victim's time has come: its work is done, or goes on elsewhere later."""
    job = core.job
    if now - job[jr.SINCE, one] >= job[jr.OVERHEAD, one] + job[jr.LEFT, one]:
        runs.finish(core, one, now)
        return
    saves = 0 <= job[jr.SAVE, one] <= now - job[jr.NOTICE, one]
    saved = runs.progress(job, one, job[jr.NOTICE, one]) if saves else -1
    runs.cut_short(core, one, now, jr.TAKEN_BACK, saved, now + policy.requeue_delay_s)
    if saves and policy.saved_are_lost:
        timers.cancel(core.timer, core.counter, one)
        job[jr.STATUS, one] = jr.GONE


@compiled
def _missing(core: Core, on: int, amount: int) -> int:
    """What is still to be freed on the node when all who were told to leave have left."""
    node = core.node
    return int(amount - node[nr.FREE, on] - (node[nr.LEAVING, on] - node[nr.OWED, on]))


@compiled
def _victims(core: Core, on: int, missing: int, policy: Policy, now: int) -> tuple[int, int]:
    """How many must leave the node, the slots being in `plan[2]`, and what they cost."""
    plan, slot = core.plan, core.slot
    found = 0
    at = core.node[nr.SLOT, on]
    while at >= 0:
        one = slot[nr.JOB, at]
        if core.job[jr.MODE, one] == jr.LENT and core.job[jr.STATUS, one] == jr.RUNNING:
            price = cost(core.job, one, policy, now)
            place = found
            while place > 0 and (
                plan[3, place - 1] > price
                or (plan[3, place - 1] == price and slot[nr.JOB, plan[2, place - 1]] > one)
            ):
                plan[2, place], plan[3, place] = plan[2, place - 1], plan[3, place - 1]
                place -= 1
            plan[2, place], plan[3, place] = at, price
            found += 1
        at = slot[nr.NEXT_ON_NODE, at]
    return _spared(core, found, missing)


@compiled
def _spared(core: Core, found: int, missing: int) -> tuple[int, int]:
    """Of the victims in order, those that must go: `plan[2]` is left with them."""
    plan, slot = core.plan, core.slot
    chosen = 0
    while chosen < found and missing > 0:
        missing -= slot[nr.COUNT, plan[2, chosen]]
        chosen += 1
    stay = 0
    price = 0
    for place in range(chosen - 1, -1, -1):
        at = plan[2, place]
        if missing + slot[nr.COUNT, at] <= 0:
            missing += slot[nr.COUNT, at]
            plan[2, place] = -1
        else:
            price += plan[3, place]
    for place in range(chosen):
        if plan[2, place] >= 0:
            plan[2, stay] = plan[2, place]
            stay += 1
    return stay, price


@compiled
def _cheapest_part(
    core: Core,
    home: int,
    amount: int,
    policy: Policy,
    now: int,
    bound: bool,
) -> int:
    """The node on which so much costs the least to take back; not one of the search; -1 none."""
    best, best_price, best_victims = -1, 0, 0
    for at in range(amount, core.counter[cr.PER_NODE] + 1):
        on = levels.following(core.bits, nr.CLAIM, home, at, -1)
        while on >= 0:
            if core.node[nr.SEEN, on] != core.counter[cr.SEARCHES] and reservations.allows(
                core, on, amount, bound
            ):
                victims, price = _victims(core, on, _missing(core, on, amount), policy, now)
                if (
                    best < 0
                    or price < best_price
                    or (
                        price == best_price
                        and (victims < best_victims or (victims == best_victims and on < best))
                    )
                ):
                    best, best_price, best_victims = on, price, victims
            on = levels.following(core.bits, nr.CLAIM, home, at, on)
    return int(best)


@compiled
def _whole_price(core: Core, on: int, policy: Policy, now: int, most: int) -> int:
    """What it costs to clear the node, or `most` at least if it costs that."""
    price = 0
    at = core.node[nr.SLOT, on]
    while at >= 0 and price < most:
        one = core.slot[nr.JOB, at]
        if core.job[jr.STATUS, one] == jr.RUNNING:
            price += cost(core.job, one, policy, now)
        at = core.slot[nr.NEXT_ON_NODE, at]
    return int(price)


@compiled
def _next_whole(core: Core, home: int, after: int, block: int, bound: bool) -> int:
    """The next node, of this block (-1: of any), that guaranteed work may have wholly; -1 none."""
    size = core.counter[cr.PER_NODE]
    on = levels.following(core.bits, nr.CLAIM, home, size, after)
    while on >= 0 and not (
        (block < 0 or core.node[nr.BLOCK, on] == block)
        and reservations.allows(core, on, size, bound)
    ):
        on = levels.following(core.bits, nr.CLAIM, home, size, on)
    return on


@compiled
def _cheapest_of(
    core: Core, home: int, first: int, end: int, block: int, policy: Policy, now: int, bound: bool
) -> int:
    """Where the block's cheapest wholes end in `plan[0]`, from `first` to at most `end`."""
    plan = core.plan
    found = first
    on = _next_whole(core, home, -1, block, bound)
    while on >= 0:
        most = cr.FOREVER
        if found == end and policy.victims != cr.GIVEN_KEY:  # a key may be below zero
            most = plan[3, end - 1]
        price = _whole_price(core, on, policy, now, most)
        place = found
        while place > first and plan[3, place - 1] > price:
            if place < end:
                plan[0, place], plan[3, place] = plan[0, place - 1], plan[3, place - 1]
            place -= 1
        if place < end:
            plan[0, place], plan[3, place] = on, price
            found = min(found + 1, end)
        on = _next_whole(core, home, on, block, bound)
    return int(found)


@compiled
def _price_of_block(
    core: Core, home: int, first: int, end: int, block: int, policy: Policy, now: int, bound: bool
) -> int:
    """What the wholes cost that the block would give; they are in the plan."""
    price = 0
    for place in range(first, _cheapest_of(core, home, first, end, block, policy, now, bound)):
        price += core.plan[3, place]
    return int(price)


@compiled
def _count_wholes(core: Core, home: int, bound: bool) -> None:
    """By block, the nodes that guaranteed work may have wholly."""
    for block in range(core.node.shape[1]):
        core.node[nr.EMPTIES, block] = 0
    on = _next_whole(core, home, -1, -1, bound)
    while on >= 0:
        core.node[nr.EMPTIES, core.node[nr.BLOCK, on]] += 1
        on = _next_whole(core, home, on, -1, bound)


@compiled
def _best_block(
    core: Core, home: int, first: int, end: int, policy: Policy, now: int, bound: bool
) -> int:
    """The block that has enough and costs least, or else that has the most; -1 none."""
    best, most, least = -1, 0, cr.FOREVER
    for block in range(core.node.shape[1]):
        has = min(core.node[nr.EMPTIES, block], end - first)
        if has == 0 or has < most:
            continue
        price = 0
        if has == end - first:
            price = _price_of_block(core, home, first, end, block, policy, now, bound)
        if has > most or price < least:
            best, most, least = block, has, price
    return best


@compiled
def _cheapest_by_block(
    core: Core, home: int, whole: int, policy: Policy, now: int, bound: bool
) -> int:
    """How many of the wholes could be planned, from block to block."""
    _count_wholes(core, home, bound)
    found = 0
    while found < whole:
        block = _best_block(core, home, found, whole, policy, now, bound)
        if block < 0:
            break
        found = _cheapest_of(core, home, found, whole, block, policy, now, bound)
        core.node[nr.EMPTIES, block] = 0
    return found


@compiled
def _cheapest_wholes(
    core: Core,
    home: int,
    whole: int,
    policy: Policy,
    now: int,
    bound: bool,
) -> bool:
    """The nodes of the search are the wholes that cost the least; in `plan[0]`, cheapest first."""
    if policy.placement == cr.BLOCKS:
        found = _cheapest_by_block(core, home, whole, policy, now, bound)
    else:
        found = _cheapest_of(core, home, 0, whole, -1, policy, now, bound)
    for place in range(found):
        core.node[nr.SEEN, core.plan[0, place]] = core.counter[cr.SEARCHES]
        core.plan[1, place] = core.counter[cr.PER_NODE]
    return found == whole


@compiled
def _has_part(core: Core, home: int, amount: int, bound: bool) -> bool:
    for at in range(amount, core.counter[cr.PER_NODE] + 1):
        on = levels.following(core.bits, nr.CLAIM, home, at, -1)
        while on >= 0:
            if core.node[nr.SEEN, on] != core.counter[cr.SEARCHES] and reservations.allows(
                core, on, amount, bound
            ):
                return True
            on = levels.following(core.bits, nr.CLAIM, home, at, on)
    return False


@compiled
def _clear(core: Core, on: int, amount: int, policy: Policy, now: int) -> None:
    """Those who must leave the node for so much are told to."""
    victims, _ = _victims(core, on, _missing(core, on, amount), policy, now)
    for place in range(victims):
        core.plan[2, place] = core.slot[nr.JOB, core.plan[2, place]]
    for place in range(victims):
        _told_to_leave(core, core.plan[2, place], policy, now)


@compiled
def _last_to_leave(core: Core, nodes: int, now: int) -> int:
    """When the last of those who were told to leave these nodes leaves."""
    last = now
    for place in range(nodes):
        at = core.node[nr.SLOT, core.plan[0, place]]
        while at >= 0:
            one = core.slot[nr.JOB, at]
            if core.job[jr.STATUS, one] == jr.LEAVING:
                last = max(last, core.timer[timers.WHEN, one])
            at = core.slot[nr.NEXT_ON_NODE, at]
    return int(last)


@compiled
def take_back(core: Core, home: int, one: int, policy: Policy, now: int, bound: bool) -> bool:
    """Whether lent work leaves for the job, which then holds what comes free until it has all."""
    size, width = core.counter[cr.PER_NODE], core.job[jr.WIDTH, one]
    whole, rest = width // size, width % size
    if not placing.fits(core, nr.CLAIM, home, width):
        return False
    core.counter[cr.SEARCHES] += 1
    if whole and not _cheapest_wholes(core, home, whole, policy, now, bound):
        return False
    if rest and not _has_part(core, home, rest, bound):
        return False
    for place in range(whole):
        _clear(core, core.plan[0, place], size, policy, now)
    nodes = whole
    if rest:
        core.plan[0, nodes] = _cheapest_part(core, home, rest, policy, now, bound)
        core.plan[1, nodes] = rest
        _clear(core, core.plan[0, nodes], rest, policy, now)
        nodes += 1
    _hold(core, one, nodes, now, bound)
    return True


@compiled
def _hold(core: Core, one: int, nodes: int, now: int, bound: bool) -> None:
    """What is free of the plan's nodes is held for the job, and what comes free will be."""
    job = core.job
    placing.charge(core, one, _last_to_leave(core, nodes, now) + job[jr.NEED, one])
    job[jr.MODE, one] = jr.GUARANTEED
    job[jr.STATUS, one] = jr.HOLDING
    job[jr.ASKED, one] = now
    job[jr.SEQUENCE, one] = core.counter[cr.HOLDS]
    core.counter[cr.HOLDS] += 1
    missing = 0
    for place in range(nodes):
        on, amount = core.plan[0, place], core.plan[1, place]
        short = max(0, amount - core.node[nr.FREE, on])
        missing += short
        core.node[nr.OWED, on] += short
        placing.occupy(core, one, on, amount, short)
        placing.use_reserved(core, on, amount, bound)
    job[jr.MISSING, one] = missing
    core.counter[cr.HELD] += job[jr.WIDTH, one] - missing
    if missing == 0:
        core.counter[cr.HELD] -= job[jr.WIDTH, one]
        runs.begin_run(core, one, now)
