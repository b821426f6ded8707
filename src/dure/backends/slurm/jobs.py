"""Jobs handed in, ended and listed: the shell around `submission`, `queue` and `waits`.

- A job is admitted by what the site was told, before Slurm is asked: what could never start is
  refused with words, and Slurm's own limits stand behind it for those who use sbatch.
- Listed are the unfinished jobs under our names, whoever handed them in, and of the others those
  that came through Dure, until `REMEMBERED` after they were handed in.
- An end is asked of slurmdbd once slurmctld has forgotten the job, and kept: it does not change.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from dure.backends import admission
from dure.backends.contract import (
    FINISHED,
    JobRefused,
    JobRequest,
    JobStatus,
    UnknownJob,
)
from dure.backends.slurm import endings, queue, settings, submission, submitter, waits
from dure.backends.slurm.handed import Handed, HandedIn
from dure.backends.slurm.held import Record
from dure.backends.slurm.queue import Row
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.backends.slurm.stewardship import Standing
from dure.backends.slurm.submission import Place
from dure.backends.slurm.submitter import Submitter
from dure.backends.slurm.tools import Slurm
from dure.protocol import MemberAccess, StartEstimate

REMEMBERED: Final = timedelta(days=14)
"""Longer than the hub is ever away; after that a job's end has been told."""

ASKED_AT_ONCE: Final = 2_000
"""Numbers of jobs in one argument of sacct; Linux takes 128 KiB."""


