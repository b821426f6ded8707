"""What an operator types about studies, through the hub's API."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration import small
from tests.integration.asked import SCENARIO, offered, played_study
from typer.testing import CliRunner

from dure.cli import study_commands
from dure.hub import clock
from dure.hub.people.models import User
from dure.hub.people.operations import issue_token
from dure.hub.studies import api, twin_process
from dure.hub.studies.models import Study
from dure.protocol.study import FileProblem, ScenarioChecked

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ENGLISH = {"LC_ALL": "C.UTF-8", "COLUMNS": "200"}
SOUND = ScenarioChecked(days=2, policies=("islands", "pool"), seeds=3)


@pytest.fixture(autouse=True)
def _hub(hub_in_this_process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: small.NOW)
    monkeypatch.setattr(twin_process, "offer", offered)
    monkeypatch.setattr(twin_process, "check", lambda _text: SOUND)


@pytest.fixture
def world() -> small.World:
    return small.opened()


def dure(*words: str, by: User, code: int = 0) -> str:
    token = issue_token(user=by, label="test", by=by, now=small.NOW)
    command = [*words, "--hub", "http://localhost", "--token", token]
    result = CliRunner().invoke(study_commands.app, command, env=ENGLISH)
    assert result.exit_code == code, f"{result.output} {result.exception!r}"
    return result.output


def scenario(folder: Path, text: str = SCENARIO) -> str:
    path = folder / "x.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_study_is_asked_seen_cancelled_and_removed_from_the_terminal(
    world: small.World, tmp_path: Path
) -> None:
    by, asked = world.operator, ("--name", "Summer", "--policy", "pool", "--seeds", "2")
    view = json.loads(dure("ask", scenario(tmp_path), *asked, "--json", by=by))
    assert (view["state"], view["policies"], view["all_days"]) == ("queued", ["pool"], 4)
    number = str(view["id"])
    assert "Summer" in dure("list", by=by)
    assert "Summer: queued, 0 of 4 days played (pool; draws: 2)" in dure("show", number, by=by)
    for _ in range(2):
        assert "cancelled" in dure("cancel", number, by=by)
    assert "is removed" in dure("remove", number, "--yes", by=by)
    assert not Study.objects.exists()
    assert "There is no study" in dure("show", number, by=by, code=1)


def test_what_a_study_came_to_is_shown_and_its_files_are_fetched(
    world: small.World, tmp_path: Path
) -> None:
    study = played_study()
    said = dure("show", str(study.pk), "--out", str(tmp_path), by=world["auditor"])
    assert "Choose the pool." in said
    assert (tmp_path / "report-ko.html").read_bytes().startswith(b"<!doctype html>")
    assert (tmp_path / "result.json").read_bytes() == b"{}"


def test_what_is_wrong_with_a_scenario_is_said_with_its_place(
    world: small.World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = FileProblem(line=5, column=3, field="supply.pools[0].nodes", message="too few")
    monkeypatch.setattr(twin_process, "check", lambda _text: ScenarioChecked(problems=(problem,)))
    said = dure("ask", scenario(tmp_path), "--name", "x", by=world.operator, code=1)
    assert "scenario.yaml:5: supply.pools[0].nodes: too few" in said
    (tmp_path / "no-text").write_bytes(b"\xff\xfe\x00")
    said = dure("ask", str(tmp_path / "no-text"), "--name", "x", by=world.operator, code=2)
    assert "not text in UTF-8" in said


def test_others_learn_nothing_of_studies(world: small.World, tmp_path: Path) -> None:
    study = str(played_study().pk)
    for words in (("list",), ("show", study), ("cancel", study), ("remove", study, "--yes")):
        assert "Summer" not in dure(*words, by=world["ann"], code=1)
    assert "Summer" not in dure("cancel", study, by=world["auditor"], code=1)
    assert Study.objects.get().state == "done"


def test_the_list_of_a_program_comes_in_pages(
    world: small.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "PAGE", 2)
    made = [played_study(str(n)).pk for n in range(3)]
    first = json.loads(dure("list", "--json", by=world.operator))
    assert [one["id"] for one in first["studies"]] == [made[2], made[1]]
    assert first["before"] == made[1]
