"""Lending delays nobody's guarantee: a pool against the same projects on islands of their own.

- Whole nodes and limits that are exact, no failures: what else delays a start (pieces of nodes,
  foresight, broken nodes) is not lending's.
- In order of arrival an island's schedule is monotone: whoever ends earlier, nobody starts later.
  So every job stands under the guarantee no later than on an island on which each run lasts longer
  by the take-back bound and a restart, and by the bound itself. Under backfill a job may be
  overtaken by its own project's, sooner in the pool than alone; what remains is the bound itself.
- A project whose own lent work is taken back is left out there: while a job leaves, the next of its
  queue may take its turn, as on real engines.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.unit.twin import tiny

from dure.engine import scheduling as sched
from dure.twin import run, site
from dure.twin.policies import POLICIES
from dure.twin.work import Work

DAYS = 4
GRACE_S = 30
RESTART_S = 60
LENDS = sorted(name for name, policy in POLICIES.items() if policy.lends)
job = st.tuples(
    st.integers(0, DAYS * tiny.DAY_S // 2),
    st.sampled_from([900, 3600, 5000, 20_000, 70_000]),
    st.sampled_from([8, 8, 16]),
    st.sampled_from([0, 1, 1, 2]),
)
works = st.lists(job, min_size=2, max_size=30).map(lambda rows: tiny.jobs(*sorted(rows)))


def played(policy: str, work: Work) -> run.Play:
    lending = {"grace_s": GRACE_S, "backoff_s": 0}
    demand = {"synthetic": {}, "checkpoint_minutes": 0, "restart_s": RESTART_S}
    return tiny.play(policy, of=work, days=DAYS, lending=lending, demand=demand, reclaim=[])


@settings(max_examples=80, deadline=None)
@given(work=works, policy=st.sampled_from(LENDS))
def test_every_guaranteed_start_is_within_the_take_back_bound_of_its_turn(
    work: Work, policy: str
) -> None:
    play = played(policy, work)
    state = play.sites[0].world.state
    assert play.bound_s == GRACE_S
    due = (state.turn_s >= 0) & (state.turn_s + GRACE_S < DAYS * tiny.DAY_S)
    assert (state.held_s[due] >= 0).all()
    delay = (state.held_s - state.turn_s)[due]
    assert delay.max(initial=0) <= GRACE_S
    event(f"somebody was waited for: {bool(delay.any())}")


def in_order_of_arrival(*args: Any) -> sched.Policy:
    return RULES(*args)._replace(backfill=sched.NONE)


RULES = site.rules


@settings(max_examples=80, deadline=None)
@given(work=works)
def test_no_guaranteed_job_starts_later_than_alone_and_the_take_back_bound(work: Work) -> None:
    longer = work.work_s + GRACE_S + RESTART_S
    with mock.patch.object(site, "rules", in_order_of_arrival):
        pool = played("pool", work).sites[0].world
        alone = played("islands", work._replace(work_s=longer, limit_s=longer)).sites[0].world
    account = pool.jobs.account
    undisturbed = np.bincount(account, weights=pool.state.taken, minlength=3) == 0
    held, start = pool.state.held_s, alone.state.start_s
    begun = np.where(held >= 0, held, pool.state.end_s)  # what ended on loan never had to wait
    due = undisturbed[account] & (start >= 0) & (start + GRACE_S < DAYS * tiny.DAY_S)
    assert (begun[due] >= 0).all()
    on_loan = due & (held < 0)
    assert (pool.state.start_s[on_loan] <= start[on_loan]).all()
    assert (held[due & ~on_loan] <= start[due & ~on_loan] + GRACE_S).all()
    event(f"somebody was taken from: {bool(pool.state.taken.any())}")
