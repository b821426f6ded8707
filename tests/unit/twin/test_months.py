"""Months of a study: counted where that costs little or where it is asked, shown and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.unit.twin import tiny
from typer.testing import CliRunner

from dure.cli.main import app
from dure.metering import conservation
from dure.metering.conservation import SixWay
from dure.twin import accounts, metrics, report, study
from dure.twin.report_months import by_month

BOTH = ("pool", "islands")


def conducted(**asked: Any) -> study.Study:
    scenario = tiny.scenario(starts="2026-03-26", policies=BOTH, seeds=1)
    return study.conduct(scenario, folder=Path(), programmes=tiny.no_programme, **asked)


def labels_of(done: study.Study) -> list[str]:
    """Of the rows of the report's table."""
    return [str(row[-2]) for row in report.rows(done)]


def test_a_small_play_is_counted_and_its_months_are_kept(tmp_path: Path) -> None:
    done = conducted(keep=tmp_path)
    kept = pq.read_table(tmp_path / "months-pool-1.parquet").to_pylist()
    assert [row["month"] for row in kept] == ["2026-03", "2026-04"]
    counted = by_month(done.months["pool"])
    assert kept[1]["lent"] == counted["2026-04"].lent > 0
    for row in kept:
        parts = sum(row[kind] for kind in SixWay.model_fields)
        assert parts == row["accelerators"] * row["seconds"]


def test_a_large_play_is_counted_only_where_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "SMALL", 0)
    assert conducted().months == {}
    assert list(conducted(count_months=True).months) == list(BOTH)
    monkeypatch.undo()
    assert conducted(count_months=False).months == {}


def test_metering_that_counts_otherwise_stops_a_study(monkeypatch: pytest.MonkeyPatch) -> None:
    zero = SixWay(used=0, lent=0, idle=0, unallocated=0, down=0, own=0)
    monkeypatch.setattr(conservation, "_split", lambda _facts, _span: zero)
    with pytest.raises(metrics.UnableToAccount):
        conducted()


def test_the_report_shows_the_months_or_says_how_to_ask_for_them() -> None:
    page = report.html(conducted(), "en")
    assert page.count("<details") == 2
    assert '<th scope="row">2026-04</th>' in page
    assert "--accounts" not in page
    assert "--accounts" in report.html(conducted(count_months=False), "en")


def test_islands_are_played_first_and_reported_in_the_scenarios_order() -> None:
    told: list[str] = []
    done = conducted(told=lambda policy, _seed, _days: told.append(policy))
    assert told[0] == "islands"
    assert done.comparison.policies == tuple(done.series) == tuple(done.months) == BOTH
    beside = {one.policy: one.finish_time_fairness for one in done.metrics}
    assert beside["islands"] == 1.0
    assert beside["pool"] is not None


def test_figures_that_nobody_has_are_left_out_and_a_note_says_why() -> None:
    labels = labels_of(conducted(policies=("pool",)))
    assert "Occupancy" in labels
    assert not [label for label in labels if label.startswith(("Energy", "Time to finish"))]
    said = " ".join(note.said() for note in conducted(policies=("pool",)).notes)
    assert "Energy is not given" in said
    assert "need the policy 'islands'" in said


def test_the_source_of_an_energy_figure_is_said() -> None:
    pools = [{"id": "a", "nodes": 4, "energy": {"busy_w": 8000, "source": "our meter, 2026"}}]
    scenario = tiny.scenario(supply={"pools": pools}, policies=("pool",), seeds=1)
    done = study.conduct(scenario, folder=Path(), programmes=tiny.no_programme)
    said = [note.said() for note in done.notes]
    assert "Energy after: our meter, 2026." in said
    assert any("'idle_w'" in one for one in said)
    assert "Energy of owners' work, kWh" in labels_of(done)


def test_the_command_prints_the_months_and_what_deciding_took() -> None:
    done = CliRunner().invoke(
        app, ["twin", "run", "small-pool", "--policy", "pool", "--seeds", "1"], env={"LANG": "en"}
    )
    assert done.exit_code == 0, done.output
    assert "Accelerator-hours by month: pool" in done.output
    assert "pool: deciding took" in done.output
