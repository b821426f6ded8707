"""What the scheduling kernel does by words and by blocks, against the slow twin.

- Gangs have their whole nodes 64 at a time, until lending begins or one of the nodes fails.
- A long queue is looked at in blocks of jobs, whatever its order, and kept in order as jobs come
  into its middle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.properties.slow_pool import SlowPool
from tests.properties.small_pools import (
    ALONE,
    cases,
    check,
    compare,
    run,
    slots_of,
    slowly,
)

from dure.engine import scheduling as sched
from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import node_rows as nr

MANY_NODES = st.sampled_from([5, 70])


def slots_by_word(world: sched.World) -> int:
    """How many running jobs have nodes by words."""
    core = world.core
    running = np.flatnonzero(world.state.status == jr.RUNNING).tolist()
    return sum(
        any(core.slot[nr.NODES_OF_WORD, at] for at in slots_of(core, one)) for one in running
    )


@settings(max_examples=25, deadline=None)
@given(case=cases(nodes=MANY_NODES, rules={"lending": 0}))
def test_gangs_on_many_nodes_that_may_fail_are_as_in_the_slow_twin(case: dict[str, Any]) -> None:
    compare(run(case, 20, 300), slowly(case, 20, 300))


@settings(max_examples=25, deadline=None)
@given(case=cases(nodes=MANY_NODES, **ALONE))
def test_gangs_of_one_queue_are_as_in_the_slow_twin(case: dict[str, Any]) -> None:
    case["policy"] = case["policy"]._replace(lending=0)
    compare(run(case, 300), slowly(case, 300))


@settings(max_examples=40, deadline=None)
@given(case=cases(nodes=st.sampled_from([4, 66])), data=st.data())
def test_lending_that_begins_between_steps_finds_gangs_as_the_slow_twin_does(
    case: dict[str, Any], data: st.DataObject
) -> None:
    case["policy"] = case["policy"]._replace(lending=0)
    world, slow = sched.begin(**case), SlowPool(**case)
    capacity, count = case["pool"].nodes * case["pool"].per_node, len(case["accounts"].home)
    for until in (data.draw(st.integers(5, 30), label="lent from"), 60, 300):
        world = sched.advance(world, until)
        slow.advance(until)
        check(world)
        values = data.draw(st.lists(st.integers(0, capacity), min_size=count, max_size=count))
        world.accounts.entitled[:] = slow.accounts.entitled[:] = values
        policy = case["policy"]._replace(lending=1)
        world, slow.policy = world._replace(policy=policy), policy
    compare(world, slow)


def test_a_gang_has_its_nodes_by_words_until_it_must_not() -> None:
    one = np.ones(1, np.int64)
    jobs = sched.Jobs(*(one * value for value in (0, 90, 90, 280, 0, 2, 0, 0, 0, -1, 0)))
    accounts = sched.Accounts(one * 280, one * 280, one * 0, one * 0, one * 0, np.ones(1))
    pool = sched.Pool(70, 4, np.zeros(70, np.int64))
    world = sched.advance(sched.begin(pool, jobs, accounts, sched.Policy()), 10)
    assert slots_by_word(world) == 1
    world.accounts.entitled[:] = 0
    world = sched.advance(world._replace(policy=sched.Policy(lending=1)), 20)
    assert (slots_by_word(world), world.state.mode.tolist()) == (0, [jr.LENT])
    check(world)


def long_queue(seed: int, depth: int, key: int, users: int) -> dict[str, Any]:
    """Many jobs, most of which wait for most of the time."""
    chance = np.random.default_rng(seed)
    count, nodes, size = 110, int(chance.integers(2, 9)), int(chance.choice([1, 2, 4]))
    submit = np.sort(chance.integers(0, 60, count))
    work = chance.integers(1, 25, count)
    none = np.zeros(count, np.int64)
    limit = work + chance.choice([0, 0, 4, 30], count)
    jobs = sched.Jobs(
        submit, work, limit, chance.integers(1, nodes * size + 1, count),
        none, none, (submit, limit, chance.integers(0, 5, count))[key],
        chance.integers(0, users, count), none, none - 1, none,
    )  # fmt: skip
    jobs = jobs._replace(width=np.where(chance.random(count) < 0.7, jobs.width % 3 + 1, jobs.width))
    jobs = jobs._replace(width=np.minimum(jobs.width, nodes * size))
    at = np.sort(chance.integers(0, 300, 8))
    all_of_it = np.array([nodes * size])
    return {
        "pool": sched.Pool(nodes, size, np.zeros(nodes, np.int64)),
        "jobs": jobs,
        "accounts": sched.Accounts(
            entitled=all_of_it, lent_ceiling=none[:1], lent_order=none[:1], frozen=none[:1],
            home=none[:1], weight=np.ones(1),
        ),
        "policy": sched.Policy(
            depth=depth, fair_share=int(users > 1), half_life_s=40, fair_every_s=9,
            fail_requeue_s=3,
        ),
        "events": sched.NodeEvents(
            at, chance.integers(0, nodes, 8), chance.integers(0, 2, 8)
        ),
    }  # fmt: skip


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    depth=st.sampled_from([0, 1, 40, 70, 130]),
    key=st.integers(0, 2),
    users=st.sampled_from([1, 1, 4]),
)
def test_long_queues_in_any_order_are_as_in_the_slow_twin(
    seed: int, depth: int, key: int, users: int
) -> None:
    case = long_queue(seed, depth, key, users)
    world = run(case, 400)
    compare(world, slowly(case, 400))
    assert world.core.counter[cr.ARRIVALS] == 110
