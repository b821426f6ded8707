"""Whatever the work: nothing is counted twice, lost or beyond what is possible."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.twin import tiny

from dure.engine import scheduling as sched
from dure.twin import metrics
from dure.twin.policies import POLICIES
from dure.twin.work import Work

DAYS = 8
job = st.tuples(
    st.integers(0, DAYS * tiny.DAY_S - 1),
    st.integers(1, 3 * tiny.DAY_S),
    st.sampled_from([1, 2, 4, 8, 16]),
    st.integers(0, 2),
)
works = st.lists(job, min_size=1, max_size=40).map(lambda rows: tiny.jobs(*sorted(rows)))
policies = st.sampled_from(sorted(POLICIES))
fails = st.sampled_from([None, {"node_days": 3}])


@settings(max_examples=40, deadline=None)
@given(work=works, policy=policies, failures=fails)
def test_every_play_is_possible(work: Work, policy: str, failures: dict[str, int] | None) -> None:
    play = tiny.play(policy, of=work, days=DAYS, failures=failures)
    found = metrics.measure(play)
    assert metrics.series_of(play).sum() == 4 * 8 * DAYS * tiny.DAY_S
    assert found.bound_share is None or 0 <= found.bound_share <= 1
    assert 0 <= found.useful_occupancy <= found.occupancy <= 1
    assert found.finished + found.never_started <= found.jobs
    promised = sum(s.servers for s in play.register.standings if s.holds_at(DAYS * tiny.DAY_S - 1))
    assert promised <= 4


@settings(max_examples=15, deadline=None)
@given(work=works, policy=policies)
def test_the_same_inputs_give_the_same_play(work: Work, policy: str) -> None:
    one, two = (tiny.play(policy, of=work, days=DAYS) for _ in range(2))
    assert metrics.measure(one) == metrics.measure(two)
    assert np.array_equal(sched.segments(one.sites[0].world), sched.segments(two.sites[0].world))
    assert one.register.events == two.register.events
