"""The engines the contract suite runs on, each with a driver that lets things happen in it.

- The real Slurm lives in real time: its hours last seconds, and usage is cut as often.
"""

from __future__ import annotations

import getpass
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Protocol

import pytest
from tests.bindings import binding, members, share
from tests.slurm_lab import empty, site_of, standing

from dure.backends.contract import (
    FINISHED,
    Backend,
    JobQueue,
    JobRequest,
    JobState,
    JobStatus,
    SetBinding,
    SetLent,
)
from dure.backends.local import LocalBackend
from dure.backends.simulated import SimulatedBackend, SimulatedPool
from dure.backends.slurm.backend import SlurmBackend
from dure.backends.slurm.site import SlurmPool
from dure.cli.slurm_lab import Lab, Shape
from dure.protocol import AllocationState

POOL, ACCELERATORS = "pool", 4
START = datetime(2026, 3, 1, tzinfo=UTC)
SHORT_S = 60


class Engine(Backend, JobQueue, Protocol):
    """Both faces of an engine we run ourselves."""


class Driver:
    """An engine of one pool with four accelerators, and what a test says to it."""

    engine: Engine
    hour_s = 3600
    """How long an hour is here: usage is cut as often."""
    member = "kim"

    def now(self) -> datetime:
        raise NotImplementedError

    def command(self, *, short: bool) -> tuple[str, ...]:
        """A job of a minute's work (see `finish_short`), or one that never ends."""
        raise NotImplementedError

    def until(self, job: str, *states: JobState) -> JobStatus:
        raise NotImplementedError

    def settle(self) -> None:
        """Give the engine the time to do what it is going to do."""
        raise NotImplementedError

    def elapse(self, seconds: int) -> None:
        raise NotImplementedError

    def finish_short(self) -> None:
        """The minute passes."""
        raise NotImplementedError

    def bind(
        self,
        allocation: str,
        accelerators: int,
        *,
        state: AllocationState = "active",
        generation: int = 1,
        ends: datetime = START + timedelta(days=3650),
    ) -> None:
        bound = binding(
            allocation, accelerators, now=START, pool=POOL, members=members(self.member),
            state=state, generation=generation, ends=ends,
        )  # fmt: skip
        self.engine.apply(SetBinding(binding=bound))

    def lend(self, project: str, *, order: int = 0, most: int = ACCELERATORS) -> None:
        lent = share(project, most, order=order, pool=POOL, members=members(self.member))
        self.engine.apply(SetLent(share=lent))

    def request(
        self,
        accelerators: int,
        *,
        allocation: str | None = None,
        project: str = "",
        short: bool = False,
        username: str | None = None,
    ) -> JobRequest:
        return JobRequest(
            project=project or f"of {allocation}",
            allocation=allocation,
            pool=POOL,
            accelerators=accelerators,
            command=self.command(short=short),
            username=username or self.member,
            working_directory="/",
        )

    def owner(self, allocation: str, accelerators: int, *, short: bool = False) -> str:
        return self.engine.submit(self.request(accelerators, allocation=allocation, short=short))

    def borrow(self, project: str, accelerators: int, *, short: bool = False) -> str:
        return self.engine.submit(self.request(accelerators, project=project, short=short))

    def status(self, job: str) -> JobStatus:
        return next(status for status in self.engine.jobs() if status.job == job)

    def state(self, job: str) -> JobState:
        return self.status(job).state


class LocalDriver(Driver):
    """Real processes; the clock is set forward instead of waited for."""

    def __init__(self, home: Path) -> None:
        self.flags = home / "flags"
        self.flags.mkdir()
        self.ahead = timedelta()
        self.engine = self.local = LocalBackend(
            home / "state",
            pool=POOL,
            model="H100",
            accelerators=ACCELERATORS,
            clock=self.now,
            segment_s=self.hour_s,
        )

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def command(self, *, short: bool) -> tuple[str, ...]:
        ends = f"{self.flags}/{'$DURE_JOB-$DURE_ATTEMPT' if short else 'never'}"
        loop = f"trap 'exit 0' TERM; while [ ! -e {ends} ]; do sleep 0.01; done"
        return ("/bin/sh", "-c", loop)

    def until(self, job: str, *states: JobState) -> JobStatus:
        return self.local.wait(job, *states, timeout_s=10)

    def settle(self) -> None:
        time.sleep(0.25)

    def elapse(self, seconds: int) -> None:
        self.ahead += timedelta(seconds=seconds)
        self.local.wake()

    def finish_short(self) -> None:
        self.elapse(SHORT_S)
        for status in self.local.jobs():
            if status.state == "running":
                (self.flags / f"{status.job}-{status.attempt}").touch()
        self.settle()

    def close(self) -> None:
        for status in self.local.jobs():
            self.local.cancel(status.job)
        for status in self.local.jobs():
            self.local.wait(status.job, timeout_s=10)
        self.local.close()


