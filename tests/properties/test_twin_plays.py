"""Whatever the work: nothing is counted twice, lost or beyond what is possible."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.twin import tiny

from dure.engine import scheduling as sched
from dure.metering import conservation
from dure.quantities import Period
from dure.twin import metrics, run
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


@settings(max_examples=25, deadline=None)
@given(work=works, policy=st.sampled_from(["islands", "pool"]), failures=fails)
def test_metering_counts_what_the_kernel_counted(
    work: Work, policy: str, failures: dict[str, int] | None
) -> None:
    """The ledger's own account of the play's usage records, second by second."""
    play = tiny.play(policy, of=work, days=DAYS, failures=failures)
    split = conservation.account(_records(play), _period(play)).split
    series = dict(
        zip(("owner", "lent"), metrics.series_of(play).sum(axis=0).tolist(), strict=False)
    )
    open_s = _still_running(play)
    assert (split.used, split.lent) == (series["owner"] - open_s[0], series["lent"] - open_s[1])


def _period(play: run.Play) -> Period:
    start = play.setting.start
    return Period(start, start + timedelta(days=DAYS))


def _still_running(play: run.Play) -> list[int]:
    """Accelerator-seconds of stretches that have not ended: no usage record yet."""
    world = play.sites[0].world
    ended = sched.segments(world)
    logged = [0, 0]
    for row, since, until, mode, _end in ended.T.tolist():
        logged[mode] += (until - since) * int(world.jobs.width[row])
    return [
        int(world.state.owner_as.sum()) - logged[0],
        int(world.state.lent_as.sum()) - logged[1],
    ]


def _project(play: run.Play, row: int) -> str:
    return play.setting.projects[int(play.work.project[row])].key


def _records(play: run.Play) -> conservation.PoolFacts:
    world = play.sites[0].world
    start = play.setting.start
    held = tuple(
        conservation.Held(
            start=start + timedelta(seconds=since),
            end=start + timedelta(seconds=until),
            accelerators=int(world.jobs.width[row]),
            kind="lent" if mode else "owner",
            allocation=None if mode else _project(play, row),
            project=_project(play, row),
            key=f"{row}@{since}",
        )
        for row, since, until, mode, _end in sched.segments(world).T.tolist()
        if until > since
    )
    entitled = tuple(
        conservation.Entitled(
            start=start,
            end=start + timedelta(days=DAYS),
            accelerators=p.servers * 8,
            allocation=p.key,
        )
        for p in play.setting.projects
        if p.servers
    )
    return conservation.PoolFacts(
        pool="a", accelerators=32, own_accelerators=0, held=held, entitled=entitled
    )


@settings(max_examples=15, deadline=None)
@given(work=works, policy=policies)
def test_the_same_inputs_give_the_same_play(work: Work, policy: str) -> None:
    one, two = (tiny.play(policy, of=work, days=DAYS) for _ in range(2))
    assert metrics.measure(one) == metrics.measure(two)
    assert np.array_equal(sched.segments(one.sites[0].world), sched.segments(two.sites[0].world))
    assert one.register.events == two.register.events
