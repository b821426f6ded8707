"""An account's queue within its entitlement, as if the account were alone.

- In order, until the first job that is blocked: by the entitlement, or by the nodes. What finds no
  free place takes lent work back; lent work of the account's own is promoted.
- A job wider than the entitlement asks for nothing here, and blocks nobody.
- Behind a blocked job, EASY backfill: who ends, by its limit, before the blocked job can start, or
  uses what that leaves. The job blocked by the nodes has the home's reservation if no other has.
- PASS_OVER is EASY, but a job blocked by the entitlement is passed over and nothing is kept for it.
- An account that is given all its home's nodes is bound by the nodes alone.
- A service that would find nothing new is spared: one new job behind a blocked one is looked at
  alone.
"""

from __future__ import annotations

from typing import Final

from dure.engine.scheduling import account_rows as ar
from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import levels, modes, placing, queues, reservations, runs, taking
from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling.compiled import compiled, inlined
from dure.engine.scheduling.facts import Core, Policy

BLOCK: Final = 64
"""Jobs of a queue that are looked at together: some vectors of numbers, and soon done."""


@inlined
def has_all(core: Core, of: int) -> bool:
    """Whether the account is given all its home's nodes."""
    capacity = core.home[nr.NODES, core.account[ar.HOME, of]] * core.counter[cr.PER_NODE]
    return bool(core.account[ar.ENTITLED, of] >= capacity)


@inlined
def _is_within(core: Core, of: int, one: int) -> bool:
    """Whether the entitlement has room for the job."""
    used = core.account[ar.USED, of] + core.job[jr.WIDTH, one]
    return bool(used <= core.account[ar.ENTITLED, of] or has_all(core, of))


@inlined
def due(core: Core, one: int, now: int) -> int:
    """When the job's limit would end if it were guaranteed from now on."""
    if core.job[jr.STATUS, one] == jr.RUNNING:
        return int(core.job[jr.DUE, one])
    return now + int(core.job[jr.NEED, one])


@compiled
def obtain(core: Core, of: int, one: int, policy: Policy, now: int) -> bool:
    """Whether the job now runs as guaranteed, or will when the others have left."""
    home, width = core.account[ar.HOME, of], core.job[jr.WIDTH, one]
    bound = reservations.is_bound(core, home, one, due(core, one, now))
    waits = core.job[jr.STATUS, one] == jr.WAITING
    if waits and bound and width // core.counter[cr.PER_NODE] > core.home[nr.SPARE_WHOLES, home]:
        return False
    reservations.choose(core, home)
    if not waits:
        if not modes.promote(core, one, now, bound):
            return False
        runs.leave_queue(core, one)
        return True
    nodes = placing.find(core, home, width, bound, policy.placement)
    if nodes:
        placing.spend_wholes(core, one, bound)
        runs.leave_queue(core, one)
        core.account[ar.WAITING, of] -= 1
        placing.start(core, one, jr.GUARANTEED, nodes, now, bound)
        return True
    if policy.lending and taking.take_back(core, home, one, policy, now, bound):
        placing.spend_wholes(core, one, bound)
        runs.leave_queue(core, one)
        core.account[ar.WAITING, of] -= 1
        return True
    return False


@compiled
def _block(core: Core, of: int, one: int, why: int) -> None:
    core.account[ar.BLOCKED, of] = why
    core.account[ar.BLOCKED_JOB, of] = one
    if why == ar.BY_NODES:
        core.account[ar.REFUSED, of] = 1


@compiled
def _serve_turn(core: Core, of: int, one: int, policy: Policy, now: int) -> bool:
    """Whether the queue goes on after this job, whose turn it is."""
    if not _is_within(core, of, one):
        _block(core, of, one, ar.BY_ENTITLEMENT)
        return False
    if core.job[jr.TURN, one] < 0:
        core.job[jr.TURN, one] = now
    if not obtain(core, of, one, policy, now):
        _block(core, of, one, ar.BY_NODES)
        return False
    return True


@compiled
def next_place(core: Core, of: int, one: int) -> int:
    """The place of the first job behind this one, whether it is still in the queue or not."""
    account, queue = core.account, core.queue
    place = queues.place_of(queue, account, core.job, of, one)
    if place < account[ar.TAIL, of] and queue[place] == one:
        return place + 1
    return place


