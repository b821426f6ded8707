"""The ledger's own account of a play is the engine's, second by second and month by month."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.properties.small_plays import DAYS, policies, works
from tests.unit.twin import tiny

from dure.engine.scheduling import counters as cr
from dure.metering.conservation import SixWay
from dure.twin import accounts, metrics, run
from dure.twin.site import SERIES
from dure.twin.work import Work

STARTS = "2026-03-28"  # four days of March, four of April
STEPS_OF_MARCH = 4 * 4
fails = st.sampled_from([None, {"node_days": 2}])


def play(policy: str, work: Work, **changed: Any) -> run.Play:
    return tiny.play(policy, of=work, days=DAYS, starts=STARTS, **changed)


def by_month(one: run.Play) -> list[dict[str, int]]:
    """What the engine counted, its steps put together by month."""
    steps = metrics.series_of(one)
    parts = steps[:STEPS_OF_MARCH], steps[STEPS_OF_MARCH:]
    return [dict(zip(SERIES, (int(x) for x in p.sum(axis=0)), strict=True)) for p in parts]


def splits(one: run.Play) -> list[SixWay]:
    found = accounts.accounts_of(one)
    assert [month.month for month in found] == ["2026-03", "2026-04"]
    return [month.account.split for month in found]


@settings(max_examples=50, deadline=None)
@given(work=works, policy=policies, failures=fails)
def test_every_month_is_the_engines(
    work: Work, policy: str, failures: dict[str, int] | None
) -> None:
    one = play(policy, work, failures=failures)
    for split, engine in zip(splits(one), by_month(one), strict=True):
        assert (split.used, split.lent, split.down) == tuple(
            engine[kind] for kind in ("owner", "lent", "down")
        )
        assert split.idle + split.unallocated == engine["idle"] + engine["held"]
        assert split.own == 0


@settings(max_examples=25, deadline=None)
@given(work=works, policy=st.sampled_from(["islands", "pool"]))
def test_an_allocation_is_used_or_idle_where_nothing_fails_and_nothing_is_reduced(
    work: Work, policy: str
) -> None:
    half = [{"project": name, "pool": "a", "servers": 1} for name in ("busy", "idle")]
    given_ = {"given": half, "waiting": [{"project": "next", "pool": "a", "servers": 1}]}
    for split in splits(play(policy, work, allocations=given_)):
        outside = 2 * 8 * 4 * tiny.DAY_S
        assert split.unallocated <= outside
        if policy == "islands":
            assert split.used + split.idle == outside
        else:  # lent work stands outside allocations first
            assert split.used + split.idle + max(0, split.lent - outside) <= outside
            assert split.used + split.idle + split.lent >= outside


@settings(max_examples=25, deadline=None)
@given(work=works, policy=st.sampled_from(["pool", "stewarded", "headroom"]))
def test_a_spare_is_unallocated_until_a_node_fails(work: Work, policy: str) -> None:
    pools = {"pools": [{"id": "a", "nodes": 5, "spare_nodes": 1}]}
    one = play(policy, work, supply=pools, failures={"node_days": 2})
    counter = one.sites[0].world.state.counter
    whole = accounts.total(accounts.accounts_of(one))
    out = int(counter[cr.DOWN_AS])
    assert whole.down <= out <= whole.down + whole.unallocated + whole.idle
    assert whole.total == 5 * 8 * DAYS * tiny.DAY_S


def test_work_that_outruns_a_lowered_entitlement_counts_with_it_until_it_ends() -> None:
    long = tiny.jobs((0, 6 * tiny.DAY_S, 16, 0))
    until = [{"project": "busy", "pool": "a", "servers": 2, "until_day": 3}]
    one = play("islands", long, allocations={"given": until})
    first, second = splits(one)
    assert (first.used, second.used) == (16 * 4 * tiny.DAY_S, 16 * 2 * tiny.DAY_S)
    assert first.idle == second.idle == 0
    uses = [month.account.allocations[0] for month in accounts.accounts_of(one)]
    assert [use.entitled for use in uses] == [use.used for use in uses]


def test_an_engine_that_counts_otherwise_is_refused() -> None:
    one = play("pool", tiny.steady())
    one.sites[0].world.state.owner_as[0] += 1
    with pytest.raises(metrics.UnableToAccount, match="pool a: metering"):
        accounts.accounts_of(one)


def test_a_stretch_that_two_had_is_refused_by_metering() -> None:
    one = play("pool", tiny.steady())
    log = one.sites[0].world.core.log
    ended = int(one.sites[0].world.state.counter[cr.SEGMENTS])
    log[1, :ended] = np.maximum(0, log[1, :ended] - tiny.DAY_S)
    with pytest.raises(metrics.UnableToAccount, match="pool a at 2026-03"):
        accounts.accounts_of(one)


def test_months_are_the_zones_also_where_its_clock_leaps() -> None:
    one = tiny.play("pool", days=31, starts="2026-03-15", time_zone="Europe/Berlin")
    months = accounts.months_of(one)
    assert [(m.name, m.period.seconds) for m in months] == [
        ("2026-03", 17 * tiny.DAY_S - tiny.HOUR_S),
        ("2026-04", 14 * tiny.DAY_S + tiny.HOUR_S),
    ]
    assert accounts.total(accounts.accounts_of(one)).total == 32 * 31 * tiny.DAY_S
