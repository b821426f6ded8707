"""Whatever the work: nothing is counted twice, lost or beyond what is possible."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.properties.small_plays import DAYS, policies, works
from tests.unit.twin import tiny

from dure.engine import scheduling as sched
from dure.twin import metrics, run
from dure.twin.work import Work
from dure.twin.work import work_of as of_scenario

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


odds = st.dictionaries(st.integers(1, 4), st.integers(1, 3), min_size=1)
rounds = st.fixed_dictionaries(
    {
        "every_months": st.integers(1, 2),
        "applications": st.integers(0, 5),
        "servers": odds,
        "months": odds,
        "reducible": st.sampled_from([0, "1/2", 1]),
        "start_within_months": st.integers(0, 2),
        "keeps_months": st.integers(1, 3),
    }
)


@settings(max_examples=25, deadline=None)
@given(rounds=rounds, policy=policies, seed=st.integers(1, 5), given_=st.sampled_from([0, 3]))
def test_rounds_never_promise_more_than_the_pool_has_and_nobody_twice(
    rounds: dict[str, object], policy: str, seed: int, given_: int
) -> None:
    allocations: dict[str, object] = {"rounds": rounds}
    if given_:
        allocations["given"] = [{"project": "x", "pool": "a", "servers": given_, "until_day": 50}]
    assume(given_ or rounds["applications"])
    asked = tiny.scenario(allocations=allocations, days=125)
    place = tiny.set_(asked, seed=seed)
    jobs = of_scenario(place, asked.demand, seed=seed)
    plays = [run.play(asked, place, jobs, policy=policy, seed=seed) for _ in range(2)]
    assert plays[0].register.events == plays[1].register.events
    assert metrics.series_of(plays[0]).sum() == 4 * 8 * 125 * tiny.DAY_S
    assert _most_entitled(plays[0]) <= 4 * 8
    gained = [e.project for e in plays[0].register.events if e.what in ("award", "promote")]
    assert len(gained) == len(set(gained))
    for standing in plays[0].register.standings:
        if standing.servers and standing.project.applies_s is not None:
            assert standing.project.minimum <= standing.project.asked
            assert standing.servers <= standing.project.asked


def _most_entitled(play: run.Play) -> int:
    """The most accelerators that the site was told to guarantee at once."""
    held: dict[int, int] = {}
    most = 0
    changes = play.sites[0].entitlements
    for at, (at_s, account, amount) in enumerate(changes):
        held[account] = amount
        if at + 1 == len(changes) or changes[at + 1][0] > at_s:
            most = max(most, sum(held.values()))
    return most


@settings(max_examples=15, deadline=None)
@given(work=works, policy=policies)
def test_the_same_inputs_give_the_same_play(work: Work, policy: str) -> None:
    one, two = (tiny.play(policy, of=work, days=DAYS) for _ in range(2))
    assert metrics.measure(one) == metrics.measure(two)
    assert np.array_equal(sched.segments(one.sites[0].world), sched.segments(two.sites[0].world))
    assert one.register.events == two.register.events
