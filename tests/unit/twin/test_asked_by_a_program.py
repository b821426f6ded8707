"""What the twin says to a program that started it: what it offers, what is wrong, how far it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dure.cli import twin_commands, twin_progress
from dure.cli.main import app
from dure.protocol.study import PlayProgress, ScenarioChecked, StudyResult, TwinOffer
from dure.twin.policies import POLICIES
from dure.twin.scenario_file import SHIPPED

SHORT = (SHIPPED / "small-pool.yaml").read_text(encoding="utf-8").replace("days: 28", "days: 3")


def asked(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["twin", *words])
    return done.exit_code, done.stdout, done.stderr


def written(folder: Path, text: str) -> str:
    path = folder / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_offer_names_every_shipped_scenario_and_every_policy() -> None:
    code, out, _ = asked("list", "--json")
    offer = TwinOffer.model_validate_json(out)
    assert code == 0
    assert [one.id for one in offer.scenarios] == sorted(path.stem for path in SHIPPED.iterdir())
    assert [one.id for one in offer.policies] == list(POLICIES)
    assert "small-pool" in asked("list")[1]


def test_a_sound_scenario_is_said_to_be_playable_and_what_it_would_play(tmp_path: Path) -> None:
    code, out, _ = asked("check", written(tmp_path, SHORT), "--json")
    found = ScenarioChecked.model_validate_json(out)
    assert (code, found.problems, found.days, found.seeds) == (0, (), 3, 3)
    assert found.policies == tuple(POLICIES)
    assert "can be played: 3 days" in asked("check", written(tmp_path, SHORT))[1]


def test_a_broken_scenario_is_said_with_line_and_field(tmp_path: Path) -> None:
    broken = written(tmp_path, SHORT.replace("nodes: 16", "nodes: 0"))
    code, out, _ = asked("check", broken, "--json")
    (problem,) = ScenarioChecked.model_validate_json(out).problems
    assert (code, problem.line, problem.field) == (1, 13, "supply.pools[0].nodes")
    code, _, said = asked("check", broken)
    assert (code, "scenario.yaml:13: supply.pools[0].nodes" in said) == (1, True)


def test_what_does_not_fit_together_is_a_problem_of_the_whole(tmp_path: Path) -> None:
    broken = written(tmp_path, SHORT.replace("projects: 6", "projects: 60"))
    code, out, _ = asked("check", broken, "--json")
    (problem,) = ScenarioChecked.model_validate_json(out).problems
    assert (code, problem.line) == (1, 0)
    assert "write fewer 'projects'" in problem.message


def test_a_scenario_that_is_not_there_cannot_be_checked() -> None:
    code, _, said = asked("check", "nowhere")
    assert (code, "no such file" in said) == (2, True)


def test_progress_is_a_json_line_and_ends_with_the_last_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twin_progress, "EVERY_S", 0.0)
    words = ("--policy", "islands", "--policy", "pool", "--seeds", "1", "--progress", "json")
    folder = tmp_path / "kept"
    code, _, said = asked("compare", written(tmp_path, SHORT), *words, "--out", str(folder))
    lines = [line for line in said.splitlines() if line.startswith("{")]
    told = [PlayProgress.model_validate_json(line) for line in lines]
    assert (code, [one.played for one in told], told[-1].of) == (0, [1, 2, 3, 4, 5, 6], 6)
    result = StudyResult.model_validate_json((folder / "result.json").read_text(encoding="utf-8"))
    assert [one.id for one in result.policies] == ["islands", "pool"]
    assert all(len(row.cells) == 2 for row in result.rows)
    assert result.answer.en.startswith(("Choose", "No policy"))
    useful = next(row for row in result.rows if row.label == "Useful occupancy")
    assert useful.cells[0].change == ""
    assert useful.cells[1].change[0] in "+−"


def test_progress_is_told_no_oftener_than_somebody_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twin_progress, "EVERY_S", 3600.0)
    words = ("--policy", "islands", "--seeds", "1", "--progress", "json")
    _, _, said = asked("compare", written(tmp_path, SHORT), *words)
    assert [json.loads(line)["played"] for line in said.splitlines()] == [1, 3]


def test_what_the_commands_need_is_what_the_hub_looks_for() -> None:
    from dure.hub.studies import installed  # noqa: PLC0415  # Django's settings come first

    assert installed.NEEDED == twin_commands.NEEDED
