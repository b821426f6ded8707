"""Jobs handed in, ended and listed: the shell around `submission`, `queue` and `waits`.

- A job is admitted by what the site was told, before Slurm is asked: what could never start is
  refused with words, and Slurm's own limits stand behind it for those who use sbatch.
- Listed are the jobs under our names, whoever handed them in, while slurmctld knows them, so that
  their end is seen too; of the others those that came through Dure, until `REMEMBERED` after their
  end. Then their record goes.
- An end is asked of slurmdbd (`past`) once slurmctld has forgotten the job. While slurmdbd is away
  such a job is shown as it was last seen: it is not lost.
- Only what a submission needs too is done under its lock.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

import structlog

from dure.backends import admission
from dure.backends.contract import (
    FINISHED,
    JobRefused,
    JobRequest,
    JobStatus,
    UnableToApplyNow,
    UnknownJob,
)
from dure.backends.slurm import endings, queue, settings, submission, submitter, waits
from dure.backends.slurm.handed import Handed, HandedIn
from dure.backends.slurm.held import Record
from dure.backends.slurm.past import Past
from dure.backends.slurm.queue import Row, Whose
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.backends.slurm.stewardship import FREE_TAKE_BACKS, Standing
from dure.backends.slurm.submission import Place
from dure.backends.slurm.submitter import Submitter
from dure.backends.slurm.tools import Slurm
from dure.protocol import MemberAccess, StartEstimate
from dure.vocabulary.plans import Reason

_log = structlog.get_logger("dure.slurm")

REMEMBERED: Final = timedelta(days=14)
"""Longer than the hub is ever away; after that a job's end has been told."""


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
        self._past = Past(slurm=slurm, clock=clock)
        self._seen: dict[str, JobStatus] = {}
        self._limits: dict[str, str] = {}
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
        present = {row.job for row in found}
        gone = self._gone([one for job, one in handed.items() if job not in present])
        self._seen = {one.job: one for one in (*listed, *gone) if one.job in handed}
        return tuple(sorted((*listed, *gone), key=lambda status: queue.order(status.job)))

    def take_backs(self, found: Iterable[Row], standing: Iterable[Standing]) -> dict[str, int]:
        """As `steward` asks, by handle; without those of which it is not known now."""
        often = {
            job.job
            for job in standing
            if job.allocation is None and job.state == "pending" and job.restarts > FREE_TAKE_BACKS
        }
        return self._past.take_backs(row for row in found if row.handle in often)

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

    def _listed(self, found: tuple[Row, ...], handed: Mapping[str, Handed]) -> list[JobStatus]:
        """What the queue shows of ours, also what has just ended."""
        held = self._record.current
        all_ours = queue.standing(found, held, self._site)
        standing = {one.job: one for one in all_ours}
        of = {row.handle: it for row in found if (it := queue.whose(row, held, self._site))}
        ours = [row for row in found if row.job in handed or row.handle in of]
        starts = self._past.last_starts(
            row for row in ours if row.phase == "pending" and row.restarts
        )
        others = waits.holding(all_ours)
        idle, called = cache(self.idle), cache(self._names)  # asked for once, where needed
        listed = []
        for row in ours:
            known, now = handed.get(row.job), standing.get(row.handle)
            request = (
                known.request if known else _plain(row, of[row.handle], called().get(row.job, ""))
            )
            waiting = None if now is None else self._waits(now, others, idle)
            listed.append(_status(row, request, known, starts.get(row.job, 0), waiting))
        return listed

    def _waits(
        self, job: Standing, others: waits.Holding, idle: Callable[[], dict[str, int]]
    ) -> Reason | None:
        if job.state != "pending":
            return None
        return waits.reason(
            job,
            held=self._record.current,
            others=others,
            idle=lambda: idle().get(job.pool, 0),
            now=self._clock(),
        )

    def _gone(self, gone: list[Handed]) -> list[JobStatus]:
        """Those handed in that have left the queue, but for the ones told long ago."""
        ends, answered = self._past.ends(str(one.job) for one in gone)
        listed = []
        for one in gone:
            ending = ends.get(str(one.job))
            if ending is None and not answered:
                listed.append(self._seen.get(str(one.job)) or endings.unread(one))
            elif not self._is_told(one, ending):
                listed.append(endings.status(one, ending))
        return listed

    def _is_told(self, one: Handed, ending: endings.Ending | None) -> bool:
        """Whether this job's end was listed and is old; its record is forgotten then."""
        if ending is not None:
            over = _time(ending.last.ended_s)
        elif one.missing_since is not None:
            over = one.missing_since
        else:
            over = self._clock()
            with self._lock:
                self._handed.keep(one.model_copy(update={"missing_since": over}))
        seen = self._seen.get(str(one.job))
        if seen is None or seen.state not in FINISHED or self._clock() - over < REMEMBERED:
            return False
        with self._lock:
            self._handed.forget(one.token)
        self._past.forget(str(one.job))
        return True

    def _attempt(self, job: str) -> int:
        """The latest that may have written something."""
        row = next((row for row in self.rows() if row.job == job), None)
        if row is not None:
            waits = row.phase == "pending" and row.restarts > 0
            return row.restarts + (0 if waits else 1)
        ends, _ = self._past.ends([job])
        return ends[job].attempts if job in ends else 1

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
                try:
                    self._settle(one)
                except UnableToApplyNow as away:  # the next look settles it
                    _log.warning("slurm.not_settled", why=str(away))

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


def _status(
    row: Row, request: JobRequest, known: Handed | None, last_start: int, waiting: Reason | None
) -> JobStatus:
    """Of a job in the queue; `last_start` where it waits again."""
    state = row.phase
    started = last_start if state == "pending" else row.started_s
    return JobStatus(
        job=row.job,
        request=request,
        state=state,
        attempt=row.restarts + 1,
        submitted=_time(row.submitted_s) if known is None else known.submitted,
        started=_time(started) if started else None,
        ended=_time(row.ended_s) if state in FINISHED else None,
        exit_code=row.exit_code if state in {"completed", "failed"} else None,
        waits=waiting,
    )


def _plain(row: Row, of: Whose, name: str) -> JobRequest:
    """What is known of a job that somebody handed in with sbatch."""
    return JobRequest(
        project=of.project,
        allocation=of.allocation,
        pool=of.pool,
        accelerators=max(1, of.accelerators),
        command=(name or "sbatch",),
        username=row.username,
        working_directory="",
    )


def _time(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
