"""Taking back lent accelerators on the local engine, with real processes and real training."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from tests.bindings import binding, members, share
from tests.waiting import eventually

from dure.backends.contract import JobRequest, SetBinding, SetGrace, SetLent
from dure.backends.local import LocalBackend
from dure.protocol import UsageRecord

pytestmark = pytest.mark.processes

BOUND_S = 1.5  # DESIGN §9: p95 from the owner's submission to the start of all ranks
TAKE_BACKS = 20
PER_JOB = 5
STEPS = 400  # more than five attempts come to: each must be told to leave
MEMBERS = members("kim")
STAMP = 'date +%s.%N > "$DURE_CHECKPOINT_DIR/rank-$DURE_RANK"'


def _now() -> datetime:
    return datetime.now(UTC)


def _open(state: Path, *, segment_s: int = 300) -> LocalBackend:
    return LocalBackend(
        state, pool="pool", model="H100", accelerators=4, clock=_now, segment_s=segment_s
    )


def _prepare(engine: LocalBackend, *, grace_s: int = 10) -> None:
    engine.apply(SetGrace(grace_s=grace_s))
    engine.apply(SetLent(share=share("lent", 4, members=MEMBERS)))
    owned = binding("A", 4, now=_now(), project="owner", members=MEMBERS)
    engine.apply(SetBinding(binding=owned))


def _request(command: tuple[str, ...], *, accelerators: int, owner: bool = False) -> JobRequest:
    return JobRequest(
        project="owner" if owner else "lent",
        allocation="A" if owner else None,
        pool="pool",
        accelerators=accelerators,
        command=command,
        username="kim",
        working_directory="/",
    )


TRAINING = (
    sys.executable,
    "-m",
    "dure.cli.demo.training",
    "--steps",
    str(STEPS),
    "--checkpoint-every",
    "100",
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[LocalBackend]:
    with _open(tmp_path / "state") as opened:
        _prepare(opened)
        yield opened
        for status in opened.jobs():
            opened.cancel(status.job)
        for status in opened.jobs():
            opened.wait(status.job, timeout_s=15)


def _checkpoint(engine: LocalBackend, job: str) -> Path:
    return engine.log(job, attempt=1).parents[1] / "checkpoint"


def _seen(path: Path, text: str) -> bool:
    return path.exists() and text in path.read_text()


def _take_back(engine: LocalBackend) -> float:
    """Seconds from the owner's submission until all its ranks run."""
    submitted = time.time()
    owner = engine.submit(_request(("/bin/sh", "-c", STAMP), accelerators=4, owner=True))
    assert engine.wait(owner, timeout_s=15).state == "completed"
    stamps = [_checkpoint(engine, owner) / f"rank-{rank}" for rank in range(4)]
    return max(float(stamp.read_text()) for stamp in stamps) - submitted


def _interrupted_training(
    engine: LocalBackend, times: int
) -> tuple[dict[str, object], list[float]]:
    lent = engine.submit(_request(TRAINING, accelerators=2))
    waits = []
    for attempt in range(1, times + 1):
        engine.wait(lent, "running", timeout_s=15)
        log = engine.log(lent, attempt=attempt)
        eventually(partial(_seen, log, "starts at step"), within_s=15, every_s=0.01)
        time.sleep(0.02 * attempt)
        waits.append(_take_back(engine))
        assert _seen(log, "told to leave")
        again = next(status for status in engine.jobs() if status.job == lent)
        assert again.attempt == attempt + 1
    assert engine.wait(lent, timeout_s=60).state == "completed"
    last = engine.log(lent, attempt=times + 1).read_text()
    assert ("starts at step 0\n" in last) == (times == 0)
    return json.loads((_checkpoint(engine, lent) / "result.json").read_text()), waits


