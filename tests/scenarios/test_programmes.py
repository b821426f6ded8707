"""The shipped programmes hold what has been published, and the command tells it."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dure.cli.programme_commands import app
from dure.cli.programme_library import load_programme, shipped_programmes
from dure.vocabulary.programme import Programme

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "tests" / "published" / "kr_suppliers_2025.csv"
PULLBACK = ROOT / "tests" / "published" / "pullback_rules.json"
NAMES = ("in-indiaai-compute", "kr-gpu-2026", "us-incite-frontier")
PROVIDERS = {"Naver Cloud": "naver-cloud", "NHN Cloud": "nhn-cloud", "Kakao": "kakao"}
# The hub reads these answers whatever the programme.
FORM_CONTRACT = {"title", "summary", "model", "months"}


@pytest.fixture(scope="module")
def korea() -> Programme:
    return load_programme("kr-gpu-2026")


def test_these_programmes_are_shipped() -> None:
    assert tuple(shipped_programmes()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_programme_is_good_and_asks_what_the_hub_reads(name: str) -> None:
    programme = load_programme(name)

    fields = {field.id: field for field in programme.form}
    amount = "servers" if programme.unit == "server" else "hours"
    assert fields.keys() >= FORM_CONTRACT | {amount}
    assert {fields[amount].kind, fields["months"].kind} == {"integer"}
    models = {model.id for model in programme.accelerators}
    assert {choice.value for choice in fields["model"].choices} <= models | {"either"}


def test_koreas_supply_adds_up_to_the_published_totals(korea: Programme) -> None:
    assert korea.total("accelerators", "acquired") == 13_136
    assert korea.total("programme_accelerators", "acquired") == 10_456
    assert korea.total("accelerators", "leased") == 2_560
    assert korea.total("accelerators", "rehearsal") == 0


def test_koreas_first_round_offers_542_servers(korea: Programme) -> None:
    (call,) = korea.calls
    offered = Counter[str]()
    for _, _, pool in korea.pools():
        if pool.id in call.pools:
            offered[pool.model] += pool.awardable_nodes

    assert offered == {"H200": 287, "B200": 255}
    assert offered.total() == 542


def test_national_projects_hold_6120_of_the_b200(korea: Programme) -> None:
    held = [s for s in korea.standing_allocations if s.quota == "national"]

    assert sum(s.servers for s in held) * 8 == 6_120
    pools = {pool.id: pool for _, _, pool in korea.pools()}
    assert all(s.servers <= pools[s.pool].awardable_nodes for s in korea.standing_allocations)


def test_each_supplier_matches_the_published_table(korea: Programme) -> None:
    with PUBLISHED.open(encoding="utf-8", newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["supplier"] in PROVIDERS]

    for row in rows:
        pools = [
            pool
            for provider, _, pool in korea.pools()
            if provider.id == PROVIDERS[row["supplier"]] and pool.arrangement == "acquired"
        ]
        assert {pool.model for pool in pools} == {row["model"]}
        assert sum(pool.accelerators for pool in pools) == int(row["total_gpus"])
        assert sum(pool.programme_accelerators for pool in pools) == int(row["government_gpus"])
        nodes = "+".join(str(pool.programme_nodes) for pool in pools)
        assert nodes == row["clusters_nodes"]
    assert len(rows) == 3


def test_a_b200_project_is_large_from_4_servers_and_an_h200_project_from_8(
    korea: Programme,
) -> None:
    (track,) = korea.tracks

    def size(model: str, servers: int) -> str | None:
        found = track.size_class_of(model=model, amount=servers)
        return found.id if found else None

    assert (size("H200", 7), size("H200", 8), size("H200", 32)) == ("regular", "large", "large")
    assert (size("B200", 3), size("B200", 4), size("B200", 16)) == ("regular", "large", "large")
    assert (size("H200", 33), size("B200", 17)) == (None, None)


def test_indias_fast_lane_ends_at_5000_hours_or_50_accelerators() -> None:
    (track,) = load_programme("in-indiaai-compute").tracks

    def review(hours: int, accelerators: int) -> str | None:
        found = track.size_class_of(model="H100", amount=hours, accelerators=accelerators)
        return found.review if found else None

    assert review(5_000, 50) == "verifier"
    assert review(5_001, 50) == "panel"
    assert review(5_000, 51) == "panel"


def test_incites_pull_back_is_the_published_one() -> None:
    published = json.loads(PULLBACK.read_text(encoding="utf-8"))["OLCF_INCITE"]["rules"]
    written = [
        (rule.month_day, float(band.below), float(band.remove))
        for rule in load_programme("us-incite-frontier").reclaim
        if rule.kind == "use_against_award"
        for band in rule.bands
    ]

    assert written == [(r["date"], r["used_lt"], r["remove_of_remaining"]) for r in published]


def invoke(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words), env={"LANG": "en_US.UTF-8", "COLUMNS": "100"})
    return result.exit_code, result.output


def test_check_tells_a_good_files_supply_calls_and_rules() -> None:
    code, said = invoke("check", "kr-gpu-2026")

    assert code == 0
    for expected in ("13,136", "10,456", "542", "Naver Cloud", "kr-2026-r1", "B200 4-16"):
        assert expected in said


def test_check_speaks_korean_names_when_asked() -> None:
    assert "네이버클라우드" in invoke("check", "kr-gpu-2026", "--lang", "ko")[1]


def test_check_names_file_line_and_field_and_exits_1(tmp_path: Path) -> None:
    good = (ROOT / "programmes" / "kr-gpu-2026.yaml").read_text(encoding="utf-8")
    file = tmp_path / "bad.yaml"
    file.write_text(good.replace("currency: KRW", "curency: KRW"), encoding="utf-8")
    line = good[: good.index("currency:")].count("\n") + 1

    code, said = invoke("check", str(file))
    json_code, as_json = invoke("check", str(file), "--json")

    assert (code, json_code) == (1, 1)
    assert f"{file}:{line}: curency: there is no field 'curency' here" in said
    (problem,) = json.loads(as_json)["problems"]
    assert (problem["line"], problem["hint"]) == (line, "did you mean 'currency'?")


def test_check_exits_2_when_there_is_nothing_to_read(tmp_path: Path) -> None:
    binary = tmp_path / "latin.yaml"
    binary.write_bytes(b"name: \xff")

    for unreadable in (str(tmp_path / "absent.yaml"), str(tmp_path), str(binary)):
        code, said = invoke("check", unreadable)
        assert (code, said.count("\n")) == (2, 1)
        assert unreadable in said


def test_show_prints_the_whole_programme_as_json(korea: Programme) -> None:
    code, said = invoke("show", "kr-gpu-2026", "--json")

    assert code == 0
    assert Programme.model_validate_json(said) == korea


def test_show_prints_the_form_and_what_a_refused_applicant_reads() -> None:
    code, said = invoke("show", "in-indiaai-compute")

    assert code == 0
    assert "A researcher needs an h-index of at least 5." in said
    assert "50 at a time" in said


def test_list_names_every_shipped_programme() -> None:
    listed = json.loads(invoke("list", "--json")[1])

    assert tuple(entry["file"] for entry in listed) == NAMES
    assert tuple(entry["id"] for entry in listed) == NAMES
    assert all(name in invoke("list")[1] for name in NAMES)
