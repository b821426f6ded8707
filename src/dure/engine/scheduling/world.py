"""A pool as its caller sees it: begun from checked arrays, advanced, copied, redivided.

- What cannot be scheduled is refused before anything runs, with the field, the place and the
  reason.
- Job, account and node arrays of a world are views: what is written to the controls between steps
  counts from the next step on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from dure.engine.scheduling import account_rows as ar
from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import dues, kernel, timers
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling.facts import (
    Accounts,
    Core,
    Ints,
    Jobs,
    NodeEvents,
    Policy,
    Pool,
    State,
    World,
)
from dure.engine.scheduling.handle import Handle

MOST_PER_NODE: Final = 1024
"""Levels of a node: a kernel keeps one set of nodes for each."""

MOST_USERS: Final = 1 << 20
"""What is kept of each user takes 32 bytes."""


AT_ONCE: Final = 4096
"""Jobs whose columns take a megabyte."""


class UnusableInput(ValueError):
    """Input that cannot be scheduled: which field, where in it, and why."""

    def __init__(self, field: str, index: int, why: str) -> None:
        super().__init__(f"{field}[{index}]: {why}")
        self.field, self.index, self.why = field, index, why


def _refuse(field: str, wrong: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], why: str) -> None:
    if wrong.any():
        raise UnusableInput(field, int(np.argmax(wrong)), why)


def _check_jobs(jobs: Jobs, accounts: int, start_s: int) -> None:
    count = len(jobs.submit_s)
    for field, values in jobs._asdict().items():
        if values.shape != (count,):
            raise UnusableInput(field, len(values), f"expected {count} values, one for each job")
    if count == 0:
        return
    _refuse("submit_s", np.diff(jobs.submit_s, prepend=jobs.submit_s[0]) < 0, "not in order")
    _refuse("submit_s", jobs.submit_s < start_s, "before the start")
    _refuse("work_s", jobs.work_s <= 0, "a job must run for at least a second")
    _refuse("limit_s", jobs.limit_s < jobs.work_s, "shorter than the run time")
    _refuse("width", jobs.width <= 0, "a job must have at least one accelerator")
    _refuse("account", (jobs.account < 0) | (jobs.account >= accounts), "no such account")
    _refuse("kind", (jobs.kind < jr.GUARANTEED) | (jobs.kind > jr.EITHER), "no such kind")
    for field in ("limit_s", "submit_s", "work_s", "restart_s", "width"):
        _refuse(field, getattr(jobs, field) > 1 << 40, "too large to add up")
    _refuse("user", (jobs.user < 0) | (jobs.user >= MOST_USERS), "users are numbered from 0")
    _refuse("checkpoint_s", jobs.checkpoint_s < 0, "negative")
    _refuse("restart_s", jobs.restart_s < 0, "negative")


def _check_pool(pool: Pool, accounts: Accounts, events: NodeEvents, node_home: Ints) -> None:
    if pool.nodes < 1 or not 1 <= pool.per_node <= MOST_PER_NODE:
        why = f"a pool has nodes, and 1 to {MOST_PER_NODE} accelerators on each"
        raise UnusableInput("pool", 0, why)
    for field, values in (("block", pool.block), ("node_home", node_home)):
        if values.shape != (pool.nodes,):
            raise UnusableInput(field, len(values), f"expected {pool.nodes} values, one a node")
    _refuse("block", (pool.block < 0) | (pool.block >= pool.nodes), "blocks are numbered from 0")
    _refuse("entitled", accounts.entitled < 0, "negative")
    _refuse("weight", accounts.weight <= 0, "a weight is above zero")
    _refuse("home", accounts.home < 0, "negative")
    _refuse("node_home", node_home < 0, "negative")
    _refuse("node", (events.node < 0) | (events.node >= pool.nodes), "no such node")
    if len(events.at_s):
        _refuse("at_s", np.diff(events.at_s, prepend=events.at_s[0]) < 0, "not in order")


def _job_rows(jobs: Jobs) -> Ints:
    """A column for each job; some thousands at a time, which stay in the processor's cache."""
    count = len(jobs.submit_s)
    rows = np.empty((jr.ROWS, count), np.int64, order="F")
    new = np.zeros((jr.ROWS, 1), np.int64)
    new[[jr.START, jr.END, jr.TURN, jr.ASKED, jr.HELD, jr.SLOT]] = -1
    given = {row: values for row, values in enumerate(jobs) if values.any()}
    given[jr.LEFT] = jobs.work_s
    for first in range(0, count, AT_ONCE):
        part = slice(first, first + AT_ONCE)
        rows[:, part] = new
        for row, values in given.items():
            rows[row, part] = values[part]
    return rows


