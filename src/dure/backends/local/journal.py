"""The local engine's memory: one SQLite file that is the truth after any crash.

- Nothing that matters is only in memory: a step is written here before it is taken, so a killed
  engine finds what it had decided and goes on.
- Time never runs backwards here: `mark` is the latest instant written, and the engine's now is
  never before it. What was alive at `mark` is known to have been.
- Instants are whole microseconds since 1970.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from dure.backends.contract import JobRequest, JobState
from dure.protocol import Binding, LentShare
from dure.protocol.report import Outcome

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS bindings (
    allocation TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (allocation));
CREATE TABLE IF NOT EXISTS lent (project TEXT NOT NULL PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL UNIQUE, request TEXT NOT NULL,
    state TEXT NOT NULL, attempt INTEGER NOT NULL DEFAULT 1, submitted INTEGER NOT NULL,
    ended INTEGER, exit_code INTEGER);
CREATE INDEX IF NOT EXISTS jobs_unfinished ON jobs (sequence)
    WHERE state IN ('pending', 'running', 'stopping');
CREATE TABLE IF NOT EXISTS attempts (
    job TEXT NOT NULL REFERENCES jobs (job), attempt INTEGER NOT NULL, slots TEXT NOT NULL,
    started INTEGER NOT NULL, ended INTEGER, outcome TEXT NOT NULL DEFAULT 'running',
    stop TEXT, kill_at INTEGER, killed INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (job, attempt));
CREATE INDEX IF NOT EXISTS attempts_ended ON attempts (ended);
"""

Stop = Literal["preempted", "cancelled"]


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as journalled."""

    sequence: int
    job: str
    request: JobRequest
    state: JobState
    attempt: int
    submitted: int
    ended: int | None
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One start of a job, on its slots."""

    job: str
    attempt: int
    slots: tuple[int, ...]
    started: int
    ended: int | None
    outcome: Outcome
    stop: Stop | None
    kill_at: int | None
    killed: bool


class Journal:
    """Reads and writes; the caller holds the engine's lock."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")  # what was said must survive a power cut
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All of it or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def fact(self, name: str, default: int) -> int:
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return default if row is None else int(row[0])

    def set_fact(self, name: str, value: int) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO facts VALUES (?, ?)",
            (name, value),
        )

    def bindings(self) -> tuple[Binding, ...]:
        rows = self._db.execute("SELECT document FROM bindings ORDER BY allocation")
        return tuple(Binding.model_validate_json(row[0]) for row in rows)

    def set_binding(self, binding: Binding) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO bindings VALUES (?, ?)",
            (binding.allocation, binding.model_dump_json()),
        )

    def remove_binding(self, allocation: str) -> None:
        self._db.execute("DELETE FROM bindings WHERE allocation = ?", (allocation,))

    def lent(self) -> tuple[LentShare, ...]:
        rows = self._db.execute("SELECT document FROM lent ORDER BY project")
        return tuple(LentShare.model_validate_json(row[0]) for row in rows)

    def set_lent(self, share: LentShare) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO lent VALUES (?, ?)", (share.project, share.model_dump_json())
        )

    def remove_lent(self, project: str) -> None:
        self._db.execute("DELETE FROM lent WHERE project = ?", (project,))

    def add_job(self, prefix: str, request: JobRequest, submitted: int) -> str:
        number = self._db.execute("SELECT coalesce(max(sequence), 0) + 1 FROM jobs").fetchone()[0]
        job = f"{prefix}-{number}"
        self._db.execute(
            "INSERT INTO jobs (job, request, state, submitted) VALUES (?, ?, 'pending', ?)",
            (job, request.model_dump_json(), submitted),
        )
        return job

    def jobs(self, *, unfinished: bool = False) -> list[JobRow]:
        what = (
            "SELECT sequence, job, request, state, attempt, submitted, ended, exit_code FROM jobs "
        )
        only = "WHERE state IN ('pending', 'running', 'stopping') " if unfinished else ""
        rows = self._db.execute(what + only + "ORDER BY sequence")
        return [JobRow(r[0], r[1], JobRequest.model_validate_json(r[2]), *r[3:]) for r in rows]

    def set_job(
        self,
        job: str,
        *,
        state: JobState,
        attempt: int,
        ended: int | None = None,
        exit_code: int | None = None,
    ) -> None:
        self._db.execute(
            "UPDATE jobs SET state = ?, attempt = ?, ended = ?, exit_code = ? WHERE job = ?",
            (state, attempt, ended, exit_code, job),
        )

    def add_attempt(self, job: str, attempt: int, slots: tuple[int, ...], started: int) -> None:
        self._db.execute(
            "INSERT INTO attempts (job, attempt, slots, started) VALUES (?, ?, ?, ?)",
            (job, attempt, json.dumps(slots), started),
        )

    def void_attempt(self, job: str, attempt: int) -> None:
        """It was decided but never started, and now never will."""
        self._db.execute("DELETE FROM attempts WHERE job = ? AND attempt = ?", (job, attempt))

    def stop_attempt(self, job: str, attempt: int, stop: Stop, kill_at: int) -> None:
        self._db.execute(
            "UPDATE attempts SET stop = ?, kill_at = ? WHERE job = ? AND attempt = ?",
            (stop, kill_at, job, attempt),
        )

    def mark_killed(self, job: str, attempt: int) -> None:
        self._db.execute(
            "UPDATE attempts SET killed = 1 WHERE job = ? AND attempt = ?", (job, attempt)
        )

    def end_attempt(self, job: str, attempt: int, ended: int, outcome: Outcome) -> None:
        self._db.execute(
            "UPDATE attempts SET ended = ?, outcome = ? WHERE job = ? AND attempt = ?",
            (ended, outcome, job, attempt),
        )

    def attempts(self, *, ended_after: int | None = None) -> list[AttemptRow]:
        """Those that still hold their slots and those that ended after the given instant."""
        rows = self._db.execute(
            "SELECT job, attempt, slots, started, ended, outcome, stop, kill_at, killed "
            "FROM attempts WHERE ended IS NULL OR ended > ? ORDER BY started, job, attempt",
            (-1 if ended_after is None else ended_after,),
        )
        return [
            AttemptRow(
                r[0], r[1], tuple(json.loads(r[2])), r[3], r[4], r[5], r[6], r[7], bool(r[8])
            )
            for r in rows
        ]

    def holding(self) -> list[AttemptRow]:
        """The attempts that hold slots now."""
        return [row for row in self.attempts(ended_after=2**62) if row.ended is None]