@compiled
def _foresee(core: Core, of: int, policy: Policy) -> None:
    """When the blocked job is to start, and what its account may use beside it then."""
    account, job = core.account, core.job
    home, head = account[ar.HOME, of], account[ar.BLOCKED_JOB, of]
    by_nodes = account[ar.BLOCKED, of] == ar.BY_NODES
    until = cr.FOREVER
    if by_nodes and core.home[nr.OWNER, home] == head:
        until = core.home[nr.OWNER_AT, home]
    account[ar.SHADOW, of] = until
    account[ar.EXTRA, of] = cr.FOREVER
    if has_all(core, of) or (policy.backfill == cr.PASS_OVER and not by_nodes):
        return
    extra = account[ar.ENTITLED, of] - account[ar.USED, of] - job[jr.WIDTH, head]
    for place in range(core.home[nr.DUES, home]):
        at = core.due[home, 1, place]
        if not by_nodes and extra >= 0 and until == cr.FOREVER:
            until = core.due[home, 1, place - 1]
        if at > until:
            break
        one = core.due[home, 0, place]
        if job[jr.ACCOUNT, one] == of:
            extra += job[jr.WIDTH, one]
    if not by_nodes and extra >= 0 and until == cr.FOREVER:
        until = core.due[home, 1, core.home[nr.DUES, home] - 1]
    account[ar.SHADOW, of] = until
    account[ar.EXTRA, of] = extra


@compiled
def _backfill(core: Core, of: int, one: int, policy: Policy, now: int) -> bool:
    """Whether the job, which is behind a blocked one and could be placed, goes before it."""
    account, job = core.account, core.job
    width = job[jr.WIDTH, one]
    late = due(core, one, now) > account[ar.SHADOW, of]
    if (late and width > account[ar.EXTRA, of]) or not _is_within(core, of, one):
        return False
    if not obtain(core, of, one, policy, now):
        account[ar.REFUSED, of] = 1
        return False
    if job[jr.TURN, one] < 0:
        job[jr.TURN, one] = now
    if late and account[ar.EXTRA, of] < cr.FOREVER:
        account[ar.EXTRA, of] -= width
    return True


@compiled
def _widest(core: Core, home: int) -> int:
    """No wider job could stand on the home's nodes; a gang may need more of a rest."""
    size = core.counter[cr.PER_NODE]
    empties = core.level[nr.CLAIM, home, size]
    if empties:
        return int((empties + 1) * size - 1)
    return levels.fullest(core.level, nr.CLAIM, home)


@compiled
def _backfill_any(core: Core, of: int, policy: Policy, now: int) -> None:
    """Job by job: some may run lent, or ask for nothing, and the account may not be refused yet."""
    account, job, queue = core.account, core.job, core.queue
    home = account[ar.HOME, of]
    widest, looked = _widest(core, home), 0
    place = next_place(core, of, account[ar.BLOCKED_JOB, of])
    while place < account[ar.TAIL, of] and (policy.depth == 0 or looked < policy.depth):
        one = queue[place]
        place += 1
        if account[ar.ASIDE, of] and not runs.asks(core, one):
            continue
        if job[jr.WIDTH, one] > widest and job[jr.STATUS, one] == jr.WAITING:
            account[ar.REFUSED, of] = 1
            looked += 1
        elif _backfill(core, of, one, policy, now):
            place = next_place(core, of, one)
            widest = _widest(core, home)
        else:
            looked += 1


@compiled
def _first_that_may(
    core: Core, place: int, end: int, widest: int, bound: int, ends_in: int, extra: int, soon: int
) -> int:
    """The first place before `end` of a job within these bounds, by blocks; `end` if none is.

    No wider than `widest`; `bound` where it needs longer than `ends_in`, `extra` than `soon`.
    """
    asked = core.asked
    while place < end:
        stop = min(place + BLOCK, end)
        able = 0
        for at in range(place, stop):
            width, need = asked[queues.WIDTH, at], asked[queues.NEED, at]
            able += (
                (width <= widest)
                & ((width <= bound) | (need <= ends_in))
                & ((width <= extra) | (need <= soon))
            )
        if able:
            break
        place = stop
    while place < end:
        width, need = asked[queues.WIDTH, place], asked[queues.NEED, place]
        if (
            width <= widest
            and (width <= bound or need <= ends_in)
            and (width <= extra or need <= soon)
        ):
            break
        place += 1
    return int(place)


