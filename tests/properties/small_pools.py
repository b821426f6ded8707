"""Small worlds for the scheduling kernel and its slow twin, and what is compared of the two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from hypothesis import strategies as st
from tests.properties.slow_pool import SlowPool

from dure.engine import scheduling as sched
from dure.engine.scheduling import account_rows as ar
from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling.facts import Core

MOST_TIME: Final = 60


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


@st.composite
def cases(draw: st.DrawFn, /, **fixed: Any) -> dict[str, Any]:
    """A small world: some nodes, accounts and jobs, and the rules asked for."""
    nodes = draw(fixed.get("nodes", st.integers(1, 5)))
    size = draw(fixed.get("size", st.sampled_from([1, 2, 4])))
    accounts = fixed.get("accounts") or draw(st.integers(1, 3))
    count = draw(fixed.get("count", st.integers(1, 14)))

    def column(values: st.SearchStrategy[int], length: int = count) -> Any:
        return ints(*draw(st.lists(values, min_size=length, max_size=length)))

    work = column(st.integers(1, 20))
    submit = np.sort(column(st.integers(0, MOST_TIME)))
    kinds = fixed.get("kinds", st.sampled_from([jr.GUARANTEED, jr.LENT, jr.EITHER]))
    jobs = sched.Jobs(
        submit_s=submit,
        work_s=work,
        limit_s=work + column(st.sampled_from([0, 0, 3, 15])),
        width=column(st.one_of(st.integers(1, size), st.integers(1, nodes * size))),
        account=column(st.integers(0, accounts - 1)),
        kind=column(kinds),
        key=draw(st.sampled_from([submit, work])),
        user=column(st.integers(0, 2)),
        checkpoint_s=column(st.sampled_from([0, 3, 5])),
        save_s=column(st.sampled_from([-1, 0, 2, 9])),
        restart_s=column(st.sampled_from([0, 2])),
    )
    entitled = column(st.integers(0, nodes * size), accounts)
    held = sched.Accounts(
        entitled=fixed.get("entitled", lambda _n, e: e)(nodes * size, entitled),
        lent_ceiling=column(st.sampled_from([0, 3, 99]), accounts),
        lent_order=column(st.integers(0, 2), accounts),
        frozen=ints(*[0] * accounts),
        home=ints(*[0] * accounts),
        weight=np.array(draw(st.lists(st.sampled_from([1.0, 2.0]),
                                      min_size=accounts, max_size=accounts))),
    )  # fmt: skip
    rules: dict[str, Any] = {
        "backfill": draw(
            st.sampled_from([sched.NONE, sched.EASY, sched.CONSERVATIVE, sched.PASS_OVER])
        ),
        "depth": draw(st.sampled_from([0, 0, 1, 3])),
        "lending": draw(st.integers(0, 1)),
        "lent_by": draw(st.sampled_from([sched.GIVEN, sched.FAIR])),
        "headroom": draw(st.sampled_from([0, 0, 1, 4])),
        "victims": draw(st.sampled_from([sched.YOUNGEST, sched.LEAST_LOST, sched.GIVEN_KEY])),
        "grace_s": draw(st.sampled_from([0, 4])),
        "sweep_s": draw(st.sampled_from([0, 7])),
        "requeue_delay_s": draw(st.sampled_from([0, 5])),
        "saved_are_lost": draw(st.integers(0, 1)),
        "backoff_s": draw(st.sampled_from([0, 6])),
        "backoff_cap_s": 10,
        "fail_requeue_s": draw(st.sampled_from([0, 3])),
        "placement": draw(st.sampled_from([sched.LOWEST, sched.BLOCKS])),
        "fair_share": draw(st.integers(0, 1)),
        "spares": draw(st.integers(0, 1)) if nodes > 1 else 0,
        "half_life_s": 20,
        "fair_every_s": 8,
    }
    failures = st.tuples(st.integers(0, MOST_TIME), st.integers(0, nodes - 1), st.integers(0, 1))
    events = sorted(draw(st.lists(failures, max_size=5)), key=lambda event: event[0])
    if fixed.get("sound"):
        events, rules["spares"] = [], 0
    return {
        "pool": sched.Pool(nodes, size, column(st.integers(0, min(1, nodes - 1)), nodes)),
        "jobs": jobs,
        "accounts": held,
        "policy": sched.Policy(**{**rules, **fixed.get("rules", {})}),
        "events": sched.NodeEvents(*(ints(*row) for row in zip(*events, strict=True)))
        if events
        else sched.NodeEvents(ints(), ints(), ints()),
    }


def run(case: dict[str, Any], *steps: int) -> sched.World:
    world = sched.begin(**case)
    for until in steps:
        world = sched.advance(world, until)
        check(world)
    return world


def slots_of(core: Core, one: int) -> Iterator[int]:
    at = core.job[jr.SLOT, one]
    while at >= 0:
        yield at
        at = core.slot[nr.NEXT_OF_JOB, at]


def nodes_of(core: Core, at: int) -> Iterator[tuple[int, int]]:
    """What the slot has on each of its nodes now."""
    on, nodes = core.slot[nr.NODE, at], int(core.slot[nr.NODES_OF_WORD, at])
    if nodes == 0:
        yield on, core.slot[nr.COUNT, at] - core.slot[nr.SHORT, at]
    for bit in range(64):
        if nodes >> bit & 1:
            yield 64 * on + bit, core.counter[cr.PER_NODE]


def check(world: sched.World) -> None:
    """No node gives more than it has, no gang has a part, nothing is counted twice."""
    core, state = world.core, world.state
    has = np.zeros(world.pool.nodes, np.int64)
    for one in range(len(state.status)):
        mine, short = 0, 0
        for at in slots_of(core, one):
            mine += core.slot[nr.COUNT, at]
            short += core.slot[nr.SHORT, at]
            for on, amount in nodes_of(core, at):
                has[on] += amount
        runs = state.status[one] in (jr.RUNNING, jr.LEAVING)
        if runs or state.status[one] == jr.HOLDING:
            assert mine == world.jobs.width[one]
            assert short == 0 or not runs
        else:
            assert mine == 0
    assert (has + state.free == world.pool.per_node).all()
    assert (has <= np.where(state.node_up == 1, world.pool.per_node, 0)).all()
    used = core.counter[[cr.IDLE_AS, cr.HELD_AS, cr.DOWN_AS]].sum()
    used += state.owner_as.sum() + state.lent_as.sum()
    assert used == core.counter[cr.CAPACITY_AS]


def compare(world: sched.World, slow: SlowPool) -> None:
    state = world.state
    for name, values in {
        "status": state.status, "start": state.start_s, "end": state.end_s, "turn": state.turn_s,
        "asked": state.asked_s, "held": state.held_s, "left": state.left_s, "lost": state.lost_s,
        "taken": state.taken, "failed": state.failed,
    }.items():  # fmt: skip
        assert {name: values.tolist()} == {name: [getattr(job, name) for job in slow.jobs]}
    assert sched.segments(world).T.tolist() == [list(row) for row in slow.log]
    assert (state.owner_as.sum(), state.lent_as.sum()) == (slow.owner_as, slow.lent_as)
    counts = world.core.counter
    totals = (counts[cr.IDLE_AS], counts[cr.HELD_AS], counts[cr.DOWN_AS])
    assert totals == (slow.idle_as, slow.held_as, slow.down_as)
    assert state.node_up.tolist() == slow.up
    assert world.core.account[ar.USED].tolist() == [slow.used(of) for of in range(len(state.used))]


def slowly(case: dict[str, Any], *steps: int) -> SlowPool:
    slow = SlowPool(**case)
    for until in steps:
        slow.advance(until)
    return slow


ALONE: Final = {
    "accounts": 1,
    "kinds": st.just(jr.GUARANTEED),
    "entitled": lambda capacity, _entitled: ints(capacity),
    "sound": True,
}
