"""What the figures of a play are made of: energy, what is free, who is served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.unit.twin import tiny

from dure.cli.programme_library import load_programme
from dure.twin import fairness, fragments, metrics, outages, setting
from dure.twin.energy import Draw, Spent, energy_of

HOUR_S = tiny.HOUR_S
H100 = {"busy_w": 8000, "idle_w": 2000, "source": "measured"}


def spent(draw: Draw | None, **changed: int) -> Spent:
    """One node for one hour: half of it owner's work, a quarter lent, a quarter idle."""
    amounts = {"owner": 4, "lent": 2, "idle": 2, "down": 0} | changed
    return Spent(draw, 8, **{kind: n * HOUR_S for kind, n in amounts.items()})


def test_a_node_draws_between_idle_and_busy_by_its_accelerators_at_work() -> None:
    found = energy_of([spent(Draw(busy_w=8000, idle_w=2000, source="s"))])
    assert found == (4.0, 2.0, 0.5, 0.0)


def test_what_was_not_given_is_not_zero() -> None:
    known, limit = Draw(busy_w=8000, idle_w=2000, source="s"), Draw(busy_w=5600, source="TDP")
    assert energy_of([spent(None)]) == (None, None, None, None)
    assert energy_of([spent(known), spent(None)]) == (None, None, None, None)
    assert energy_of([spent(known), spent(limit)]) == (6.8, 3.4, None, 0.0)
    assert energy_of([spent(known, down=1)]).down_kwh is None


def test_a_pue_counts_only_where_every_pool_gives_one() -> None:
    bare = Draw(busy_w=8000, source="s")
    whole = Draw.model_validate({"busy_w": 8000, "source": "s", "pue": "1.25"})
    assert energy_of([spent(whole)]).owner_kwh == 5.0
    assert energy_of([spent(whole), spent(bare)]).owner_kwh == 8.0


@pytest.mark.parametrize(
    "wrong", [{"idle_w": 9000}, {"busy_w": 0}, {"source": ""}, {"pue": "0.9"}, {"down_w": -1}]
)
def test_a_draw_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Draw.model_validate(H100 | wrong)


def test_a_play_says_what_it_drew_and_what_a_useful_hour_took() -> None:
    pools = {"pools": [{"id": "a", "nodes": 4, "energy": H100}]}
    found = tiny.measured("pool", supply=pools)
    assert found.owner_kwh == pytest.approx(found.owner_hours)
    assert found.lent_kwh == pytest.approx(found.lent_hours)
    assert found.idle_kwh == pytest.approx((found.idle_hours + found.held_hours) / 4)
    useful = found.useful_occupancy * found.capacity_hours
    drawn = sum(kwh or 0 for kwh in (found.owner_kwh, found.lent_kwh, found.idle_kwh))
    assert found.kwh_per_useful_hour == pytest.approx(drawn / useful)
    assert tiny.measured("pool").kwh_per_useful_hour is None


def test_a_parked_spare_is_idle_and_a_node_that_failed_is_down() -> None:
    pools = {"pools": [{"id": "a", "nodes": 5, "spare_nodes": 1, "energy": H100 | {"down_w": 800}}]}
    one = tiny.play("pool", supply=pools, failures={"node_days": 2})
    found, down_h = metrics.measure(one), outages.down_as(one.sites[0].world) / HOUR_S
    assert 0 < down_h < found.down_hours
    assert found.down_kwh == pytest.approx(down_h / 10)
    spare_h = found.down_hours - down_h
    assert found.idle_kwh == pytest.approx((found.idle_hours + found.held_hours + spare_h) / 4)


nodes = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1), st.integers(0, 2)), min_size=1)


@given(nodes=nodes)
def test_the_widest_gang_is_what_a_count_by_hand_says(nodes: list[tuple[int, int, int]]) -> None:
    free, up, home = (np.array(column, np.int64) for column in zip(*nodes, strict=True))
    seen = fragments.look(free, up, home, 4)
    gangs = []
    for who in range(3):
        mine = [f for f, u, h in nodes if u and h == who]
        gangs.append(4 * mine.count(4) + max((f for f in mine if f < 4), default=0))
    assert seen.gang == max(gangs)
    assert seen.nodes == tuple(sum(u and f == n for f, u, _ in nodes) for n in range(5))