@compiled
def _backfill_waiting(core: Core, of: int, policy: Policy, now: int) -> None:
    """All wait and ask, and the nodes have refused one: only who may find a place is looked at.

    Who was refused a place is not the only one: nobody as wide, and bound as he, would find one.
    """
    account, size = core.account, core.counter[cr.PER_NODE]
    home = account[ar.HOME, of]
    ends_in = core.home[nr.OWNER_AT, home] - now
    if core.home[nr.OWNER, home] < 0:
        ends_in = cr.FOREVER
    soon = account[ar.SHADOW, of] - now
    widest, bound, looked = cr.FOREVER, cr.FOREVER, 0
    place = next_place(core, of, account[ar.BLOCKED_JOB, of])
    while True:
        widest = min(widest, _widest(core, home))
        bound = min(bound, core.home[nr.SPARE_WHOLES, home] * size + size - 1)
        end = account[ar.TAIL, of]
        if policy.depth:
            end = min(end, place + policy.depth - looked)
        extra = account[ar.EXTRA, of]
        at = _first_that_may(core, place, end, widest, bound, ends_in, extra, soon)
        if at == end:
            return
        one = core.queue[at]
        looked += at - place
        if _backfill(core, of, one, policy, now):
            place = next_place(core, of, one)
            continue
        looked += 1
        place = at + 1
        width = core.job[jr.WIDTH, one]
        if core.job[jr.NEED, one] > ends_in:
            bound = min(bound, width - 1)
        elif _is_within(core, of, one):
            widest = min(widest, width - 1)


@compiled
def _backfill_all(core: Core, of: int, policy: Policy, now: int) -> None:
    """The jobs behind the blocked one, those only that could stand somewhere."""
    account = core.account
    if _widest(core, account[ar.HOME, of]) == 0:
        account[ar.REFUSED, of] = 1
        if account[ar.LENT, of] == 0:
            return
    if account[ar.REFUSED, of] and not (
        account[ar.LENT, of] or account[ar.ASIDE, of] or policy.lending
    ):
        _backfill_waiting(core, of, policy, now)
    else:
        _backfill_any(core, of, policy, now)


@compiled
def _look_behind(core: Core, of: int, policy: Policy, now: int) -> None:
    """The blocked job has its reservation; what can go before it goes."""
    account = core.account
    home = account[ar.HOME, of]
    if account[ar.BLOCKED, of] == ar.BY_NODES and core.home[nr.OWNER, home] < 0:
        reservations.reserve(core, home, account[ar.BLOCKED_JOB, of], now)
    if policy.backfill == cr.NONE or policy.backfill == cr.CONSERVATIVE:  # noqa: PLR1714 - compiled
        return
    _foresee(core, of, policy)
    _backfill_all(core, of, policy, now)


@compiled
def _owns_reservation(core: Core, of: int) -> bool:
    owner = core.home[nr.OWNER, core.account[ar.HOME, of]]
    return bool(owner >= 0 and core.job[jr.ACCOUNT, owner] == of)


@compiled
def serve(core: Core, of: int, policy: Policy, now: int) -> None:
    """The account's queue is served from its head."""
    account = core.account
    if _owns_reservation(core, of):
        reservations.lift(core, account[ar.HOME, of])
    account[ar.BLOCKED, of] = 0
    account[ar.REFUSED, of] = 0
    if account[ar.FROZEN, of]:
        return
    place = account[ar.HEAD, of]
    if account[ar.TAIL, of] - place == account[ar.ASIDE, of]:
        return
    while place < account[ar.TAIL, of]:
        one = core.queue[place]
        if not runs.asks(core, one):
            place += 1
        elif _serve_turn(core, of, one, policy, now):
            place = next_place(core, of, one)
        else:
            break
    if account[ar.BLOCKED, of] and (policy.backfill != cr.NONE or account.shape[1] > 1):
        _look_behind(core, of, policy, now)


@compiled
def serve_arrival(core: Core, of: int, policy: Policy, now: int) -> None:
    """The same, where nothing happened to the account but that one job came into its queue."""
    account, one = core.account, core.account[ar.ARRIVED, of]
    if account[ar.FROZEN, of] or not runs.asks(core, one):
        return
    if account[ar.BLOCKED, of] == 0:
        if not _serve_turn(core, of, one, policy, now) and (
            policy.backfill != cr.NONE or account.shape[1] > 1
        ):
            _look_behind(core, of, policy, now)
        return
    head = queues.place_of(core.queue, account, core.job, of, account[ar.BLOCKED_JOB, of])
    place = queues.place_of(core.queue, account, core.job, of, one)
    between = place - head - 1
    if place < head or (
        policy.backfill != cr.NONE
        and policy.depth > 0
        and between >= policy.depth > between - account[ar.ASIDE, of]
    ):
        serve(core, of, policy, now)
    elif policy.backfill != cr.NONE and (policy.depth == 0 or between < policy.depth):
        if placing.fits(core, nr.CLAIM, account[ar.HOME, of], core.job[jr.WIDTH, one]):
            _backfill(core, of, one, policy, now)
        else:
            account[ar.REFUSED, of] = 1