class SimulatedDriver(Driver):
    """The same, on a cluster that is not there. It cuts usage once a day."""

    hour_s = 86_400

    def __init__(self) -> None:
        self.engine = self.simulated = SimulatedBackend(
            "sim",
            pools=[
                SimulatedPool(pool=POOL, model="H100", nodes=1, accelerators_per_node=ACCELERATORS)
            ],
            start=START,
            seed="contract",
            lent_work=False,
            failure_rate=0.0,
        )

    def now(self) -> datetime:
        return self.simulated.now

    def command(self, *, short: bool) -> tuple[str, ...]:
        return ("sleep", str(SHORT_S if short else 10**9))

    def until(self, job: str, *states: JobState) -> JobStatus:
        wanted = states or tuple(FINISHED)
        for _ in range(120):
            if (status := self.status(job)).state in wanted:
                return status
            self.elapse(0)
            if (status := self.status(job)).state in wanted:
                return status
            self.elapse(1)
        raise TimeoutError(f"{job} is still {self.state(job)}")

    def settle(self) -> None:
        self.elapse(3)

    def elapse(self, seconds: int) -> None:
        self.simulated.advance(self.simulated.now + timedelta(seconds=seconds))

    def finish_short(self) -> None:
        self.elapse(SHORT_S)


class SlurmDriver(Driver):
    """The same, on a real Slurm of one node."""

    hour_s = 2

    def __init__(self, lab: Lab, home: Path) -> None:
        self.flags = home / "flags"
        self.flags.mkdir()
        self.member = getpass.getuser()
        pool = SlurmPool(
            pool=POOL, model="B200", partition="main", accelerators=ACCELERATORS,
            per_node=ACCELERATORS,
        )  # fmt: skip
        described = site_of(lab, pool).model_copy(
            update={"segment_s": self.hour_s, "first_back_off_s": 0}
        )
        self.engine = self.slurm = SlurmBackend(home / "state", site=described, clock=self.now)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def command(self, *, short: bool) -> tuple[str, ...]:
        ends = f"{self.flags}/{'$DURE_JOB-$DURE_ATTEMPT' if short else 'never'}"
        loop = f"trap 'exit 0' TERM; while [ ! -e {ends} ]; do sleep 0.1; done"
        return ("/bin/sh", "-c", loop)

    def until(self, job: str, *states: JobState) -> JobStatus:
        wanted = states or tuple(FINISHED)
        give_up = time.monotonic() + 60
        while (status := self.status(job)).state not in wanted:
            assert time.monotonic() < give_up, f"{job} is still {status.state}"
            time.sleep(0.2)
        return status

    def settle(self) -> None:
        time.sleep(2.0)  # a cycle of Slurm's scheduler and a look of ours

    def elapse(self, seconds: int) -> None:
        time.sleep(seconds)

    def finish_short(self) -> None:
        for status in self.slurm.jobs():
            if status.state == "running":
                (self.flags / f"{status.job}-{status.attempt}").touch()
        self.settle()


@contextmanager
def _local() -> Iterator[Driver]:
    home = Path(tempfile.mkdtemp(prefix="dure-contract-"))
    driver = LocalDriver(home)
    try:
        yield driver
    finally:
        driver.close()
        shutil.rmtree(home)


@contextmanager
def _simulated() -> Iterator[Driver]:
    yield SimulatedDriver()


@contextmanager
def _slurm() -> Iterator[Driver]:
    """One lab for all tests of a worker, emptied after each."""
    lab = _small_lab()
    try:
        with _driven(lab) as driver:
            yield driver
    finally:
        empty(lab)


@contextmanager
def _slurm_alone() -> Iterator[Driver]:
    """A lab on which nothing ever ran."""
    with standing(SMALL) as lab, _driven(lab) as driver:
        yield driver


@contextmanager
def _driven(lab: Lab) -> Iterator[SlurmDriver]:
    home = Path(tempfile.mkdtemp(prefix="dure-contract-"))
    home.chmod(0o755)
    driver = SlurmDriver(lab, home)
    try:
        yield driver
    finally:
        driver.slurm.close()
        shutil.rmtree(home)


@cache
def _small_lab() -> Lab:
    return OPENED.enter_context(standing(SMALL))


SMALL = Shape(nodes=1, accelerators=ACCELERATORS, block_nodes=1, kill_wait_s=5, requeue_s=5)

OPENED = ExitStack()
"""What is kept for the tests that follow."""

ENGINES = [
    pytest.param(_local, id="local", marks=pytest.mark.processes),
    pytest.param(_simulated, id="simulated"),
    pytest.param(_slurm, id="slurm", marks=[pytest.mark.slurm, pytest.mark.any_slurm]),
]

FRESH = [*ENGINES[:-1], pytest.param(_slurm_alone, id="slurm", marks=ENGINES[-1].marks)]
"""Engines that have no past."""
