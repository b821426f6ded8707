"""Taking what agents say of jobs.

- The latest word counts; a job that is over changes no more, but for the end of its output.
- A job from a login node whose site goes on to report and says no more of it is given up as lost:
  its scheduler forgot it before its end was heard. Heard of later, it is taken up again.
- A job that names what this hub does not know is none of ours and is passed over: no word about a
  job may hold up the facts that are counted.
- An order whose job is over leaves its cluster's document.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from dure.hub.allocations.models import Allocation, Project
from dure.hub.jobs import orders
from dure.hub.jobs.models import OVER, Job
from dure.hub.supply.models import Cluster, Pool
from dure.protocol import JobNote
from dure.protocol.jobs import SAY_ALL_EVERY
from dure.vocabulary.plans import Reason

SAID: Final = (
    "engine_job", "state", "attempt", "submitted_at", "started_at", "ended_at", "exit_code",
    "waits", "words", "log", "log_at", "heard_at", "read_until",
)  # fmt: skip

SILENT_FOR: Final = 3 * SAY_ALL_EVERY
"""A site that says all anew has said every job by then, also where one report was cut or late."""

LOST: Final = Reason(code="job.lost")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Known:
    """What notes may name, and the jobs that are known already."""

    pools: dict[str, Pool]
    projects: dict[str, Project]
    allocations: dict[str, Allocation]
    by_order: dict[str, Job]
    by_engine: dict[str, Job]

    @classmethod
    def of(cls, cluster: Cluster, notes: tuple[JobNote, ...]) -> _Known:
        allocations = Allocation.objects.filter(key__in={note.allocation for note in notes})
        jobs = Job.objects.filter(cluster=cluster)
        ordered = jobs.filter(order__in={note.order for note in notes if note.order})
        heard = jobs.filter(engine_job__in={note.job for note in notes if note.job})
        return cls(
            pools={pool.key: pool for pool in cluster.pools.all()},
            projects={p.key: p for p in Project.objects.filter(key__in={n.project for n in notes})},
            allocations={a.key: a for a in allocations.filter(pool__cluster=cluster)},
            by_order={job.order: job for job in ordered.select_for_update(no_key=True)},
            by_engine={job.engine_job: job for job in heard.select_for_update(no_key=True)},
        )

    def job(self, note: JobNote) -> Job | None:
        if note.order is not None and note.order in self.by_order:
            return self.by_order[note.order]
        return self.by_engine.get(note.job) if note.job is not None else None


def accept(*, cluster: Cluster, notes: tuple[JobNote, ...], said_at: datetime) -> None:
    """Keeps the notes of one report, in its transaction."""
    if notes:
        _keep(cluster, notes, said_at)
    _give_up_the_unheard(cluster, said_at)


def _keep(cluster: Cluster, notes: tuple[JobNote, ...], said_at: datetime) -> None:
    known = _Known.of(cluster, notes)
    changed: dict[int, Job] = {}
    fresh: dict[str, Job] = {}
    ended: set[int] = set()
    for note in notes:
        job = known.job(note)
        if job is None:
            made = _heard_of(cluster, note, known, said_at)
            if made is not None:
                fresh[made.engine_job] = made
        elif _take(job, note, said_at):
            changed[job.pk] = job
            if job.is_over and job.order:
                ended.add(cluster.pk)
    taken = _let_numbers_go(changed, known)
    Job.objects.bulk_update(changed.values(), SAID, batch_size=200)
    over = [job.pk for job in changed.values() if job.is_over and job.environment]
    Job.objects.filter(pk__in=over).update(environment={})
    Job.objects.bulk_create(
        [job for number, job in fresh.items() if number not in taken], batch_size=200
    )
    orders.changed(ended)


def _take(job: Job, note: JobNote, said_at: datetime) -> bool:
    """Whether the note said something new."""
    if job.is_over and not _goes_on(job, note, said_at):
        if note.log is None or job.log_at is not None:
            return False
        job.log, job.log_at = note.log, said_at
        return True
    job.engine_job = job.engine_job or note.job or ""
    job.state = note.state
    job.attempt = note.attempt
    job.submitted_at = note.submitted
    job.started_at = note.started
    job.exit_code = note.exit_code
    job.waits = note.waits.model_dump(mode="json") if note.waits is not None else None
    job.words = note.words
    if note.log is not None:
        job.log, job.log_at = note.log, said_at
    job.heard_at = max(said_at, job.heard_at or said_at)
    job.ended_at = (note.ended or said_at) if note.state in OVER else None
    if job.is_over:
        job.read_until = None
    return True


def _goes_on(job: Job, note: JobNote, said_at: datetime) -> bool:
    """A job of the site's own: its user had it requeued when it had ended, or it was given up."""
    if job.order or job.heard_at is None or said_at <= job.heard_at:
        return False
    given_up = job.waits is not None and job.waits["code"] == LOST.code
    return given_up or note.attempt > job.attempt


def _give_up_the_unheard(cluster: Cluster, said_at: datetime) -> None:
    """By the site's own clock, in the order of its reports: a site that is silent, or whose reports
    of hours come at once, loses nothing. Of an ordered job the agent itself says that it is lost.
    """
    unheard = Job.objects.filter(cluster=cluster, order="", heard_at__lt=said_at - SILENT_FOR)
    lost = unheard.exclude(state__in=OVER).update(
        state=Job.State.FAILED,
        ended_at=said_at,
        waits=LOST.model_dump(mode="json"),
    )
    if lost:
        log.warning("job.unheard", cluster=cluster.key, jobs=lost)


def _heard_of(cluster: Cluster, note: JobNote, known: _Known, said_at: datetime) -> Job | None:
    """A job that was not ordered here, or whose order was lost with a hub's disk."""
    project, pool = known.projects.get(note.project), known.pools.get(note.pool)
    allocation = known.allocations.get(note.allocation) if note.allocation else None
    missing = note.allocation is not None and allocation is None
    if project is None or pool is None or missing or note.job is None:
        log.info("job.passed_over", cluster=cluster.key, job=note.job, order=note.order)
        return None
    job = Job(
        cluster=cluster,
        pool=pool,
        project=project,
        allocation=allocation,
        username=note.username,
        accelerators=note.accelerators,
        asked_at=note.submitted or said_at,
    )
    _take(job, note, said_at)
    return job


def _let_numbers_go(changed: dict[int, Job], known: _Known) -> set[str]:
    """The engine's numbers of ordered jobs. A number is one job's: of two rows that have it, the
    ordered one that speaks now keeps it (the job was first heard of without its order, or the
    engine counts anew)."""
    taken: dict[str, Job] = {}
    for job in changed.values():
        if job.order and job.engine_job and taken.setdefault(job.engine_job, job) is not job:
            job.engine_job = ""
    others = [job for number, job in known.by_engine.items() if job.pk != taken.get(number, job).pk]
    heard_of = [job.pk for job in others if not job.order]
    Job.objects.filter(pk__in=heard_of).delete()
    Job.objects.filter(pk__in=[job.pk for job in others if job.order]).update(engine_job="")
    for pk in heard_of:
        changed.pop(pk, None)
    return set(taken)
