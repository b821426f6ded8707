"""`dure twin`: what it prints, what it keeps, what it refuses."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dure.cli.main import app
from dure.twin.scenario_file import SHIPPED

SHORT = (SHIPPED / "small-pool.yaml").read_text(encoding="utf-8").replace("days: 28", "days: 9")


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    path = tmp_path / "short.yaml"
    path.write_text(SHORT, encoding="utf-8")
    return str(path)


def asked(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["twin", *words])
    return done.exit_code, done.stdout, done.stderr


def test_a_run_prints_every_play_as_json(scenario: str) -> None:
    code, out, _ = asked(
        "run", scenario, "--policy", "islands", "--policy", "pool", "--seeds", "2", "--json"
    )
    assert code == 0
    plays = json.loads(out)["plays"]
    assert [(p["policy"], p["seed"]) for p in plays] == [
        ("islands", 1), ("pool", 1), ("islands", 2), ("pool", 2),
    ]  # fmt: skip


def test_a_comparison_says_the_difference_to_the_first(scenario: str) -> None:
    code, out, _ = asked("compare", scenario, "--policy", "islands", "--policy", "pool", "--json")
    assert code == 0
    figure = json.loads(out)["figures"]["useful_occupancy"]["pool"]
    assert figure["difference"] > 0.1
    assert figure["within"] is not None


def test_the_report_and_the_rows_are_kept_where_asked(scenario: str, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    code, _, said = asked("run", scenario, "--policy", "pool", "--seeds", "1", "--out", str(folder))
    assert code == 0, said
    jobs = pq.read_table(folder / "jobs-pool-1.parquet")
    allocations = pq.read_table(folder / "allocations-pool-1.parquet")
    assert jobs.num_rows > 500
    assert sum(allocations["lent_accelerator_seconds"].to_pylist()) > 0
    page = (folder / "report-ko.html").read_text(encoding="utf-8")
    pictures = re.findall(r'src="([^"]*)"', page)
    assert len(pictures) > 4
    assert all(one.startswith("data:image/svg+xml;base64,") for one in pictures)
    assert "href=" not in page


def test_a_broken_scenario_is_refused_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(SHORT.replace("nodes: 16", "nodes: 0"), encoding="utf-8")
    code, _, said = asked("run", str(path))
    assert code == 1
    assert "broken.yaml:13: supply.pools[0].nodes: this must be more than 0" in said


def test_an_unknown_policy_lists_the_known_ones(scenario: str) -> None:
    code, _, said = asked("run", scenario, "--policy", "magic")
    assert code == 2
    assert "islands-by-hand" in said


def test_a_pool_too_small_for_its_projects_is_said(tmp_path: Path) -> None:
    path = tmp_path / "crowded.yaml"
    path.write_text(SHORT.replace("projects: 6", "projects: 60"), encoding="utf-8")
    code, _, said = asked("run", str(path))
    assert code == 1
    assert "write fewer 'projects'" in said


def test_without_the_extra_the_command_says_what_to_install(
    scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    code, _, said = asked("run", scenario)
    assert code == 2
    assert "pip install 'dure[twin]'" in said


def test_records_are_imported_and_played(tmp_path: Path) -> None:
    records, trace = tmp_path / "trace.csv", tmp_path / "own.csv"
    rows = "\n".join(f"{n},{n * 600},{3600 + n},{1 + n % 8},acc{n % 3}" for n in range(200))
    records.write_text(f"job_id,submit_s,duration_s,gpus,account\n{rows}\n", encoding="utf-8")
    code, out, said = asked("import", str(records), "--to", str(trace))
    assert (code, "200 jobs written" in out) == (0, True), said
    path = tmp_path / "own.yaml"
    path.write_text(
        SHORT.replace("synthetic: {load: 0.7, idle_weeks: 0.4}", "trace: {file: own.csv}"),
        encoding="utf-8",
    )
    code, out, said = asked("run", str(path), "--policy", "pool", "--seeds", "1", "--json")
    assert code == 0, said
    assert json.loads(out)["plays"][0]["jobs"] == 200
    # two days of records in nine: said, and not left to be read as idleness
    assert any("jobs for 2 of the 9 days" in note for note in json.loads(out)["notes"])


@pytest.mark.parametrize("to", ["own.csv", "own.xlsx"])
def test_an_import_neither_writes_over_its_records_nor_in_an_unknown_form(
    tmp_path: Path, to: str
) -> None:
    records = tmp_path / "own.csv"
    records.write_text("job_id,submit_s,duration_s,gpus\n1,0,60,1\n", encoding="utf-8")
    before = records.read_text(encoding="utf-8")
    code, _, said = asked("import", str(records), "--to", str(tmp_path / to))
    assert code == 2
    assert "--to" in said
    assert records.read_text(encoding="utf-8") == before
    assert not (tmp_path / "own.xlsx").exists()


def test_broken_rows_bring_the_number_to_tolerate(tmp_path: Path) -> None:
    records = tmp_path / "own.csv"
    rows = "1,0,60,1\n2,0,sixty,1\n"
    records.write_text(f"job_id,submit_s,duration_s,gpus\n{rows}", encoding="utf-8")
    code, _, said = asked("import", str(records), "--to", str(tmp_path / "to.csv"))
    assert (code, "--tolerate 1." in said) == (1, True), said
