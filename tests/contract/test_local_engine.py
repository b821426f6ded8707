"""What only an engine with real processes can get wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.bindings import binding, members
from tests.waiting import eventually

from dure.backends.contract import JobRefused, JobRequest, SetBinding, SetGrace
from dure.backends.local import LocalBackend, StateDirectoryInUse
from dure.backends.local.journal import Journal

pytestmark = pytest.mark.processes

FOREVER = "while true; do sleep 0.05; done"


def _open(state: Path) -> LocalBackend:
    return LocalBackend(
        state, pool="pool", model="H100", accelerators=4, clock=lambda: datetime.now(UTC)
    )


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state directory with an allocation of four and a grace of one second."""
    state = tmp_path / "state"
    with _open(state) as engine:
        engine.apply(SetGrace(grace_s=1))
        bound = binding("A", 4, now=datetime.now(UTC), project="P", members=members("kim"))
        engine.apply(SetBinding(binding=bound))
    yield state
    with _open(state) as engine:
        for status in engine.jobs():
            engine.cancel(status.job)
        for status in engine.jobs():
            engine.wait(status.job, timeout_s=10)


def _submit(engine: LocalBackend, script: str, accelerators: int = 2, **environment: str) -> str:
    return engine.submit(
        JobRequest(
            project="P",
            allocation="A",
            pool="pool",
            accelerators=accelerators,
            command=("/bin/sh", "-c", script),
            username="kim",
            environment=environment,
            working_directory="/",
        )
    )


def _attempt(engine: LocalBackend, job: str, attempt: int = 1) -> Path:
    return engine.log(job, attempt=attempt).parent


def _read(path: Path) -> dict[str, Any]:
    eventually(path.exists, within_s=5, every_s=0.01)
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_every_rank_is_told_its_place(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_SECRET", "not for jobs")
    with _open(state) as engine:
        job = _submit(engine, "env | grep -E 'DURE|WORD|SECRET' | sort", 2, WORD="given")
        assert engine.wait(job, timeout_s=10).state == "completed"
        said = [
            dict(
                line.split("=", 1)
                for line in engine.log(job, attempt=1, rank=rank).read_text().split()
            )
            for rank in (0, 1)
        ]
    assert [one["DURE_RANK"] for one in said] == ["0", "1"]
    assert said[0]["DURE_ACCELERATORS"] != said[1]["DURE_ACCELERATORS"]
    for one in said:
        assert (one["DURE_WORLD_SIZE"], one["DURE_ATTEMPT"], one["WORD"]) == ("2", "1", "given")
        assert one["DURE_JOB"] == job
        assert Path(one["DURE_CHECKPOINT_DIR"]).is_dir()
        assert "HUB_SECRET" not in one
    assert said[0]["DURE_MASTER_PORT"] == said[1]["DURE_MASTER_PORT"]


def test_one_failed_rank_ends_the_gang(state: Path) -> None:
    with _open(state) as engine:
        job = _submit(engine, f'[ "$DURE_RANK" = 1 ] && exit 3; {FOREVER}')
        ended = engine.wait(job, timeout_s=10)
    assert (ended.state, ended.exit_code) == ("failed", 3)


def test_a_command_that_cannot_be_started_fails_the_job(state: Path) -> None:
    with _open(state) as engine:
        request = JobRequest(
            project="P",
            allocation="A",
            pool="pool",
            accelerators=2,
            command=("/no/such/program",),
            username="kim",
            working_directory="/",
        )
        job = engine.submit(request)
        ended = engine.wait(job, timeout_s=10)
        assert (ended.state, ended.exit_code) == ("failed", 127)
        assert "No such file" in engine.log(job, attempt=1).read_text()
        with pytest.raises(JobRefused, match="no directory"):
            engine.submit(request.model_copy(update={"working_directory": "/no/such"}))


def test_what_ignores_the_request_to_end_is_killed_after_the_grace(state: Path) -> None:
    with _open(state) as engine:
        job = _submit(engine, f"trap '' TERM; echo ready; {FOREVER}")
        engine.wait(job, "running", timeout_s=5)
        for rank in (0, 1):
            _until_ready(engine.log(job, attempt=1, rank=rank))
        begun = time.monotonic()
        engine.cancel(job)
        assert engine.wait(job, timeout_s=10).state == "cancelled"
        assert 0.9 <= time.monotonic() - begun <= 3.0


def test_jobs_run_on_while_the_engine_is_away_and_are_found_again(state: Path) -> None:
    with _open(state) as engine:
        job = _submit(engine, FOREVER)
        engine.wait(job, "running", timeout_s=5)
        pid = _read(_attempt(engine, job) / "claim")["pid"]
    os.kill(pid, 0)
    with _open(state) as engine:
        (status,) = engine.jobs()
        assert (status.state, status.attempt) == ("running", 1)
        engine.cancel(job)
        assert engine.wait(job, timeout_s=10).state == "cancelled"


def test_a_stranger_with_a_reused_pid_is_never_signalled(state: Path) -> None:
    with _open(state) as engine:
        job = _submit(engine, FOREVER)
        engine.wait(job, "running", timeout_s=5)
        directory = _attempt(engine, job)
        mine = _read(directory / "claim")
        ranks = _read(directory / "group")
    os.kill(mine["pid"], signal.SIGKILL)
    for pid in ranks["pids"]:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.05)  # start times are in ticks of 10 ms; pids do not come round within one
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        started = int(Path(f"/proc/{stranger.pid}/stat").read_text().split()[21])
        assert started not in (mine["start"], *ranks["starts"])
        (directory / "claim").write_text(json.dumps({**mine, "pid": stranger.pid}))
        (directory / "group").write_text(
            json.dumps({"pids": [stranger.pid], "starts": [ranks["starts"][0]]})
        )
        with _open(state) as engine:
            again = engine.wait(job, "running", timeout_s=5)
            assert again.attempt == 2
            engine.cancel(job)
            engine.wait(job, timeout_s=5)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_attempt_whose_keeper_was_killed_leaves_no_rank_behind(state: Path) -> None:
    with _open(state) as engine:
        job = _submit(engine, f'[ "$DURE_ATTEMPT" = 2 ] && exit 0; {FOREVER}')
        engine.wait(job, "running", timeout_s=5)
        ranks = _read(_attempt(engine, job) / "group")
        os.kill(_read(_attempt(engine, job) / "claim")["pid"], signal.SIGKILL)
        ended = engine.wait(job, timeout_s=10)
        assert (ended.state, ended.attempt) == ("completed", 2)
    for pid in ranks["pids"]:
        assert not _alive(pid)


