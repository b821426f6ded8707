"""The jobs of one cluster, and the thread that looks at them and does what `stewardship` says.

- Level-triggered: every look reads the whole queue, so nothing that happened while nobody looked is
  missed, and what could not be done is found again.
- It looks every `STEADY_S`, and every second while something is on its way: after a change or a
  submission, while a job is stopping or waits to start again.
- An act that Slurm refuses (the job has just ended) stops that act only. Slurm away stops the look.
- An unknown error ends one look; it is logged whole and the next one comes.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from dure.backends.contract import ChangeRefused, JobRequest, JobStatus, UnableToApplyNow
from dure.backends.slurm import queue
from dure.backends.slurm.entitlements import next_edge
from dure.backends.slurm.held import Held, Record
from dure.backends.slurm.jobs import Jobs
from dure.backends.slurm.site import SlurmSite
from dure.backends.slurm.stewardship import (
    MOTION_S,
    Act,
    Cancel,
    Entitlements,
    Postpone,
    Release,
    Requeue,
    steward,
)
from dure.backends.slurm.tools import Slurm

STEADY_S: Final = 5.0
"""One squeue of 25 ms each time: half a percent of one core."""

BRISK_LOOKS: Final = 4
"""Looks a second apart after something was changed: Slurm's scheduler has seen it by then."""

_NEVER_AGAIN: Final = re.compile("presently disabled|only batch jobs", re.IGNORECASE)
"""Slurm's words for a job handed in with --no-requeue, and for one that somebody sits at: such jobs
cannot wait again, and end where they have to give way, as they do when Slurm preempts them."""

_log = structlog.get_logger("dure.slurm")


class Keeper:
    """Runs from its making until `close`."""

    def __init__(
        self,
        *,
        slurm: Slurm,
        site: SlurmSite,
        record: Record,
        clock: Callable[[], datetime],
        folder: Path,
        refresh: Callable[[], None],
    ) -> None:
        """`refresh` is called before every look: what time alone changed in the limits."""
        self._slurm, self._site, self._record = slurm, site, record
        self._clock, self._refresh = clock, refresh
        self.queue = Jobs(slurm=slurm, site=site, record=record, clock=clock, folder=folder)
        self._wake = threading.Event()
        self._closing = False
        self._brisk = 0
        self._thread = threading.Thread(target=self._run, name="dure-slurm-keeper", daemon=True)
        self._thread.start()

    def submit(self, request: JobRequest) -> str:
        """As `JobQueue`."""
        job = self.queue.submit(request)
        self.poke()
        return job

    def cancel(self, job: str) -> None:
        """As `JobQueue`."""
        self.queue.cancel(job)
        self.poke()

    def jobs(self) -> tuple[JobStatus, ...]:
        """As `JobQueue`."""
        return self.queue.jobs()

    def poke(self) -> None:
        """Something was changed: look now, and again in a second."""
        self._brisk = BRISK_LOOKS
        self._wake.set()

    def close(self) -> None:
        """Ends the thread after its look."""
        self._closing = True
        self._wake.set()
        self._thread.join()

    def look(self) -> float:
        """One look; how soon the next one should come. Raises UnableToApplyNow."""
        try:
            self._refresh()
        except (UnableToApplyNow, ChangeRefused) as error:  # slurmdbd may be away; jobs are not
            _log.warning("slurm.not_refreshed", why=str(error))
        found = self.queue.live()
        # After the queue: who was added in between has no job in it that the record does not know.
        held, now = self._record.current, self._clock()
        standing = queue.standing(found, held, self._site)
        waiting = any(job.state == "pending" for job in standing)
        decided = steward(
            now=now,
            jobs=standing,
            held=entitled(held),
            idle=self.queue.idle() if waiting else {},
            take_backs=self.queue.take_backs(found, standing),
            first_back_off_s=self._site.first_back_off_s,
        )
        for act in decided.acts:
            self._do(act)
        again = STEADY_S if decided.look_again_s is None else min(decided.look_again_s, STEADY_S)
        edge = next_edge(held, now)
        return again if edge is None else min(again, (edge - now).total_seconds())

    def _run(self) -> None:
        while not self._closing:
            self._wake.clear()
            pause_s = self._guarded_look()
            if self._brisk:
                self._brisk -= 1
                pause_s = min(pause_s, MOTION_S)
            self._wake.wait(pause_s)

    def _guarded_look(self) -> float:
        try:
            return self.look()
        except UnableToApplyNow as away:
            _log.warning("slurm.away", why=str(away))
        except Exception:  # noqa: BLE001  # ends one look; logged whole
            _log.exception("slurm.look_failed")
        return STEADY_S

    def _do(self, act: Act) -> None:
        _log.info("slurm.act", act=type(act).__name__.lower(), job=act.job, why=_why(act))
        try:
            self._slurm.do(*command(act))
        except ChangeRefused as refused:
            _log.warning("slurm.act_refused", job=act.job, why=str(refused))
            if isinstance(act, Requeue) and _NEVER_AGAIN.search(str(refused)):
                self._do(Cancel(act.job, act.why))


def entitled(held: Held) -> Entitlements:
    """What the record says, as the decision takes it."""
    gone = {(r.binding.allocation, r.binding.pool) for r in held.retiring if r.binding is not None}
    withdrawn = {(r.share.project, r.share.pool) for r in held.retiring if r.share is not None}
    return Entitlements(
        bindings=held.bindings,
        gone=frozenset(gone),
        shares=held.lent,
        withdrawn=frozenset(withdrawn),
    )


def command(act: Act) -> tuple[str, ...]:
    """How Slurm is told."""
    match act:
        case Cancel(job=job):
            return queue.cancelling(job)
        case Requeue(job=job):
            return ("scontrol", "requeue", job)
        case Release(job=job, from_s=second) | Postpone(job=job, until_s=second):
            instant = datetime.fromtimestamp(second, UTC)  # commands run with TZ=UTC
            return ("scontrol", "update", f"jobid={job}", f"starttime={instant:%Y-%m-%dT%H:%M:%S}")


def _why(act: Act) -> str:
    return act.why if isinstance(act, Cancel | Requeue) else ""
