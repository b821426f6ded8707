"""A spool whose agent is killed again and again, in the midst of writing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dure.agent.spool import Spool

WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from dure.agent.spool import Limits, Spool
from dure.protocol import Report

spool = Spool(Path(sys.argv[1]), Limits(kept_reports=5))
while True:
    n = spool.next_sequence
    at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=n)
    spool.add(Report(cluster="c", sequence=n, said_at=at, complete_through=at))
    print("added", n, flush=True)
    if n % 3 == 0:
        for report in spool.waiting():
            print("said", report.sequence, flush=True)  # the hub has it; the receipt may be lost
            spool.confirm(report)
"""


@pytest.mark.processes
def test_kill_9_at_any_point_loses_no_report(tmp_path: Path) -> None:
    added: list[int] = []
    said: list[int] = []
    for life in range(8):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        # Killed after another number of lines each life, while it is in the midst of the next.
        for _ in range(7 + 5 * life % 23):
            verb, number = writer.stdout.readline().split()
            (added if verb == "added" else said).append(int(number))
        writer.kill()
        # What it was saying when it died is cut off: of that it had not yet confirmed anything.
        for line in writer.stdout.read().splitlines(keepends=True):
            if line.endswith("\n"):
                verb, number = line.split()
                (added if verb == "added" else said).append(int(number))
        writer.wait()
        writer.stdout.close()
    spool = Spool(tmp_path)
    assert set(added) <= set(range(spool.next_sequence))
    assert len(added) == len(set(added))
    assert set(said) | {one.sequence for one in spool.waiting()} == set(range(spool.next_sequence))