def _until_ready(log: Path) -> None:
    eventually(lambda: log.exists() and "ready" in log.read_text(), within_s=5, every_s=0.01)


def _alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_an_attempt_that_was_decided_but_not_started_runs_once(state: Path) -> None:
    """As an engine leaves it that was killed between its journal and the start of the process."""
    with _open(state) as engine:
        job = _submit(engine, 'echo run >> "$DURE_CHECKPOINT_DIR/runs-$DURE_RANK"', 4)
        engine.wait(job, timeout_s=10)
        assert engine.jobs()[0].state == "completed"
        prefix = job.rpartition("-")[0]
        request = engine.jobs()[0].request
    journal = Journal(state / "journal.sqlite")
    with journal.writing():
        lost = journal.add_job(prefix, request, 1)
        journal.add_attempt(lost, 1, (0, 1, 2, 3), journal.fact("mark", 0))
        journal.set_job(lost, state="running", attempt=1)
    journal.close()
    with _open(state) as engine:
        ended = engine.wait(lost, timeout_s=10)
        assert (ended.state, ended.attempt) == ("completed", 2)
        runs = _attempt(engine, lost).parent / "checkpoint"
        assert [(runs / f"runs-{rank}").read_text() for rank in range(4)] == ["run\n"] * 4


def test_two_engines_never_share_a_state_directory(state: Path) -> None:
    with _open(state), pytest.raises(StateDirectoryInUse):
        _open(state)


def test_a_clock_set_back_doubles_nothing(tmp_path: Path) -> None:
    back = timedelta()
    engine = LocalBackend(
        tmp_path / "clock",
        pool="pool",
        model="H100",
        accelerators=1,
        clock=lambda: datetime.now(UTC) - back,
    )
    with engine:
        first = engine.usage(None, datetime.now(UTC)).complete_through
        back = timedelta(hours=1)
        assert engine.usage(None, datetime.now(UTC)).complete_through >= first
