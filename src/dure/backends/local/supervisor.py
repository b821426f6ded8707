"""One pass of the local engine: see what ended, enforce grace, decide, act.

- Level-triggered: a pass reads the journal and the processes, and a crash at any point is mended
  by the next pass of the next engine.
- Each step is journalled before it is taken: an attempt before its process is started, a stop
  before the signal.
- A preempted job waits again whatever its exit code was, unless it had ended before it was told
  to. A job whose process vanished without a word (power cut, killed from outside) waits again too.
- Between the two, its slots were held: an attempt ends when its last process has ended.
"""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime
from pathlib import Path

from dure.backends import gangs
from dure.backends.contract import JobState
from dure.backends.local import processes
from dure.backends.local.journal import AttemptRow, JobRow, Journal, Stop
from dure.backends.local.processes import Gang
from dure.protocol.report import Outcome
from dure.vocabulary.plans import Reason

MICROS = 1_000_000


def when(micros: int) -> datetime:
    """An instant of the journal as a UTC time."""
    return datetime.fromtimestamp(micros / MICROS, UTC)


class Supervisor:
    """Holds the process descriptors; everything else is in the journal."""

    def __init__(self, journal: Journal, *, home: Path, accelerators: int) -> None:
        self._journal = journal
        self._home = home
        self._accelerators = accelerators
        self._gangs: dict[tuple[str, int], Gang] = {}
        self.waits: dict[str, Reason] = {}

    def directory(self, job: str, attempt: int) -> Path:
        return self._home / job / f"attempt-{attempt}"

    def handles(self) -> list[int]:
        """Descriptors that become readable when something ended."""
        return [gang.handle for gang in self._gangs.values()]

    def recover(self, now: int) -> None:
        """Find every attempt again that the journal says is running."""
        for row in self._journal.holding():
            found = processes.adopt(self.directory(row.job, row.attempt))
            if found == "void":
                self._void(row, now)
            elif found == "gone":
                self._finish(row, now)
            else:
                self._gangs[row.job, row.attempt] = found
                if row.stop is not None:
                    found.tell(signal.SIGTERM)  # it may have been journalled and not sent

    def _void(self, row: AttemptRow, now: int) -> None:
        """It was journalled but not started; its number is not used again, nor its directory."""
        cancelled = row.stop == "cancelled"
        with self._journal.writing():
            self._journal.void_attempt(row.job, row.attempt)
            self._journal.set_job(
                row.job,
                state="cancelled" if cancelled else "pending",
                attempt=row.attempt + 1,
                ended=now if cancelled else None,
            )

    def step(self, now: int) -> None:
        """See, enforce, decide, act."""
        self._reap(now)
        self._enforce_grace(now)
        self._decide(now)

    def next_deadline(self, now: int) -> int | None:
        """When something changes without anybody saying so."""
        kills = [
            row.kill_at
            for row in self._journal.holding()
            if row.kill_at is not None and not row.killed
        ]
        edges = [
            int(edge.timestamp() * MICROS)
            for binding in self._journal.bindings()
            for edge in (binding.starts, binding.ends)
        ]
        return min([*kills, *(edge for edge in edges if edge > now)], default=None)

    def cancel(self, row: JobRow, now: int) -> None:
        if row.state == "pending":
            with self._journal.writing():
                self._journal.set_job(row.job, state="cancelled", attempt=row.attempt, ended=now)
        elif row.state == "running":
            self._stop(row, "cancelled", now)
        elif row.state == "stopping":
            held = next(a for a in self._journal.holding() if a.job == row.job)
            with self._journal.writing():
                self._journal.stop_attempt(row.job, row.attempt, "cancelled", held.kill_at or now)

    def abandon(self) -> None:
        """Let go of the descriptors; the processes run on."""
        for gang in self._gangs.values():
            gang.release()
        self._gangs.clear()

    def _reap(self, now: int) -> None:
        for row in self._journal.holding():
            gang = self._gangs.get((row.job, row.attempt))
            if gang is not None and gang.has_ended():
                self._finish(row, now)
                del self._gangs[row.job, row.attempt]
                gang.ended()

    def _finish(self, row: AttemptRow, now: int) -> None:
        directory = self.directory(row.job, row.attempt)
        said = processes.exit_of(directory)
        mark = self._journal.fact("mark", 0)
        if said is None:
            processes.end_orphans(directory)
            ended = max(row.started, mark)  # the last instant at which it was known to be alive
        else:
            ago = max(0, int((time.time() - said.ended) * MICROS))
            ended = max(row.started, mark, now - ago)
        outcome, state = _verdict(row, said, started=processes.claimed(directory))
        again = state == "pending"
        with self._journal.writing():
            self._journal.end_attempt(row.job, row.attempt, ended, outcome)
            self._journal.set_fact("mark", ended)
            self._journal.set_job(
                row.job,
                state=state,
                attempt=row.attempt + 1 if again else row.attempt,
                ended=None if again else ended,
                exit_code=None if again or said is None else said.code,
            )

    def _enforce_grace(self, now: int) -> None:
        for row in self._journal.holding():
            gang = self._gangs.get((row.job, row.attempt))
            if gang and row.kill_at is not None and row.kill_at <= now and not row.killed:
                gang.tell(signal.SIGUSR1)
                with self._journal.writing():
                    self._journal.mark_killed(row.job, row.attempt)

    def _decide(self, now: int) -> None:
        jobs = {row.job: row for row in self._journal.jobs(unfinished=True)}
        holding = self._journal.holding()
        started = {row.job: row.started for row in holding}
        decision = gangs.decide(
            capacity=self._accelerators,
            now=when(now),
            bindings=self._journal.bindings(),
            lent=self._journal.lent(),
            work=[_work(row, started.get(row.job, 0)) for row in jobs.values()],
        )
        self.waits = decision.waits
        for job in decision.ends:
            self._stop(jobs[job], "cancelled", now)
        for job in decision.preempts:
            self._stop(jobs[job], "preempted", now)
        taken = {slot for row in holding for slot in row.slots}
        for job in decision.starts:
            free = [slot for slot in range(self._accelerators) if slot not in taken]
            slots = tuple(free[: jobs[job].request.accelerators])
            taken.update(slots)
            self._start(jobs[job], slots, now)

    def _start(self, row: JobRow, slots: tuple[int, ...], now: int) -> None:
        directory = self.directory(row.job, row.attempt)
        checkpoint = directory.parent / "checkpoint"
        directory.mkdir(parents=True, exist_ok=True)
        checkpoint.mkdir(exist_ok=True)
        with self._journal.writing():
            self._journal.add_attempt(row.job, row.attempt, slots, now)
            self._journal.set_job(row.job, state="running", attempt=row.attempt)
            self._journal.set_fact("mark", now)
        self._gangs[row.job, row.attempt] = processes.spawn(
            directory,
            processes.ranks(
                row.request,
                job=row.job,
                attempt=row.attempt,
                slots=slots,
                checkpoint=checkpoint,
            ),
        )

    def _stop(self, row: JobRow, why: Stop, now: int) -> None:
        kill_at = now + self._journal.fact("grace_s", 30) * MICROS
        with self._journal.writing():
            self._journal.stop_attempt(row.job, row.attempt, why, kill_at)
            self._journal.set_job(row.job, state="stopping", attempt=row.attempt)
        gang = self._gangs.get((row.job, row.attempt))
        if gang is not None:
            gang.tell(signal.SIGTERM)


def _work(row: JobRow, started: int) -> gangs.Work:
    state = row.state
    if state not in ("pending", "running", "stopping"):
        raise ValueError(f"{row.job} is {state}: not unfinished")
    return gangs.Work(
        job=row.job,
        sequence=row.sequence,
        project=row.request.project,
        allocation=row.request.allocation,
        accelerators=row.request.accelerators,
        state=state,
        started=started,
    )


def _verdict(
    row: AttemptRow, said: processes.Exit | None, *, started: bool
) -> tuple[Outcome, JobState]:
    """The outcome of the attempt and what becomes of the job."""
    by_itself = said is not None and not said.signalled
    if row.stop == "cancelled":
        return "cancelled", "cancelled"
    if row.stop == "preempted" and not by_itself:
        return "preempted", "pending"
    if said is None:
        return ("failed", "pending") if started else ("failed", "failed")
    return ("failed", "failed") if said.code else ("completed", "completed")
