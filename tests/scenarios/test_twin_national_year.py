"""The shipped national year: of the size that it says, and its first weeks play as they should."""

from __future__ import annotations

import pytest

from dure.cli.programme_library import load_programme
from dure.twin import metrics, run, setting
from dure.twin.policies import DEFAULT
from dure.twin.scenario import Scenario
from dure.twin.scenario_file import load_scenario
from dure.twin.setting import Setting
from dure.twin.work import Work, work_of

WEEKS_DAYS = 35  # the first round of the second month is among them


@pytest.fixture(scope="module")
def year() -> Scenario:
    return load_scenario("national-year")[0]


def set_(scenario: Scenario) -> tuple[Setting, Work]:
    folder = load_scenario("national-year")[1]
    place = setting.setting_of(scenario, folder=folder, programmes=load_programme)
    return place, work_of(place, scenario.demand, seed=1)


def test_the_year_has_the_nodes_the_jobs_and_the_load_that_it_says(year: Scenario) -> None:
    place, work = set_(year)
    assert [pool.nodes for pool in place.pools] == [137, 246, 329, 411, 519]
    assert place.capacity == 1642 * 8
    assert len(work.submit_s) == pytest.approx(1_000_000, rel=0.1)
    assert work.left_out == 0
    offered = (work.width * work.work_s).sum() / (place.capacity * 365 * 86_400)
    assert offered == pytest.approx(0.87, abs=0.03)
    assert DEFAULT in year.policies


def test_its_first_weeks_are_played_as_they_should_be(year: Scenario) -> None:
    weeks = year.model_copy(update={"days": WEEKS_DAYS})
    place, work = set_(weeks)
    found = {}
    for policy in year.policies:
        play = run.play(weeks, place, work, policy=policy, seed=1)
        found[policy] = metrics.measure(play)
        assert {"award", "expire"} & {event.what for event in play.register.events}, policy
    islands, pool = found["islands"], found[DEFAULT]
    assert pool.bound_share is not None
    assert islands.bound_share is not None
    assert pool.bound_share > 0.97 > islands.bound_share
    assert pool.guarantee_p99_s is not None
    assert pool.guarantee_p99_s <= 60
    assert pool.take_backs > 0
    assert pool.node_failures > 0
