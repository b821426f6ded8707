"""The local engine as the agent and the submitters see it.

- It runs in a thread of the process that made it. That process may be killed at any time: the
  jobs run on, and the next engine on the same state directory finds them again.
- One engine per state directory; the kernel's lock on a file sees to it.
- It sleeps until something happens: a call from here, the end of a process, a deadline.
- All calls are safe from any thread.
"""

from __future__ import annotations

import os
import secrets
import select
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Self, assert_never

from dure.backends import admission, segments
from dure.backends.contract import (
    FINISHED,
    Change,
    ChangeRefused,
    JobRefused,
    JobRequest,
    JobState,
    JobStatus,
    Observed,
    RemoveBinding,
    RemoveLent,
    SetBinding,
    SetGrace,
    SetLent,
    UnableToApplyNow,
    UnknownJob,
    UsageBatch,
)
from dure.backends.exclusive import locked
from dure.backends.local.journal import AttemptRow, JobRow, Journal
from dure.backends.local.supervisor import MICROS, Supervisor, when
from dure.protocol import Binding, Capabilities, PoolInventory
from dure.vocabulary.plans import Reason

_POLL_LIMIT_MS = 60_000  # a wall clock that was set forward is noticed after a minute at most


class LocalBackend:
    """`Backend` and `JobQueue` for the `accelerators` slots of this machine, as one pool."""

    def __init__(
        self,
        state: Path,
        *,
        pool: str,
        model: str,
        accelerators: int,
        clock: Callable[[], datetime],
        segment_s: int = 300,
    ) -> None:
        """Open or reopen the engine whose memory is the directory `state`.

        `segment_s` is the length of a long job's usage segments; it must stay the same for the
        life of the state directory and divide an hour, so that months end at a cut.
        """
        state.mkdir(parents=True, exist_ok=True)
        self._lock_file = locked(state / "lock")
        self._pool, self._model, self._accelerators = pool, model, accelerators
        self._clock, self._segment_s = clock, segment_s
        self._journal = Journal(state / "journal.sqlite")
        self._prefix = f"job-{self._birth():06x}"
        self._supervisor = Supervisor(self._journal, home=state / "jobs", accelerators=accelerators)
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._closing = False
        self._failure: BaseException | None = None
        with self._lock:
            self._supervisor.recover(self._now())
        self._thread = threading.Thread(target=self._run, name="dure-local-engine", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the engine and leave the jobs running; the next engine finds them again."""
        if self._closing:
            return
        self._closing = True
        self.wake()
        self._thread.join()
        self._supervisor.abandon()
        self._journal.close()
        os.close(self._wake)
        os.close(self._lock_file)

    def capabilities(self) -> Capabilities:
        return Capabilities(
            engine="local",
            enforces_limits=True,
            preempts_lent=True,
            requeues_lent=True,
            grace_s=self.observed().grace_s,
            take_back_bound_s=1.5,  # p95 of 20 when lent jobs end promptly: tests/contract
            notes=("accelerator-hour budgets are counted and not enforced",),
        )

    def inventory(self) -> tuple[PoolInventory, ...]:
        with self._lock:
            holding = self._journal.holding()
            requests = {row.job: row.request for row in self._journal.jobs()}
        owners = sum(len(row.slots) for row in holding if requests[row.job].allocation)
        return (
            PoolInventory(
                pool=self._pool,
                model=self._model,
                nodes=1,
                accelerators=self._accelerators,
                owner_accelerators=owners,
                lent_accelerators=sum(len(row.slots) for row in holding) - owners,
            ),
        )

    def observed(self) -> Observed:
        with self._lock:
            return Observed(
                bindings=self._journal.bindings(),
                lent=self._journal.lent(),
                grace_s=self._journal.fact("grace_s", 30),
            )

    def apply(self, change: Change) -> None:
        with self._lock:
            self._require_open()
            with self._journal.writing():
                self._write(change)
            self.wake()

    def usage(self, since: datetime | None, until: datetime) -> UsageBatch:
        with self._lock:
            mark = self._now()
            with self._journal.writing():
                self._journal.set_fact("mark", mark)  # what holds slots now was seen to live
            seen_s = mark // MICROS
            settled = min(until, segments.instant(seen_s - 1))
            after = None if since is None else int(since.timestamp() * MICROS)
            requests = {row.job: row.request for row in self._journal.jobs()}
            held = [
                _holding(row, requests[row.job])
                for row in self._journal.attempts(ended_after=after)
            ]
        grid = {"every_s": self._segment_s, "origin_s": 0, "seen_s": seen_s}
        opens = [segments.open_since(one, **grid) for one in held]
        return segments.batch(
            usage=[record for one in held for record in segments.cut(one, **grid)],
            open_from=[segments.instant(start) for start in opens if start is not None],
            since=since,
            until=settled,
        )

    def submit(self, request: JobRequest) -> str:
        with self._lock:
            self._require_open()
            self._admit(request)
            with self._journal.writing():
                job = self._journal.add_job(self._prefix, request, self._now())
            self.wake()
            return job

    def cancel(self, job: str) -> None:
        with self._lock:
            row = next((r for r in self._journal.jobs() if r.job == job), None)
            if row is None:
                raise UnknownJob(job)
            self._supervisor.cancel(row, self._now())
            self.wake()

    def jobs(self) -> tuple[JobStatus, ...]:
        with self._lock:
            latest = {row.job: row for row in self._journal.attempts()}
            waits = self._supervisor.waits
            return tuple(_status(r, latest.get(r.job), waits) for r in self._journal.jobs())

    def wait(self, job: str, *states: JobState, timeout_s: float) -> JobStatus:
        """Block until the job is in one of `states` (or, without any, finished)."""
        wanted = states or tuple(FINISHED)
        with self._changed:
            reached = self._changed.wait_for(
                lambda: self._status_of(job).state in wanted or self._failure is not None,
                timeout_s,
            )
            status = self._status_of(job)
        if not reached or status.state not in wanted:
            raise TimeoutError(f"{job} is still {status.state} after {timeout_s} s")
        return status

    def log(self, job: str, *, attempt: int, rank: int = 0) -> Path:
        """Where the output of a rank is written."""
        return self._supervisor.directory(job, attempt) / f"rank-{rank}.log"

    def log_tail(self, job: str, *, most: int) -> bytes:
        path = self.log(job, attempt=self._status_of(job).attempt)
        try:
            with path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - most))
                return file.read(most)
        except FileNotFoundError:
            return b""

    def wake(self) -> None:
        """Look again now; needed from outside only when the clock was moved."""
        os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        try:
            while not self._closing:
                with self._lock:
                    now = self._now()
                    self._supervisor.step(now)
                    deadline = self._supervisor.next_deadline(now)
                    handles = self._supervisor.handles()
                    self._changed.notify_all()
                self._sleep(handles, now, deadline)
        except BaseException as error:
            self._failure = error  # every later call says so
            with self._lock:
                self._changed.notify_all()
            raise

    def _sleep(self, handles: list[int], now: int, deadline: int | None) -> None:
        left_ms = _POLL_LIMIT_MS if deadline is None else max(0, (deadline - now) // 1000 + 1)
        poll = select.poll()
        for handle in (self._wake, *handles):
            poll.register(handle, select.POLLIN)
        if any(fd == self._wake for fd, _ in poll.poll(min(left_ms, _POLL_LIMIT_MS))):
            os.eventfd_read(self._wake)

    def _now(self) -> int:
        """Microseconds since 1970, never before what was already written."""
        return max(int(self._clock().timestamp() * MICROS), self._journal.fact("mark", 0))

    def _birth(self) -> int:
        """Tells the jobs of this state directory from those of one that was lost."""
        birth = self._journal.fact("birth", -1)
        if birth < 0:
            birth = secrets.randbelow(1 << 24)
            with self._journal.writing():
                self._journal.set_fact("birth", birth)
        return birth

    def _require_open(self) -> None:
        if self._failure is not None:
            raise UnableToApplyNow(f"the engine stopped: {self._failure!r}") from self._failure
        if self._closing:
            raise UnableToApplyNow("the engine is closed")

    def _write(self, change: Change) -> None:
        match change:
            case SetBinding(binding=binding):
                self._check(binding)
                self._journal.set_binding(binding)
            case RemoveBinding(allocation=allocation, pool=pool):
                self._on_my_pool(pool)
                self._journal.remove_binding(allocation)
            case SetLent(share=share):
                self._on_my_pool(share.pool)
                self._journal.set_lent(share)
            case RemoveLent(project=project, pool=pool):
                self._on_my_pool(pool)
                self._journal.remove_lent(project)
            case SetGrace(grace_s=grace_s):
                self._journal.set_fact("grace_s", grace_s)
            case _:
                assert_never(change)

    def _on_my_pool(self, pool: str) -> None:
        if pool != self._pool:
            raise ChangeRefused(f"this engine has the pool {self._pool}, not {pool}")

    def _check(self, binding: Binding) -> None:
        self._on_my_pool(binding.pool)
        admission.check_binding(binding, held=self._journal.bindings(), capacity=self._accelerators)

    def _admit(self, request: JobRequest) -> None:
        if request.pool != self._pool:
            raise JobRefused(f"this engine has the pool {self._pool}, not {request.pool}")
        admission.admit(request, bindings=self._journal.bindings(), lent=self._journal.lent())
        if not Path(request.working_directory).is_dir():
            raise JobRefused(f"there is no directory {request.working_directory}")

    def _status_of(self, job: str) -> JobStatus:
        found = next((status for status in self.jobs() if status.job == job), None)
        if found is None:
            raise UnknownJob(job)
        return found


def _holding(row: AttemptRow, request: JobRequest) -> segments.Holding:
    return segments.Holding(
        job=row.job,
        attempt=row.attempt,
        allocation=request.allocation,
        project=request.project,
        pool=request.pool,
        username=request.username,
        accelerators=request.accelerators,
        start_s=row.started // MICROS,
        end_s=None if row.ended is None else row.ended // MICROS,
        outcome=row.outcome,
    )


def _status(row: JobRow, latest: AttemptRow | None, waits: dict[str, Reason]) -> JobStatus:
    return JobStatus(
        job=row.job,
        request=row.request,
        state=row.state,
        attempt=row.attempt,
        submitted=when(row.submitted),
        started=None if latest is None else when(latest.started),
        ended=None if row.ended is None else when(row.ended),
        exit_code=row.exit_code,
        waits=waits.get(row.job) if row.state == "pending" else None,
    )
