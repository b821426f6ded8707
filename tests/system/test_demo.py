"""The demo, run as a user runs it, and each of its checks broken on purpose."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

pytestmark = pytest.mark.processes

DURE = [sys.executable, "-m", "dure"]
PUBLISHED = Path(__file__).parents[1] / "published"

CHECK_OF = """
import json, os, sys
os.environ["DURE_HOME"] = sys.argv[1]
os.environ["DJANGO_SETTINGS_MODULE"] = "dure.hub.settings"
import django
django.setup()
from dure.cli.demo.checks import CHECKS
print(json.dumps(CHECKS[sys.argv[2]]()))
"""


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DURE_")}
    kept.pop("DJANGO_SETTINGS_MODULE", None)
    return kept


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A demo that was killed with -9 in the middle and then run again, to its end."""
    home = tmp_path_factory.mktemp("demo") / "home"
    command = [*DURE, "demo", "--json", "--home", str(home)]
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as first:
        until = time.monotonic() + 60
        while not (home / "dure.sqlite3").exists() and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(3)
        first.send_signal(signal.SIGKILL)
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=400, check=False
    )
    failed = [
        check for check in json.loads(done.stdout or "{}").get("checks", []) if not check["holds"]
    ]
    assert done.returncode == 0, (failed, done.stderr[-3000:])
    yield home, json.loads(done.stdout)
    shutil.rmtree(home, ignore_errors=True)


def test_it_ends_with_every_check_held_and_the_published_identities(
    played: tuple[Path, dict[str, Any]],
) -> None:
    _, report = played
    assert report["ok"] is True
    assert all(check["holds"] for check in report["checks"])
    figures = {check["name"]: check["figures"] for check in report["checks"]}
    assert figures["Accelerators acquired / for the programme"] == "13,136 / 10,456"
    assert figures["Supply call: bids / agreed / accelerators / for the programme"] == (
        "4 / 3 / 13,136 / 10,456"
    )
    assert figures["Applications / servers asked for"] == "514 / 1,714"
    assert figures["Servers offered in the round"] == "542"
    assert figures["Applications with an outcome and a reason"] == "514 of 514"


def test_it_sets_each_sector_beside_the_published_outcome_and_says_why_they_differ(
    played: tuple[Path, dict[str, Any]],
) -> None:
    _, report = played
    published = json.loads((PUBLISHED / "kr_round1_2026.json").read_text(encoding="utf-8"))
    by_sector = report["round_by_sector"]
    assert {name: row["published_servers"] * 8 for name, row in by_sector.items()} == published[
        "awards"
    ]["by_sector_gpus"]
    assert by_sector["academia"]["asked"] * 8 == published["demand"]["academia_gpus"]
    assert sum(row["asked"] for row in by_sector.values()) == published["demand"]["servers"]
    assert len(report["differences"]) >= 2


def test_it_tells_in_both_languages_of_duplicates_peers_dependence_and_lots(
    played: tuple[Path, dict[str, Any]],
) -> None:
    twice, peers, depends, _, lots = played[1]["told"]
    assert "Min-jun Kim" in twice["en"]
    assert "김민준" in twice["ko"]
    assert "5 ranked" in peers["en"]
    assert all(int(n) > 0 for n in re.findall(r"for (\d+)", depends["en"]))
    assert "추첨" in lots["ko"]
    _, won, lost = played[1]["what_if"][1]
    assert won > 0
    assert lost > 0


def test_this_machine_lent_took_back_and_resumed(played: tuple[Path, dict[str, Any]]) -> None:
    back = played[1]["take_back"]
    assert back["owner_start_s"] <= 1.5
    assert back["lent_attempts"] >= 2
    assert back["lent_resumed_at_step"] > 0
    assert back["same_weights"] is True
    assert back["accuracy"] > 0.9


def test_under_use_went_through_notice_pull_back_and_promotion(
    played: tuple[Path, dict[str, Any]],
) -> None:
    report = played[1]
    assert report["reclaim_notices"] > 0
    assert report["reclaimed"]
    assert report["promoted"]
    assert "leases" in report["refused_lessor"]


def test_the_month_was_written_as_csv_and_workbook(played: tuple[Path, dict[str, Any]]) -> None:
    csv_file, workbook = (Path(path) for path in played[1]["files"])
    assert csv_file.read_text(encoding="utf-8-sig").startswith("line,pool,provider")
    book = openpyxl.load_workbook(workbook, read_only=True)
    assert len(book.sheetnames) == 3
    book.close()