def test_an_owner_starts_within_the_bound_and_lent_training_ends_as_if_undisturbed(
    engine: LocalBackend,
) -> None:
    undisturbed, _ = _interrupted_training(engine, 0)
    waits: list[float] = []
    for _ in range(TAKE_BACKS // PER_JOB):
        result, more = _interrupted_training(engine, PER_JOB)
        assert result == undisturbed
        waits += more
    p50, p95 = statistics.median(waits), sorted(waits)[int(0.95 * len(waits)) - 1]
    sys.stdout.write(f"take-back: n={len(waits)} p50={p50:.3f} s p95={p95:.3f} s\n")
    assert len(waits) == TAKE_BACKS
    assert p95 <= BOUND_S


def _engine_process(state: Path, script: str) -> subprocess.Popen[str]:
    """An engine in a process of its own, doing what the script says."""
    code = f"""
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from dure.backends.contract import JobRequest
from dure.backends.local import LocalBackend
engine = LocalBackend(Path({str(state)!r}), pool="pool", model="H100", accelerators=4,
                      clock=lambda: datetime.now(UTC), segment_s=1)
def submit(text):
    return engine.submit(JobRequest.model_validate_json(text))
{script}
print("ready", flush=True)
time.sleep(600)
"""
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def _lines_until_ready(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        if line.strip() == "ready":
            return lines
        lines.append(line.strip())
    raise AssertionError("the engine ended before it was ready")


def _kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_killed_in_the_middle_of_a_preemption_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with _open(state, segment_s=1) as first:
        _prepare(first)
    slow = 'trap "sleep 1; exit 0" TERM; echo run >> "$DURE_CHECKPOINT_DIR/runs-$DURE_RANK"; '
    slow += 'if [ "$DURE_ATTEMPT" -gt 1 ]; then exit 0; fi; while true; do sleep 0.05; done'
    lent = _request(("/bin/sh", "-c", slow), accelerators=2)
    owner = _request(("/bin/sh", "-c", f"{STAMP}; sleep 1"), accelerators=4, owner=True)
    process = _engine_process(
        state,
        f"""
lent = submit({lent.model_dump_json()!r})
engine.wait(lent, "running", timeout_s=10)
time.sleep(3.2)
owner = submit({owner.model_dump_json()!r})
engine.wait(lent, "stopping", timeout_s=10)
print(lent); print(owner)
for record in engine.usage(None, datetime.now(UTC)).usage:
    print(record.model_dump_json())
""",
    )
    lent_job, owner_job, *said = _lines_until_ready(process)
    _kill(process)
    with _open(state, segment_s=1) as engine:
        assert engine.wait(owner_job, timeout_s=60).state == "completed"
        done = engine.wait(lent_job, timeout_s=60)
        assert (done.state, done.attempt) == ("completed", 2)
        time.sleep(2.1)
        usage = engine.usage(None, _now()).usage
        runs = _checkpoint(engine, lent_job)
        assert [(runs / f"runs-{rank}").read_text() for rank in (0, 1)] == ["run\nrun\n"] * 2
    before = [UsageRecord.model_validate_json(line) for line in said]
    assert len(before) >= 2
    assert set(before) <= set(usage)
    keys = [(r.job, r.attempt, r.start) for r in usage]
    assert len(set(keys)) == len(keys)
    attempt = [r for r in usage if r.job == lent_job and r.attempt == 1]
    assert all(a.end == b.start for a, b in pairwise(attempt))
    assert attempt[-1].outcome == "preempted"
    held = sum((r.end - r.start).total_seconds() for r in attempt)
    assert 4 <= held <= 6  # 3.2 s of work and 1 s of saving, and the instants between
    first_owner = min(r.start for r in usage if r.job == owner_job)
    assert attempt[-1].end <= first_owner


def test_the_end_of_a_job_is_known_though_no_engine_was_there(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with _open(state) as first:
        _prepare(first)
    fails = _request(("/bin/sh", "-c", "sleep 0.6; exit 7"), accelerators=2, owner=True)
    process = _engine_process(
        state,
        f"job = submit({fails.model_dump_json()!r}); engine.wait(job, 'running', timeout_s=9)\n"
        "print(job)",
    )
    (job,) = _lines_until_ready(process)
    _kill(process)
    time.sleep(2.0)
    with _open(state) as engine:
        ended = engine.wait(job, timeout_s=5)
        assert (ended.state, ended.exit_code, ended.attempt) == ("failed", 7, 1)
        assert ended.started is not None
        assert ended.ended is not None
        assert ended.ended - ended.started < timedelta(seconds=1.5)
