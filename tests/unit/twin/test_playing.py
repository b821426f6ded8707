"""Plays: what each policy does with the same jobs, and what the figures say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.unit.twin import tiny

from dure.twin import compare, metrics, site, work
from dure.twin.policies import POLICIES, predicted


def did(policy: str, **changed: Any) -> list[tuple[int, str, str, int]]:
    play = tiny.play(policy, **changed)
    return [(e.at_s // tiny.DAY_S, e.what, e.project, e.servers) for e in play.register.events]


def test_islands_lend_nothing_and_who_waits_never_starts() -> None:
    play = tiny.play("islands")
    assert metrics.measure(play).lent_hours == 0
    of_next = play.work.project == 2
    assert (play.sites[0].world.state.start_s[of_next] == -1).all()


def test_a_pool_lends_idle_capacity_to_who_waits_and_to_owners_beyond_their_part() -> None:
    found = tiny.measured("pool")
    assert found.lent_hours > 1000
    assert found.never_started == 0
    assert found.pull_backs == found.promotions == 0


def test_the_rules_give_notice_take_back_and_promote_who_waits() -> None:
    assert did("stewarded")[:3] == [
        (3, "notice", "idle", 1),
        (5, "pull_back", "idle", 1),
        (5, "promote", "next", 1),
    ]


def test_an_owner_who_returns_starts_within_the_grace() -> None:
    borrowed = [(0, 50 * tiny.HOUR_S, 8, 0)] * 3 + [(0, 50 * tiny.HOUR_S, 8, 2)]
    play = tiny.play("pool", of=tiny.jobs(*borrowed, (90_000, 60, 16, 1)))
    state = play.sites[0].world.state
    assert state.turn_s[4] == 90_000
    assert state.held_s[4] == 90_030
    assert state.taken.sum() == 2


@pytest.mark.parametrize(
    ("backfill", "long_h", "short_h"), [("none", 30, 30), ("easy", 0, 0), ("conservative", 30, 0)]
)
def test_who_passes_a_blocked_job_is_the_scenarios_choice(
    backfill: str, long_h: int, short_h: int
) -> None:
    """16 accelerators: one job runs, two wait for most of them; then a long one and a short one."""
    hours = [(10, 8), (10, 12), (10, 16), (25, 4), (2, 4)]
    rows = [(at, run * tiny.HOUR_S, width, 0) for at, (run, width) in enumerate(hours)]
    play = tiny.play("islands", of=tiny.jobs(*rows), backfill=backfill)
    starts = play.sites[0].world.state.start_s // tiny.HOUR_S
    assert starts[3:].tolist() == [long_h, short_h]


def test_monthly_checks_by_hand_come_thirty_days_apart() -> None:
    acts = did("islands-by-hand", days=95)
    assert {day % 30 for day, *_ in acts if _[0] != "expire"} == {0}
    assert any(what == "pull_back" for _, what, *_ in acts)


def test_under_islands_nodes_move_only_when_they_are_empty() -> None:
    present = np.array([0, 0, 1, 1, 2], np.int64)
    assert site.homes(present, [2, 2]).tolist() == [0, 0, 1, 1, 2]
    assert site.homes(present, [1, 3]).tolist() == [0, 2, 1, 1, 1]


def test_the_same_seed_gives_the_same_play_and_another_seed_another() -> None:
    asked = tiny.scenario(failures={"node_days": 3})
    place = tiny.set_(asked)
    one, again, other = (work.work_of(place, asked.demand, seed=s) for s in (1, 1, 2))
    assert one.submit_s.tolist() == again.submit_s.tolist() != other.submit_s.tolist()
    figures = [tiny.measured("stewarded", of=w, failures={"node_days": 3}) for w in (one, again)]
    assert figures[0] == figures[1]
    assert figures[0].node_failures > 0


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_accounts_for_every_accelerator_second(policy: str) -> None:
    found = tiny.measured(policy, failures={"node_days": 2})
    parts = found.owner_hours + found.lent_hours + found.idle_hours + found.held_hours
    assert parts + found.down_hours == pytest.approx(4 * 8 * 24 * 12)
    assert found.useful_occupancy <= found.occupancy <= 1
    assert found.bound_share is not None
    assert found.bound_share <= 1


def test_a_book_that_does_not_add_up_is_refused() -> None:
    play = tiny.play("pool")
    play.sites[0].series[4] = (1, 2, 3, 4, 5)
    with pytest.raises(metrics.UnableToAccount, match=r"pool a, step 4"):
        metrics.measure(play)


def test_the_bound_is_what_unlimited_capacity_would_do_where_there_is_little_work() -> None:
    play = tiny.play("pool", of=tiny.jobs((100, 1000, 8, 0), (200, 77, 8, 1)))
    series = metrics.series_of(play)
    assert metrics.work_conserving_bound(play, series) == 8 * 1077


def test_the_bound_is_the_healthy_capacity_where_there_is_too_much_work() -> None:
    much = tiny.jobs(*[(0, 12 * tiny.DAY_S, 8, 0)] * 9)
    play = tiny.play("pool", of=much)
    bound = metrics.work_conserving_bound(play, metrics.series_of(play))
    assert bound == 4 * 8 * 12 * tiny.DAY_S


def test_slurm_22_05_loses_saved_lent_work_and_a_newer_one_does_not() -> None:
    saving = {"synthetic": {}, "save_s": 1}
    old, new = (
        tiny.measured("pool", demand=saving, profile=p) for p in ("slurm-22.05", "slurm-25.11")
    )
    assert old.gone > 0
    assert new.gone == 0


def test_a_prediction_knows_only_what_had_ended() -> None:
    submit = np.array([0, 10, 20, 100], np.int64)
    took = np.array([50, 30, 5, 1], np.int64)
    same = np.zeros(4, np.int64)
    assert predicted.predicted_s(submit, took, same).tolist() == [3600, 3600, 3600, 40]


def test_bad_nodes_have_the_share_of_the_failures_that_was_asked_for() -> None:
    bad = {"nodes": "25%", "failures": "90%"}
    play = tiny.play("pool", failures={"node_days": 1, "bad_nodes": bad}, days=60)
    _at_s, node, up = play.sites[0].world.core.event
    failed = np.bincount(node[up == 0], minlength=4)
    assert failed.max() > 0.7 * failed.sum() > 50


def test_differences_are_taken_seed_by_seed() -> None:
    base = tiny.measured("islands")
    found = [
        base.model_copy(update={"policy": policy, "seed": seed, "occupancy": level + seed / 10})
        for seed in (1, 2, 3)
        for policy, level in (("islands", 0.1), ("pool", 0.3))
    ]
    figure = compare.compare(found).figures["occupancy"]["pool"]
    assert figure.difference == pytest.approx(0.2)
    assert figure.within == pytest.approx(0)