BREAKS = {
    "Accelerators acquired / for the programme": (
        "UPDATE supply_pool SET nodes = nodes + 1 WHERE key = 'kakao-b200-a'"
    ),
    "Supply call: bids / agreed / accelerators / for the programme": (
        "UPDATE tenders_bid SET state = 'selected' WHERE state = 'agreed'"
    ),
    "Filed twice: found / kept out": (
        "UPDATE calls_application SET state = 'admitted' WHERE id ="
        " (SELECT second_id FROM calls_duplicatepair)"
    ),
    "Peer review: judged / passed / ranked / reviews by the wrong people": (
        "UPDATE reviews_assignment SET reviewer_id = (SELECT applicant_id FROM calls_application"
        " WHERE id = application_id) WHERE id = (SELECT max(a.id) FROM reviews_assignment a"
        " JOIN reviews_stage s ON s.id = a.stage_id WHERE s.key = 'peer')"
    ),
    "What-if plans: independent check": (
        "UPDATE allocations_scenario SET plan = json_set(plan, '$.intents[0].servers', 99)"
    ),
    "Applications / servers asked for": (
        "UPDATE calls_application SET amount = amount + 1 WHERE number = 'kr-2026-r1-0001'"
    ),
    "Servers offered in the round": (
        "UPDATE allocations_decision SET snapshot = "
        "json_set(snapshot, '$.offers[0].servers[0]', 254) WHERE kind = 'round' AND call_id = "
        "(SELECT id FROM calls_call WHERE key = 'kr-2026-r1')"
    ),
    "Reviews / of them with a conflict of interest": (
        "UPDATE people_user SET organisation_id = (SELECT organisation_id FROM calls_application"
        " WHERE id = (SELECT application_id FROM reviews_assignment WHERE reviewer_id ="
        " people_user.id LIMIT 1)) WHERE username = 'reviewer-01'"
    ),
    "Applications with an outcome and a reason": (
        "UPDATE allocations_outcome SET reason = json_set(reason, '$.code', 'nothing.known') "
        "WHERE id = (SELECT min(id) FROM allocations_outcome)"
    ),
    "Round: independent check": (
        "UPDATE allocations_decision SET plan = "
        "json_set(plan, '$.intents[0].servers', 99) WHERE kind = 'round'"
    ),
    "Round: same inputs, same plan": (
        "UPDATE allocations_decision SET plan = "
        "json_set(plan, '$.objective', 1) WHERE kind = 'round'"
    ),
    "Pools over-allocated at any instant": (
        "UPDATE allocations_stretch SET servers = 500 WHERE id = "
        "(SELECT s.id FROM allocations_stretch s JOIN allocations_allocation a ON"
        " a.id = s.allocation_id JOIN supply_pool p ON p.id = a.pool_id"
        " WHERE p.key = 'kakao-b200-a' LIMIT 1)"
    ),
    "Accelerator-seconds unaccounted for in March": (
        "UPDATE reports_closedmonth SET statement = json_set(statement, '$.pools[0].split.idle', 0)"
    ),
    "Ledger: entries / not summing to zero": (
        "UPDATE usage_ledgerposting SET amount = amount + 1 WHERE id = "
        "(SELECT min(id) FROM usage_ledgerposting)"
    ),
    "Audit chain": "UPDATE audit_event SET who = 'somebody else' WHERE sequence = 7",
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_check_fails_when_what_it_checks_is_broken(
    name: str, played: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    shutil.copy(played[0] / "dure.sqlite3", tmp_path / "dure.sqlite3")
    database = sqlite3.connect(tmp_path / "dure.sqlite3")
    with database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        assert database.execute(BREAKS[name]).rowcount >= 1
    database.close()
    done = subprocess.run(
        [sys.executable, "-c", CHECK_OF, str(tmp_path), name],
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    holds, figures = json.loads(done.stdout)
    assert holds is False, figures


def test_every_check_has_been_broken_once(played: tuple[Path, dict[str, Any]]) -> None:
    assert {check["name"] for check in played[1]["checks"]} == set(BREAKS)


def test_a_folder_that_is_not_the_demos_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = subprocess.run(
        [*DURE, "demo", "--home", str(tmp_path)],
        env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "another folder" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