def _account_rows(accounts: Accounts, jobs: Jobs, start_s: int) -> Ints:
    count = len(accounts.entitled)
    rows = np.zeros((ar.ROWS, count), np.int64, order="F")
    controls = (
        accounts.entitled,
        accounts.lent_ceiling,
        accounts.lent_order,
        accounts.frozen,
        accounts.home,
    )
    for row, values in enumerate(controls):
        rows[row] = values
    rows[ar.TAKEN_AT] = -1
    rows[ar.SETTLED] = start_s
    lengths = np.bincount(jobs.account, minlength=count)
    rows[ar.FIRST, 1:] = np.cumsum(lengths)[:-1]
    rows[ar.HEAD] = rows[ar.TAIL] = rows[ar.FIRST]
    rows[ar.SEQUENCE] = np.arange(count)
    rows[ar.BACKOFF] = start_s
    return rows


def _empty_core(
    pool: Pool, jobs: Jobs, accounts: Accounts, events: NodeEvents, node_home: Ints, start_s: int
) -> Core:
    """Nodes that nobody has; they are in no set yet."""
    count, size = len(jobs.submit_s), pool.nodes * pool.per_node
    users = 1 + int(jobs.user.max(initial=0))
    homes = 1 + max(int(node_home.max()), int(accounts.home.max(initial=0)))
    node = np.zeros((nr.NODE_ROWS, pool.nodes), np.int64, order="F")
    node[nr.FREE] = node[nr.CLAIM] = pool.per_node
    node[nr.HOME], node[nr.BLOCK], node[nr.SLOT] = node_home, pool.block, -1
    slot = np.full((nr.SLOT_ROWS, 2 * size + 1), -1, np.int64, order="F")
    slot[nr.NEXT_OF_JOB] = np.arange(1, 2 * size + 2)
    home = np.zeros((nr.HOME_ROWS, homes), np.int64, order="F")
    home[nr.NODES] = np.bincount(node_home, minlength=homes)
    home[nr.OWNER] = home[nr.PART_NODE] = -1
    home[nr.DUES] = dues.NOT_KEPT
    items = count + len(accounts.entitled) + 1
    timer = np.full((timers.ROWS, items), -1, np.int64, order="F")
    numbers = np.zeros(cr.COUNTS, np.int64)
    numbers[cr.CLOCK], numbers[cr.PER_NODE] = start_s, pool.per_node
    words = (pool.nodes + 63) // 64
    return Core(
        job=_job_rows(jobs),
        account=_account_rows(accounts, jobs, start_s),
        node=node,
        slot=slot,
        home=home,
        bits=np.zeros((nr.FAMILIES, homes, pool.per_node + 1, words), np.int64),
        level=np.zeros((nr.FAMILIES, homes, pool.per_node + 1), np.int64),
        queue=np.zeros(count, np.int64),
        asked=np.zeros((2, count), np.int64),
        want=np.zeros(count, np.int64),
        busy=np.zeros((len(accounts.entitled) + 63) // 64, np.int64),
        timer=timer,
        due=np.zeros((homes, 2, size), np.int64),
        plan=np.zeros((4, pool.nodes + 2 * pool.per_node + 2), np.int64),
        reserved=np.zeros((homes + 2, words), np.int64),
        event=np.stack([events.at_s, events.node, events.up]).astype(np.int64),
        foreseen=np.zeros((2, 2 * count + size + 2), np.int64),
        log=np.zeros((5, count + 4 * size + 64), np.int64),
        counter=numbers,
        share=np.stack([accounts.weight, np.zeros(len(accounts.entitled))]),
        use=np.zeros((2, users)),
        standing=np.stack([np.zeros(users, np.int64), np.arange(users)]),
    )


def _parked(node_home: Ints, spares: int) -> Iterator[int]:
    """The nodes that wait as spares at first: the last of each home."""
    for home in np.unique(node_home):
        yield from (int(on) for on in np.flatnonzero(node_home == home)[::-1][:spares])


def _view(pool: Pool, policy: Policy, core: Core) -> World:
    job, account, node = core.job, core.account, core.node
    return World(
        pool=pool,
        jobs=Jobs(*job[: len(Jobs._fields)]),
        accounts=Accounts(
            entitled=account[ar.ENTITLED],
            lent_ceiling=account[ar.CEILING],
            lent_order=account[ar.ORDER],
            frozen=account[ar.FROZEN],
            home=account[ar.HOME],
            weight=core.share[0],
        ),
        policy=policy,
        state=State(
            status=job[jr.STATUS],
            mode=job[jr.MODE],
            start_s=job[jr.START],
            end_s=job[jr.END],
            turn_s=job[jr.TURN],
            asked_s=job[jr.ASKED],
            held_s=job[jr.HELD],
            left_s=job[jr.LEFT],
            lost_s=job[jr.LOST],
            taken=job[jr.TAKEN],
            failed=job[jr.FAILED],
            used=account[ar.USED],
            lent=account[ar.LENT],
            waiting=account[ar.WAITING],
            owner_as=account[ar.OWNER_AS],
            lent_as=account[ar.LENT_AS],
            backoff_until_s=account[ar.BACKOFF],
            take_backs=account[ar.TAKE_BACKS],
            free=node[nr.FREE],
            node_up=node[nr.UP],
            node_home=node[nr.HOME],
            counter=core.counter,
        ),
        core=core,
    )


def _include(core: Core, nodes: Ints) -> None:
    """The nodes, which are empty, come into the sets of their homes."""
    home, size = core.node[nr.HOME, nodes], core.counter[cr.PER_NODE]
    core.node[nr.UP, nodes] = 1
    bit = np.int64(1) << (nodes & 63)
    for family in range(nr.FAMILIES):
        np.bitwise_xor.at(core.bits[family], (home, size, nodes >> 6), bit)
        np.add.at(core.level[family], (home, size), 1)
    np.add.at(core.home[nr.FREE_TOTAL], home, size)


def _exclude(core: Core, on: int) -> None:
    """The node, which is empty, leaves the sets of its home."""
    home, size = core.node[nr.HOME, on], core.counter[cr.PER_NODE]
    core.node[nr.UP, on] = 0
    core.bits[:, home, size, on >> 6] ^= np.int64(1) << np.int64(on & 63)
    core.level[:, home, size] -= 1
    core.home[nr.FREE_TOTAL, home] -= size


NO_EVENTS: Final = NodeEvents(*(np.zeros(0, np.int64),) * 3)


def begin(
    pool: Pool,
    jobs: Jobs,
    accounts: Accounts,
    policy: Policy,
    *,
    events: NodeEvents = NO_EVENTS,
    start_s: int = 0,
    node_home: Ints | None = None,
) -> World:
    """An empty pool at `start_s`. Raises UnusableInput."""
    if node_home is None:
        node_home = np.zeros(pool.nodes, np.int64)
    _check_jobs(jobs, len(accounts.entitled), start_s)
    _check_pool(pool, accounts, events, node_home)
    core = _empty_core(pool, jobs, accounts, events, node_home, start_s)
    parked = np.zeros(pool.nodes, bool)
    parked[list(_parked(node_home, policy.spares))] = True
    core.counter[cr.DOWN] = parked.sum() * pool.per_node
    core.counter[cr.IDLE] = (pool.nodes - parked.sum()) * pool.per_node
    core.node[nr.PARKED] = parked
    np.add.at(core.home[nr.PARKED_NODES], node_home, parked)
    _include(core, np.flatnonzero(~parked))
    return _view(pool, policy, core)


def advance(world: World, until_s: int) -> World:
    """Lets all happen that happens before `until_s`; FOREVER: until nothing is left to happen.

    The arrays of the world change in place, except the log, which may be replaced by a longer one:
    go on with the world that is returned.
    """
    policy = world.policy
    decay = 0.5 ** (policy.fair_every_s / policy.half_life_s)
    core = world.core
    while kernel.advance(Handle(core, policy), decay, until_s) == cr.LOG_FULL:
        core = core._replace(log=np.concatenate([core.log, np.zeros_like(core.log)], axis=1))
    return world._replace(core=core)


def segments(world: World) -> Ints:
    """Every stretch that has ended: rows job, from, to, mode, how it ended; in order of the end."""
    return world.core.log[:, : world.core.counter[cr.SEGMENTS]]


def fork(world: World) -> World:
    """A copy that goes its own way."""
    copies: dict[str, Any] = {name: array.copy("K") for name, array in world.core._asdict().items()}
    return _view(world.pool, world.policy, Core(**copies))


def rehome(world: World, node_home: Ints) -> Ints:
    """Moves nodes to other homes, those that are empty; returned is 1 for each that moved.

    A node that is in use, held or down stays where it is: ask again later.
    """
    core = world.core
    node, size = core.node, world.pool.per_node
    idle = (node[nr.UP] == 1) & (node[nr.FREE] == size) & (node[nr.CLAIM] == size)
    moving = idle & (node_home != node[nr.HOME])
    for on in np.flatnonzero(moving).tolist():
        core.home[nr.NODES, node[nr.HOME, on]] -= 1
        _exclude(core, on)
        node[nr.HOME, on] = node_home[on]
        _include(core, np.array([on]))
        core.home[nr.NODES, node_home[on]] += 1
    moved: Ints = moving.astype(np.int64)
    return moved