def test_free_accelerators_are_unusable_for_those_who_need_more_on_a_node() -> None:
    looks = [fragments.Free((0, 2, 0, 0, 1), 5)]  # one free on two nodes, one node empty
    found = fragments.fragments([(looks, np.array([1, 2, 4, 16], np.int64))])
    assert found.partly_used == pytest.approx(2 / 6)
    assert found.unusable == pytest.approx(2 * 0.75 / 6)
    assert found.largest_gang == 5


def test_who_is_alone_finishes_as_alone_and_sharing_is_told_beside_it() -> None:
    borrowing = tiny.jobs((0, 20 * HOUR_S, 16, 0), (0, 20 * HOUR_S, 8, 0), (0, HOUR_S, 8, 1))
    alone = tiny.play("islands", of=borrowing)
    ends = fairness.ends_of(alone)
    assert ends.tolist() == [20 * HOUR_S, 40 * HOUR_S, HOUR_S]
    same = metrics.measure(alone, alone=ends)
    assert (same.finish_time_fairness, same.finish_time_worst) == (1.0, 1.0)
    pool = tiny.play("pool", of=borrowing)
    shared = metrics.measure(pool, alone=ends)
    both = int(fairness.ends_of(pool)[:2].sum()) / (60 * HOUR_S)
    assert both < 0.8
    assert shared.finish_time_fairness == pytest.approx((both + 1) / 2)
    assert shared.finish_time_worst == 1.0
    assert metrics.measure(alone).finish_time_fairness is None


def test_take_backs_are_told_by_hours_run_and_with_what_each_lost() -> None:
    borrowed = [(0, 50 * HOUR_S, 8, 0)] * 3 + [(0, 50 * HOUR_S, 8, 2)]
    one = tiny.play("pool", of=tiny.jobs(*borrowed, (90_000, 60, 16, 1)))
    found = metrics.measure(one)
    assert found.take_backs == 2
    run_h = found.owner_hours + found.lent_hours
    assert found.take_backs_per_1000_h == pytest.approx(2000 / run_h)
    assert found.lost_per_take_back_h == pytest.approx(found.lost_hours / 2)
    assert found.lent_share == pytest.approx(found.lent_hours / run_h)
    islands = tiny.measured("islands")
    assert (islands.take_backs_per_1000_h, islands.lost_per_take_back_h) == (0, None)


def test_the_least_served_project_is_named_by_its_share() -> None:
    never = tiny.jobs((0, 3600, 8, 0), (0, 3600, 8, 2))
    found = metrics.measure(tiny.play("islands", of=never))
    assert found.least_served == 0.0
    assert found.fairness == pytest.approx(0.5)


def of_programme(**supply: Any) -> setting.Setting:
    asked = tiny.scenario(
        supply={"programme": "kr-gpu-2026"} | supply,
        allocations={"equal_shares": {"projects": 1}},
    )
    return setting.setting_of(asked, folder=Path(), programmes=load_programme)


def test_a_programme_gives_the_limit_of_its_accelerators_and_nothing_of_idle_ones() -> None:
    draws = {p.energy.busy_w: p.energy.idle_w for p in of_programme().pools if p.energy}
    assert set(draws) == {8 * 700, 8 * 1000}
    assert set(draws.values()) == {None}


def test_what_was_measured_stands_instead_of_the_programmes_limit() -> None:
    first, *others = [pool.id for pool in of_programme().pools]
    found = {pool.id: pool.energy for pool in of_programme(energy={first: H100}).pools}
    assert found[first] == Draw.model_validate(H100)
    assert {draw.idle_w for name, draw in found.items() if name in others and draw} == {None}
    with pytest.raises(setting.UnableToSet, match="'energy' names pool 'nowhere'"):
        of_programme(energy={"nowhere": H100})
