"""Scenario files: the shipped one is read, and what is wrong is said with file, line and field."""

from __future__ import annotations

import pytest

from dure.twin import scenario_file
from dure.twin.scenario_file import ScenarioFileError, load_scenario, parse_scenario

GOOD = (scenario_file.SHIPPED / "small-pool.yaml").read_text(encoding="utf-8")


def said(old: str, new: str) -> str:
    assert old in GOOD
    with pytest.raises(ScenarioFileError) as refused:
        parse_scenario(GOOD.replace(old, new), file="x.yaml")
    return str(refused.value)


def test_the_shipped_scenario_is_read() -> None:
    scenario, folder = load_scenario("small-pool")
    assert scenario.days == 28
    assert folder == scenario_file.SHIPPED


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("days: 28", "dayz: 28", "there is no field 'dayz' here"),
        ("days: 28", "days: -1", "days: this must be more than 0"),
        ("nodes: 16", "nodes: many", "supply.pools[0].nodes: write a whole number here"),
        ("load: 0.7", "load: lots", "demand.synthetic.load: write a number such as 0.8"),
        ("profile: slurm-25.11", "profile: pbs", "profile: 'pbs' is not known; write one of"),
        ("time_zone: Asia/Seoul", "time_zone: Seoul", "time_zone: 'Seoul' is not a time zone"),
        ("hours: 6", "hours: 5", "control_step_hours: write hours that divide a day"),
        ("[islands, islands-by-hand", "[isles", "policies[0]: 'isles' is not known"),
        ("projects: 6, waiting: 3", "projects: 6", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_line_and_field(old: str, new: str, expected: str) -> None:
    if not expected:
        parse_scenario(GOOD.replace(old, new), file="x.yaml")
        return
    message = said(old, new)
    line = GOOD[: GOOD.index(old)].count("\n") + 1
    assert f"x.yaml:{line}:" in message
    assert expected in message


def test_a_name_that_is_no_file_lists_the_shipped_ones() -> None:
    with pytest.raises(scenario_file.ScenarioNotFoundError, match="small-pool"):
        load_scenario("nowhere")