class Jobs:
    """`JobQueue`, `KeepsLogs` and `EstimatesStarts` on one cluster."""

    def __init__(
        self,
        *,
        slurm: Slurm,
        site: SlurmSite,
        record: Record,
        clock: Callable[[], datetime],
        folder: Path,
    ) -> None:
        self._slurm, self._site, self._record, self._clock = slurm, site, record, clock
        self._handed = HandedIn(folder / "jobs")
        shared = site.jobs_folder
        self._home = folder / "of-users" if shared is None else Path(shared) / "dure-jobs"
        self._ended: dict[str, endings.Ending] = {}
        self._limits: dict[str, str] = {}
        self._began: dict[tuple[str, int], int] = {}
        self._lock = threading.RLock()

    def submit(self, request: JobRequest) -> str:
        pool = self._admit(request)
        whose = self._submitter(request.username)
        request = _with_a_place(request, whose.home)
        token = secrets.token_hex(8)
        place = Place(folder=self._home / whose.name / token)
        submitter.make_folder(place.script, submission.script(request, place), whose)
        with self._lock:
            handed = Handed(
                token=token, request=request, submitted=self._clock(), folder=str(place.folder)
            )
            self._handed.keep(handed)
            said = self._slurm.run(
                "sbatch",
                *submission.arguments(
                    request, pool, token=token, place=place, longest=self._longest(pool)
                ),
                environment=whose.environment,
                person=whose.to_become,
                cwd=Path("/"),
            )
            number = said.out.strip().partition(";")[0]
            if said.code != 0 or not number.isdigit():
                self._handed.forget(token)
                raise JobRefused(f"Slurm refused the job: {said.words}")
            self._handed.keep(handed.model_copy(update={"job": number}))
            return number

    def cancel(self, job: str) -> None:
        row = next((r for r in self.rows() if r.job == job and self._is_ours(r)), None)
        if row is None:
            if self._handed.of_job(job) is None:
                raise UnknownJob(job)
            return
        if row.phase not in FINISHED:
            self._slurm.do(*queue.cancelling(row.handle))

    def jobs(self) -> tuple[JobStatus, ...]:
        with self._lock:
            found = self.rows()
            self._name_the_nameless(found)
            handed = {one.job: one for one in self._handed if one.job is not None}
            listed = self._listed(found, handed)
            since = self._clock() - REMEMBERED
            present = {row.job for row in found}
            past = [
                one
                for job, one in handed.items()
                if job not in present and (one.submitted >= since or job in self._ended)
            ]
            self._ask_for_ends(str(one.job) for one in past)
            gone = (endings.status(one, self._ended.get(str(one.job))) for one in past)
            return tuple(sorted((*listed, *gone), key=lambda status: queue.order(status.job)))

    def log_tail(self, job: str, *, most: int) -> bytes:
        """The last bytes that rank 0 of the latest attempt wrote, or else the batch script."""
        handed = self._handed.of_job(job)
        if handed is None:
            raise UnknownJob(job)
        place = Place(folder=Path(handed.folder))
        whose = self._submitter(handed.request.username)
        return submitter.tail((place.log(self._attempt(job)), place.batch_log), most, whose)

    def starts(self, pool: str, sizes: Iterable[int]) -> tuple[StartEstimate, ...]:
        """As `sbatch --test-only` sees it, on lent capacity."""
        described = self._site.pool(pool)
        if described is None:
            return ()
        for share in self._record.current.lent:
            whose = self._one_of(share.members) if share.pool == pool else None
            if whose is not None:
                return tuple(self._start(described, share.project, size, whose) for size in sizes)
        return ()

    def rows(self) -> tuple[Row, ...]:
        """The queue now, with what has just ended. Raises UnableToApplyNow."""
        return queue.rows(self._slurm.ask(*queue.ROWS))

    def live(self) -> tuple[Row, ...]:
        """The unfinished jobs. Raises UnableToApplyNow."""
        return queue.rows(self._slurm.ask(*queue.LIVE))

    def idle(self) -> dict[str, int]:
        """Accelerators by pool that no job holds, on nodes that take work."""
        return queue.idle(self._slurm.ask(*queue.NODES), self._site)

    def _admit(self, request: JobRequest) -> SlurmPool:
        pool = self._site.pool(request.pool)
        if pool is None:
            raise JobRefused(f"{self._site.cluster} has no pool {request.pool}")
        held = self._record.current
        admission.admit(
            request,
            bindings=[one for one in held.bindings if one.pool == request.pool],
            lent=[one for one in held.lent if one.pool == request.pool],
        )
        submission.check(request, pool, longest=self._longest(pool))
        return pool

    def _longest(self, pool: SlurmPool) -> str:
        """The longest time that the pool's partition gives a job, as Slurm writes it."""
        if pool.partition not in self._limits:
            found = settings.partitions(self._slurm.ask(*settings.PARTITIONS))
            self._limits = {one.name: one.word("MaxTime") or "UNLIMITED" for one in found}
        return self._limits.get(pool.partition, "UNLIMITED")

    def _is_ours(self, row: Row) -> bool:
        return queue.of_ours(row.account, row.qos, self._record.current) is not None

    def _listed(self, found: tuple[Row, ...], handed: dict[str, Handed]) -> list[JobStatus]:
        """What the queue shows of ours; a finished one only where it came through Dure."""
        standing = {one.job: one for one in queue.standing(found, self._record.current, self._site)}
        idle, called = cache(self.idle), cache(self._names)  # asked for once, where needed
        listed = []
        for row in found:
            known, now = handed.get(row.job), standing.get(row.handle)
            if known is None and now is None:
                continue
            request = known.request if known else _plain(row, now, called().get(row.job, ""))
            listed.append(self._status(row, request, now, tuple(standing.values()), idle))
        return listed

    def _status(
        self,
        row: Row,
        request: JobRequest,
        now: Standing | None,
        jobs: tuple[Standing, ...],
        idle: Callable[[], dict[str, int]],
    ) -> JobStatus:
        state, waiting, started = row.phase, None, row.started_s
        if state == "pending":
            started = self._last_start(row)
            if now is not None:
                waiting = waits.reason(
                    now,
                    held=self._record.current,
                    jobs=jobs,
                    idle=lambda: idle().get(request.pool, 0),
                    now=self._clock(),
                )
        handed = self._handed.of_job(row.job)
        return JobStatus(
            job=row.job,
            request=request,
            state=state,
            attempt=row.restarts + 1,
            submitted=_time(row.submitted_s) if handed is None else handed.submitted,
            started=_time(started) if started else None,
            ended=_time(row.ended_s) if state in FINISHED else None,
            exit_code=row.exit_code if state in {"completed", "failed"} else None,
            waits=waiting,
        )

    def _last_start(self, row: Row) -> int:
        """When a job that waits again last began; 0 for one that never did."""
        if not row.restarts:
            return 0
        key = (row.job, row.restarts)
        if key not in self._began:
            ran = self._runs([row.job]).get(row.job, [])
            self._began[key] = max((run.started_s for run in ran), default=0)
        return self._began[key]

    def _attempt(self, job: str) -> int:
        """The latest that may have written something."""
        row = next((row for row in self.rows() if row.job == job), None)
        if row is not None:
            waits = row.phase == "pending" and row.restarts > 0
            return row.restarts + (0 if waits else 1)
        self._ask_for_ends([job])
        return self._ended[job].attempts if job in self._ended else 1

    def _name_the_nameless(self, found: tuple[Row, ...]) -> None:
        """Gives requests whose number a crash kept from us the job that bears their token."""
        nameless = [one for one in self._handed if one.job is None]
        if not nameless:
            return
        called = {name: job for job, name in self._names().items()}
        owners = {row.job: row.username for row in found}
        for one in nameless:
            job = called.get(f"{submission.MARK}{one.token}")
            if job is not None and owners.get(job) == one.request.username:
                self._handed.keep(one.model_copy(update={"job": job}))
            elif self._clock() - one.submitted > timedelta(seconds=2 * self._site.timeout_s):
                self._settle(one)

    def _settle(self, one: Handed) -> None:
        """sbatch has ended long ago: its job has ended too, and slurmdbd knows it, or never was."""
        said = self._slurm.ask(*endings.by_name(f"{submission.MARK}{one.token}", one))
        numbers = sorted((line for line in said.split() if line.isdigit()), key=int)
        if numbers:
            self._handed.keep(one.model_copy(update={"job": numbers[-1]}))
        else:
            self._handed.forget(one.token)

    def _names(self) -> dict[str, str]:
        """What the jobs in the queue are called: their users' own words."""
        lines = (line.partition("|") for line in self._slurm.ask(*queue.NAMES).splitlines())
        return {job: name for job, sign, name in lines if sign and job.isdigit()}

    def _ask_for_ends(self, jobs: Iterable[str]) -> None:
        self._ended.update(
            endings.endings(self._runs([job for job in jobs if job not in self._ended]))
        )

    def _runs(self, jobs: list[str]) -> dict[str, list[endings.Run]]:
        found: dict[str, list[endings.Run]] = {}
        for at in range(0, len(jobs), ASKED_AT_ONCE):
            asked = endings.question(jobs[at : at + ASKED_AT_ONCE])
            found |= endings.runs(self._slurm.ask(*asked))
        return found

    def _submitter(self, username: str) -> Submitter:
        return submitter.submitter(username, lowest_uid=self._site.lowest_uid)

    def _one_of(self, members: Iterable[MemberAccess]) -> Submitter | None:
        """A member as whom Slurm can be asked here."""
        for member in members:
            try:
                return self._submitter(member.username)
            except JobRefused:
                continue
        return None

    def _start(
        self, pool: SlurmPool, project: str, accelerators: int, whose: Submitter
    ) -> StartEstimate:
        said = self._slurm.run(
            "sbatch",
            *submission.trial(accelerators, pool, project=project),
            feed="#!/bin/sh\n",
            person=whose.to_become,
            cwd=Path("/"),
        )
        return StartEstimate(
            accelerators=accelerators, lent=True, at=submission.would_start(said.words)
        )


def _with_a_place(request: JobRequest, home: str) -> JobRequest:
    """Where nothing is said the job begins in its user's home."""
    if request.working_directory:
        return request
    return request.model_copy(update={"working_directory": home})


def _plain(row: Row, now: Standing | None, name: str) -> JobRequest:
    """What is known of a job that somebody handed in with sbatch."""
    assert now is not None  # noqa: S101  # only standing jobs are listed without a record
    return JobRequest(
        project=now.project,
        allocation=now.allocation,
        pool=now.pool,
        accelerators=max(1, now.accelerators),
        command=(name or "sbatch",),
        username=row.username,
        working_directory="",
    )


def _time(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
