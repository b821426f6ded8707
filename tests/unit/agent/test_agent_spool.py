"""The spool keeps every report until the hub confirmed it, in order, whatever stops the agent."""

from __future__ import annotations

import errno
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dure.agent.spool import Backlog, Limits, OutOfOrder, Spool, SpoolDamaged, SpoolFull, look
from dure.backends import durable
from dure.protocol import Report

START = datetime(2026, 3, 1, tzinfo=UTC)


def report(sequence: int) -> Report:
    at = START + timedelta(seconds=sequence)
    return Report(cluster="c", sequence=sequence, said_at=at, complete_through=at)


def waiting(spool: Spool) -> list[int]:
    return [report.sequence for report in spool.waiting()]


def test_reports_wait_in_order_until_confirmed(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(12):
        spool.add(report(number))
    spool.confirm(report(0))
    spool.confirm(report(0))
    assert waiting(spool) == list(range(1, 12))


def test_number_and_cursor_outlive_the_process_even_when_all_was_said(tmp_path: Path) -> None:
    spool = Spool(tmp_path, Limits(kept_reports=0))
    for number in range(3):
        spool.add(report(number))
        spool.confirm(report(number))
    again = Spool(tmp_path)
    assert (again.next_sequence, again.cursor) == (3, START + timedelta(seconds=2))
    assert waiting(again) == []


def test_a_fresh_spool_starts_at_zero_with_no_cursor(tmp_path: Path) -> None:
    assert (Spool(tmp_path).next_sequence, Spool(tmp_path).cursor) == (0, None)


def test_a_number_can_be_neither_skipped_nor_used_twice(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.add(report(0))
    for wrong in (0, 2):
        with pytest.raises(OutOfOrder):
            spool.add(report(wrong))
    assert waiting(spool) == [0]


def test_a_full_spool_refuses_and_drops_nothing(tmp_path: Path) -> None:
    size = len(report(0).model_dump_json())
    spool = Spool(tmp_path, Limits(waiting_bytes=2 * size))
    spool.add(report(0))
    spool.add(report(1))
    with pytest.raises(SpoolFull, match="full"):
        spool.add(report(2))
    assert spool.backlog() == Backlog(reports=2, size_bytes=2 * size)
    spool.confirm(report(0))
    spool.add(report(2))
    assert waiting(spool) == [1, 2]


def test_a_full_disk_is_a_full_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    spool = Spool(tmp_path)
    monkeypatch.setattr(durable, "write", no_room)
    with pytest.raises(SpoolFull, match="No space left"):
        spool.add(report(0))
    assert spool.next_sequence == 0


def test_said_reports_are_kept_within_bounds_and_can_be_said_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, Limits(kept_reports=3))
    for number in range(6):
        spool.add(report(number))
        spool.confirm(report(number))
    assert Spool(tmp_path, Limits(kept_reports=3)).say_again() == 3
    assert waiting(Spool(tmp_path)) == [3, 4, 5]
    assert Spool(tmp_path).next_sequence == 6


def test_what_a_crash_left_unfinished_is_not_a_report(tmp_path: Path) -> None:
    Spool(tmp_path).add(report(0))
    torn = tmp_path / "waiting" / f"000000000001.json{durable.UNFINISHED}"
    torn.write_text('{"cluster": "c", "sequ')
    spool = Spool(tmp_path)
    assert (waiting(spool), spool.next_sequence, torn.exists()) == ([0], 1, False)


def test_a_report_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.add(report(0))
    (tmp_path / "waiting" / "000000000000.json").write_text("not a report")
    with pytest.raises(SpoolDamaged, match=r"000000000000\.json"):
        list(spool.waiting())


def test_a_secret_is_never_readable_by_others(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        durable.write(tmp_path / "credential.json", b"{}", mode=0o600)
    finally:
        os.umask(previous)
    assert (tmp_path / "credential.json").stat().st_mode & 0o777 == 0o600


def test_looking_beside_a_running_agent_never_stumbles_over_a_move(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    stop = threading.Event()

    def agent() -> None:
        while not stop.is_set():
            spool.add(report(spool.next_sequence))
            for waits in spool.waiting():
                spool.confirm(waits)

    thread = threading.Thread(target=agent)
    thread.start()
    try:
        seen = [look(tmp_path).newest for _ in range(300)]
    finally:
        stop.set()
        thread.join()
    numbers = [found.sequence for found in seen if found is not None]
    assert numbers == sorted(numbers)
