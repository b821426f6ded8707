"""Plays of a real programme's supply and rules, of fitted demand, and what is said of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.twin import tiny

from dure.cli.programme_library import load_programme
from dure.twin import metrics, notes, run, setting, work, workload
from dure.twin.project import MONTH_S
from dure.twin.scenario import Scenario

KOREA: dict[str, Any] = {
    "schema": "dure.twin/1",
    "name": {"ko": "국가", "en": "national"},
    "starts": "2026-03-02",
    "days": 32,
    "supply": {"programme": "kr-gpu-2026"},
    "allocations": {"equal_shares": {"projects": 6, "waiting": 1}, "rounds": {"applications": 5}},
    "demand": {"synthetic": {"load": "1/2", "median_run_minutes": 3000, "widths": {64: 1}}},
    "failures": {},
    "profile": "slurm-25.11",
}


def played(asked: Scenario, policy: str, folder: Path = Path()) -> run.Play:
    place = setting.setting_of(asked, folder=folder, programmes=load_programme)
    jobs = work.work_of(place, asked.demand, seed=1)
    return run.play(asked, place, jobs, policy=policy, seed=1)


def test_a_programme_brings_its_pools_its_lending_and_its_rules() -> None:
    play = played(Scenario.model_validate(KOREA), "stewarded")
    document = load_programme("kr-gpu-2026")
    own = {pool.id: pool.programme_nodes for _, _, pool in document.pools()}
    assert {pool.id: pool.nodes for pool in play.setting.pools} == own
    assert play.setting.zone.key == document.time_zone
    found = metrics.measure(play)
    assert found.finished > 0
    assert found.lent_hours > 0
    assert found.notices > 0  # its own rule, after 14 days of grace and a window of 14


def test_what_of_a_programme_is_not_played_is_said() -> None:
    place = setting.setting_of(
        Scenario.model_validate(KOREA), folder=Path(), programmes=load_programme
    )
    said = " ".join(note.said() for note in place.notes)
    assert "standing allocations" in said
    assert "is not played" not in said  # its quotas are targets, its rule is played


def test_a_programme_in_hours_is_played_in_servers_and_says_so() -> None:
    asked = KOREA | {"supply": {"programme": "us-incite-frontier"}, "days": 2}
    asked |= {"allocations": {"equal_shares": {"projects": 3}}}
    place = setting.setting_of(
        Scenario.model_validate(asked), folder=Path(), programmes=load_programme
    )
    said = [note.said() for note in place.notes]
    assert any("the twin's rounds and shares are in servers" in note for note in said)
    assert any(note.startswith("Rule first-of-may takes hours and no servers") for note in said)


def test_caps_of_a_programme_that_projects_do_not_fall_under_are_named() -> None:
    document = load_programme("kr-gpu-2026")
    capped = document.quotas[0].model_copy(update={"enforcement": "cap"})
    said = [
        note.said()
        for note in notes.programme_notes(
            document.model_copy(update={"quotas": (capped,)}), document.calls[0].supply_from
        )
    ]
    assert any(
        note.startswith(f"Bound {capped.id} of the programme is not played") for note in said
    )


def test_a_cap_on_one_organisation_binds_each_project() -> None:
    document = load_programme("kr-gpu-2026")
    allotment = document.allotment.model_copy(update={"organisation_cap": 3})
    asked = KOREA | {
        "days": 1,
        "allocations": {"rounds": {"applications": 40, "servers": {8: 1}, "reducible": 1}},
    }
    scenario = Scenario.model_validate(asked)
    place = setting.setting_of(
        scenario,
        folder=Path(),
        programmes=lambda _name: document.model_copy(update={"allotment": allotment}),
    )
    jobs = work.work_of(place, scenario.demand, seed=1)
    play = run.play(scenario, place, jobs, policy="pool", seed=1)
    assert not [e for e in play.register.events if e.what == "award"]  # half of 8 is above 3


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            {"kind": "use_against_plan", "every_months": 1,
             "bands": [{"at_least": 0, "below": "1/2", "remove": 1}]},
            "Rule it asks for each project's own plan of use; it is played with an even use",
        ),
        ({"kind": "idle_job", "warn_minutes": [5], "cancel_minutes": 9}, "looks at single jobs"),
        ({"kind": "late_report", "submissions_off_days": 3, "accounts_off_days": 9}, "at reports"),
    ],
)  # fmt: skip
def test_rules_that_the_twin_plays_otherwise_are_named(rule: dict[str, Any], expected: str) -> None:
    text = {"ko": "규칙", "en": "rule"}
    place = tiny.set_(tiny.scenario(reclaim=[rule | {"id": "it", "say": text}]))
    assert any(expected in note.said() for note in place.notes)


def test_use_against_an_even_plan_is_noticed_and_pulled_back_in_hours() -> None:
    rule = {
        "id": "plan", "kind": "use_against_plan", "every_months": 1, "notice_days": 2,
        "bands": [{"at_least": 0, "below": "1/10", "remove": "1/2"}],
        "say": {"ko": "계획 대비", "en": "against plan"},
    }  # fmt: skip
    play = tiny.play("stewarded", reclaim=[rule], days=40)
    acts = [(e.what, e.project, e.servers) for e in play.register.events]
    assert ("notice", "idle", 0) in acts
    assert ("pull_back", "idle", 0) in acts
    assert all(project != "busy" for _what, project, _n in acts)
    (idle,) = (s for s in play.register.standings if s.project.key == "idle")
    assert idle.taken > 0
    assert idle.servers == 2


def trace_file(folder: Path) -> Path:
    """A small trace: two accounts, a day of jobs of two sizes each."""
    rng = np.random.default_rng(3)
    count = 400
    made = workload.trace_of(
        submit_s=np.sort(rng.integers(0, 14 * tiny.DAY_S, count)),
        run_s=rng.integers(600, 20_000, count),
        accelerators=rng.choice([1, 8], count),
        account=rng.integers(0, 2, count),
        accounts=("one", "two"),
    )
    path = folder / "trace.csv"
    workload.write(made, path)
    return path


@pytest.mark.parametrize("policy", ["islands", "stewarded"])
def test_work_like_a_traces_is_made_for_any_number_of_days(tmp_path: Path, policy: str) -> None:
    name = trace_file(tmp_path).name
    demand = {"fitted": {"file": name, "load": "1/2"}}
    asked = tiny.scenario(demand=demand, days=30)
    play = played(asked, policy, tmp_path)
    asked_for = float((play.work.work_s * play.work.width).sum())
    assert asked_for == pytest.approx(0.5 * 4 * 8 * 30 * tiny.DAY_S, rel=0.05)
    assert set(play.work.project.tolist()) == {0, 1, 2}
    assert metrics.measure(play).finished > 0


def test_applicants_have_fitted_work_of_their_own_from_the_day_they_apply(tmp_path: Path) -> None:
    name = trace_file(tmp_path).name
    rounds = {"applications": 3, "servers": {1: 1}, "months": {1: 1}}
    given = [{"project": "first", "pool": "a", "servers": 2}]
    asked = tiny.scenario(
        demand={"fitted": {"file": name, "load": "1/2"}},
        allocations={"given": given, "rounds": rounds},
        days=70,
    )
    play = played(asked, "pool", tmp_path)
    for index, project in enumerate(play.setting.projects):
        own = play.work.project == index
        begin, end = project.works(70)
        assert own.any()
        assert begin <= play.work.submit_s[own].min()
        assert play.work.submit_s[own].max() < end
    later = [p for p in play.setting.projects if p.applies_s == MONTH_S]
    mine = np.isin(play.work.project, [play.setting.projects.index(p) for p in later])
    wanted = 0.5 * 3 * 8 * MONTH_S
    assert float((play.work.work_s * play.work.width)[mine].sum()) == pytest.approx(wanted, rel=0.1)
