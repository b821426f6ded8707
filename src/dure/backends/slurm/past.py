"""What slurmdbd alone still knows of jobs: how they ended, when they began, what took them back.

- One question for many jobs: each costs sacct a look into its database, whatever it asks for.
- What is known for good is asked once. What is not known yet is not taken for known: slurmdbd hears
  of things later than slurmctld, and of some not at all.
- slurmdbd away is no reason to stop what does not need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from dure.backends.contract import UnableToApplyNow
from dure.backends.slurm import endings
from dure.backends.slurm.queue import Row
from dure.backends.slurm.stewardship import KNOWN_BY_S
from dure.backends.slurm.tools import Slurm

ASKED_AT_ONCE: Final = 2_000
"""Numbers of jobs in one argument of sacct; Linux takes 128 KiB."""

PATIENCE_S: Final = 10.0
REST: Final = timedelta(seconds=60)
"""The keeper's looks wait no longer than that for slurmdbd, and then leave it alone for a while."""

_log = structlog.get_logger("dure.slurm")


class Past:
    """`ends` and `last_starts` are asked by one thread, `take_backs` by another."""

    def __init__(self, *, slurm: Slurm, clock: Callable[[], datetime]) -> None:
        self._slurm, self._clock = slurm, clock
        self._ended: dict[str, endings.Ending] = {}
        self._began: dict[tuple[str, int], int] = {}
        self._taken: dict[tuple[str, int], int] = {}
        self._rests_until = datetime.min.replace(tzinfo=UTC)

    def ends(self, jobs: Iterable[str]) -> tuple[dict[str, endings.Ending], bool]:
        """Of those of the jobs that have ended; and whether slurmdbd could be asked for all."""
        wanted = list(jobs)
        unknown = [job for job in wanted if job not in self._ended]
        answered = True
        try:
            self._ended |= endings.endings(self._runs(unknown))
        except UnableToApplyNow as away:
            _log.warning("slurm.ends_not_read", why=str(away))
            answered = False
        return {job: self._ended[job] for job in wanted if job in self._ended}, answered

    def forget(self, job: str) -> None:
        """Nobody asks for its end any more."""
        self._ended.pop(job, None)

    def last_starts(self, again: Iterable[Row]) -> dict[str, int]:
        """When these jobs, which all wait again, last began; without those of which none knows."""
        rows = {row.job: row for row in again}
        keys = {(job, row.restarts) for job, row in rows.items()}
        self._began = {key: start for key, start in self._began.items() if key in keys}
        found = {job: start for (job, _), start in self._began.items()}
        try:
            runs = self._runs([job for job in rows if job not in found])
        except UnableToApplyNow as away:
            _log.warning("slurm.starts_not_read", why=str(away))
            return found
        for job, of in runs.items():
            starts = [run.started_s for run in of if run.started_s]
            if job not in rows or not starts:
                continue
            found[job] = max(starts)
            if sum(run.ended_s > 0 for run in of) >= rows[job].restarts:
                self._began[job, rows[job].restarts] = found[job]
        return found

    def take_backs(self, again: Iterable[Row]) -> dict[str, int]:
        """How often Slurm took these waiting jobs back for others, where it is known; by handle."""
        rows = {row.job: row for row in again}
        keys = {(job, row.restarts) for job, row in rows.items()}
        self._taken = {key: count for key, count in self._taken.items() if key in keys}
        unknown = [job for job, row in rows.items() if (job, row.restarts) not in self._taken]
        if unknown and self._clock() >= self._rests_until:
            self._learn_take_backs({job: rows[job] for job in unknown})
        return {rows[job].handle: count for (job, _), count in self._taken.items()}

    def _learn_take_backs(self, rows: dict[str, Row]) -> None:
        now = self._clock()
        try:
            runs = self._runs(list(rows), timeout_s=PATIENCE_S)
        except UnableToApplyNow as away:
            _log.warning("slurm.take_backs_not_read", why=str(away))
            self._rests_until = now + REST
            return
        for job, row in rows.items():
            # A run that ended within seconds may have no start in its row (22.05, measured).
            ended = [run for run in runs.get(job, []) if run.ended_s]
            settled = now.timestamp() >= row.submitted_s + KNOWN_BY_S
            if len(ended) >= row.restarts or settled:
                self._taken[job, row.restarts] = sum(run.taken_back for run in ended)

    def _runs(
        self, jobs: list[str], *, timeout_s: float | None = None
    ) -> dict[str, list[endings.Run]]:
        found: dict[str, list[endings.Run]] = {}
        for at in range(0, len(jobs), ASKED_AT_ONCE):
            asked = endings.question(jobs[at : at + ASKED_AT_ONCE])
            found |= endings.runs(self._slurm.ask(*asked, timeout_s=timeout_s))
        return found
