"""A round's file as the start of a play: what is read, what is left out, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.twin import tiny

from dure.client.models import RoundView
from dure.twin import setting
from dure.twin.round_file import RoundFileError

AWARD: dict[str, Any] = {
    "application": "kr-001", "title": "One", "sector": "academia", "servers": 2, "pool": "a",
    "outcome": "awarded", "rank": 1, "place": 1, "score": "90", "start": 0, "months": 2,
    "starts": "2026-03-02T00:00:00+09:00", "ends": "2026-05-02T00:00:00+09:00",
    "reason_code": "round.awarded", "reason": "…",
}  # fmt: skip
WAITS = AWARD | {
    "application": "kr-002", "servers": 0, "pool": None, "outcome": "waitlisted", "start": None,
    "months": 0, "starts": None, "ends": None,
}  # fmt: skip
ROUND: dict[str, Any] = {"call": "kr-2026-1", "plan": 3, "status": "applied", "optimal": True}


def set_(folder: Path, *outcomes: dict[str, Any], text: str | None = None) -> setting.Setting:
    view = ROUND | {"offered": 4, "outcomes": outcomes}
    (folder / "round.json").write_text(json.dumps(view) if text is None else text)
    asked = tiny.scenario(allocations={"round": "round.json"})
    return setting.setting_of(asked, folder=folder, programmes=tiny.no_programme)


def refused(folder: Path, *outcomes: dict[str, Any], text: str | None = None) -> str:
    with pytest.raises(RoundFileError) as error:
        set_(folder, *outcomes, text=text)
    return str(error.value).replace(str(folder), "")


def test_awards_are_played_on_their_pool_for_their_days(tmp_path: Path) -> None:
    later = AWARD | {
        "application": "kr-003", "servers": 1, "outcome": "reduced",
        "starts": "2026-02-20T00:00:00+09:00", "ends": "2026-03-05T00:00:00+09:00",
    }  # fmt: skip
    found = set_(tmp_path, AWARD, later).projects
    assert [(p.key, p.servers, p.from_s // tiny.DAY_S, p.until_s // tiny.DAY_S) for p in found] == [
        ("kr-001", 2, 0, 61),
        ("kr-003", 1, 0, 3),
    ]


def test_without_days_months_count_from_the_first_day(tmp_path: Path) -> None:
    award = AWARD | {"starts": None, "ends": None, "start": 1}
    asked = tiny.scenario(days=60, allocations={"round": "round.json"})
    set_(tmp_path, award)
    (found,) = setting.setting_of(asked, folder=tmp_path, programmes=tiny.no_programme).projects
    assert (found.from_s, found.until_s) == (30 * tiny.DAY_S, 90 * tiny.DAY_S)


def test_what_is_left_out_of_a_round_is_said(tmp_path: Path) -> None:
    over = AWARD | {"application": "kr-004", "starts": "2027-01-01T00:00:00+09:00"}
    over |= {"ends": "2027-02-01T00:00:00+09:00"}
    said = [note.said() for note in set_(tmp_path, AWARD, WAITS, over).notes]
    assert any(note.startswith("1 applications of the round that wait are not") for note in said)
    assert any(note.startswith("1 awards of the round are for days outside") for note in said)


def test_what_the_hub_prints_is_what_is_read(tmp_path: Path) -> None:
    view = RoundView.model_validate(ROUND | {"offered": 4, "outcomes": [AWARD, WAITS]})
    assert len(set_(tmp_path, text=view.model_dump_json()).projects) == 1


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"pool": "z"}, "outcomes[0].pool: there is no pool 'z' in the supply (a)"),
        ({"servers": 0}, "outcomes[0].servers: an award has at least one server"),
        ({"months": 0, "ends": None}, "outcomes[0].months: an award has months, or the days"),
        ({"servers": "many"}, "outcomes[0].servers: write a whole number here"),
    ],
)
def test_what_is_wrong_in_a_round_is_said_with_its_field(
    tmp_path: Path, changed: dict[str, Any], expected: str
) -> None:
    said = refused(tmp_path, AWARD | changed)
    assert said.startswith("/round.json:1: ")
    assert expected in said


def test_the_line_is_that_of_the_file(tmp_path: Path) -> None:
    view = ROUND | {"offered": 4, "outcomes": [AWARD, AWARD | {"pool": "z"}]}
    text = json.dumps(view, indent=1)
    line = text[: text.index('"pool": "z"')].count("\n") + 1
    assert refused(tmp_path, text=text).startswith(f"/round.json:{line}: outcomes[1].pool")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"call": ', "/round.json:1: this is not JSON"),
        ("{}", "/round.json:1: outcomes: 'outcomes' is missing"),
    ],
)
def test_what_is_no_round_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refused(tmp_path, text=text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    asked = tiny.scenario(allocations={"round": "nowhere.json"})
    with pytest.raises(RoundFileError, match=r"nowhere\.json:1: cannot be read: No such file"):
        setting.setting_of(asked, folder=tmp_path, programmes=tiny.no_programme)


def test_a_round_that_gives_more_than_the_supply_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(setting.UnableToSet, match="5 servers are given on day 0, but it has 4"):
        set_(tmp_path, AWARD | {"servers": 5})
