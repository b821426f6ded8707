"""What the hub's orders ask of the engine now, and what there is to say of jobs. Pure.

- Exactly once: an order is carried out when nothing says that it was. It was, where the book has
  its job, where the engine has a job with its label, or where its end is in the book.
- A try that was begun and has no answer (the agent was killed, the engine's command hung) is given
  SETTLES to show its job before it is tried again: what was handed in shows by then.
- Level-triggered: the same orders, book and jobs ask for the same acts, and what is done asks for
  none. What no order names is left alone.
- A job that the engine has lost without an end has failed after LOST_AFTER, and says so.
- A job's time limit is kept here too, for engines that know none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import AwareDatetime

from dure.backends.contract import FINISHED, JobStatus
from dure.protocol import JobNote, JobOrder, JobRequest
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Reason

SETTLES: Final = timedelta(minutes=3)
"""sbatch tries again by itself for about two minutes when slurmctld is busy (15 tries, each a
second later than the one before), also when who started it is gone."""

LOST_AFTER: Final = timedelta(minutes=10)
"""Longer than a restart of slurmdbd or slurmctld takes, after which they know their jobs again."""

RECENT: Final = timedelta(days=1)
"""A job without an order that ended longer ago was said before, or the hub was away for a day."""


class Kept(Frozen):
    """What the book has of one order. `tried`: a try that was begun; `missing_since`: the engine
    does not list its job; `end`: nothing more happens to it."""

    order: str
    tried: AwareDatetime | None = None
    job: str | None = None
    missing_since: AwareDatetime | None = None
    end: JobNote | None = None


class Book(Frozen):
    """Orders that were begun, until the document no longer names them."""

    kept: tuple[Kept, ...] = ()


@dataclass(frozen=True, slots=True)
class Submit:
    """Hand the order's job in; the book has the try first."""

    order: JobOrder


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the job."""

    job: str


Act = Submit | Cancel


def bring_up_to_date(
    orders: Iterable[JobOrder], book: Book, jobs: Iterable[JobStatus], now: datetime
) -> Book:
    """The book with what the engine shows now, and without what is no longer ordered."""
    known = {kept.order: kept for kept in book.kept}
    seen = tuple(jobs)
    labelled = {_mark(job.request, job.request.label): job for job in seen if job.request.label}
    by_id = {job.job: job for job in seen}
    return Book(
        kept=tuple(
            kept
            for order in sorted(orders, key=lambda one: one.order)
            if (kept := _seen(order, known.get(order.order), labelled, by_id, now)) is not None
        )
    )


def acts(
    orders: Iterable[JobOrder], book: Book, jobs: Iterable[JobStatus], now: datetime
) -> tuple[Act, ...]:
    """What is to be done, by order; `book` is up to date with `jobs`."""
    kept = {one.order: one for one in book.kept}
    by_id = {job.job: job for job in jobs}
    wanted = sorted(orders, key=lambda one: one.order)
    return tuple(act for one in wanted for act in _acts(one, kept.get(one.order), by_id, now))


def notes(
    orders: Iterable[JobOrder], book: Book, jobs: Iterable[JobStatus], now: datetime
) -> tuple[JobNote, ...]:
    """How every ordered job stands, then every other of late; none of them with its log."""
    kept = {one.order: one for one in book.kept}
    seen = tuple(jobs)
    by_id = {job.job: job for job in seen}
    ordered = {one.job for one in book.kept if one.job is not None}
    said = [_note(order, kept.get(order.order), by_id) for order in orders]
    others = (job for job in seen if job.job not in ordered and job.request.label is None)
    return (
        *sorted(said, key=lambda note: note.order or ""),
        *(note_of(job) for job in others if job.ended is None or job.ended > now - RECENT),
    )


def note_of(job: JobStatus, *, order: str | None = None) -> JobNote:
    """How the engine's job stands."""
    request = job.request
    return JobNote(
        order=order,
        job=job.job,
        state=job.state,
        project=request.project,
        allocation=request.allocation,
        pool=request.pool,
        username=request.username,
        accelerators=request.accelerators,
        attempt=job.attempt,
        submitted=job.submitted,
        started=job.started,
        ended=job.ended,
        exit_code=job.exit_code,
        waits=job.waits,
    )


def ended_unstarted(order: JobOrder, *, refused: str | None, now: datetime) -> JobNote:
    """The end of an order that never came to a job: refused in these words, or cancelled."""
    plain = _waiting(order, None)
    if refused is None:
        return plain.model_copy(update={"state": "cancelled", "ended": now})
    words = refused.replace("\x00", "")
    return plain.model_copy(update={"state": "refused", "ended": now, "words": words})


_Mark = tuple[str, str, str | None]


def _mark(request: JobRequest, label: str | None) -> _Mark:
    """A label counts as its submitter's only: nobody can call a job by another's order."""
    return request.project, request.username, label


def _seen(
    order: JobOrder,
    kept: Kept | None,
    labelled: Mapping[_Mark, JobStatus],
    by_id: Mapping[str, JobStatus],
    now: datetime,
) -> Kept | None:
    if kept is not None and kept.end is not None:
        return kept
    mark = _mark(order.request, order.order)
    found = by_id.get(kept.job) if kept is not None and kept.job else labelled.get(mark)
    if found is not None:
        end = note_of(found, order=order.order) if found.state in FINISHED else None
        return Kept(order=order.order, tried=kept and kept.tried, job=found.job, end=end)
    if kept is not None and kept.job is not None:
        return _missed(order, kept, now)
    unclear = kept is not None and kept.tried is not None and now - kept.tried < SETTLES
    if order.wanted == "cancel" and not unclear:
        return Kept(order=order.order, end=ended_unstarted(order, refused=None, now=now))
    return kept


def _missed(order: JobOrder, kept: Kept, now: datetime) -> Kept:
    since = kept.missing_since or now
    if now - since < LOST_AFTER:
        return kept.model_copy(update={"missing_since": since})
    lost = _waiting(order, Reason(code="job.lost")).model_copy(
        update={"state": "failed", "job": kept.job, "ended": now}
    )
    return kept.model_copy(update={"missing_since": since, "end": lost})


def _acts(
    order: JobOrder, kept: Kept | None, by_id: Mapping[str, JobStatus], now: datetime
) -> Iterator[Act]:
    if kept is not None and kept.end is not None:
        return
    job = by_id.get(kept.job) if kept is not None and kept.job is not None else None
    if job is not None:
        unwanted = order.wanted == "cancel" or _over_its_time(job, order.request.time_limit_s, now)
        if unwanted and job.state in ("pending", "running"):
            yield Cancel(job.job)
    elif (kept is None or kept.job is None) and order.wanted == "run":
        tried = kept.tried if kept is not None else None
        if tried is None or now - tried >= SETTLES:
            yield Submit(order)


def _over_its_time(job: JobStatus, limit_s: int | None, now: datetime) -> bool:
    if limit_s is None or job.state != "running" or job.started is None:
        return False
    return now - job.started > timedelta(seconds=limit_s)


def _note(order: JobOrder, kept: Kept | None, by_id: Mapping[str, JobStatus]) -> JobNote:
    if kept is None:
        return _waiting(order, Reason(code="job.to_be_handed_in"))
    if kept.end is not None:
        return kept.end
    job = by_id.get(kept.job) if kept.job is not None else None
    if job is not None:
        return note_of(job, order=order.order)
    code = "job.handing_in" if kept.job is None else "job.not_listed"
    return _waiting(order, Reason(code=code)).model_copy(update={"job": kept.job})


def _waiting(order: JobOrder, waits: Reason | None) -> JobNote:
    request = order.request
    return JobNote(
        order=order.order,
        state="pending",
        project=request.project,
        allocation=request.allocation,
        pool=request.pool,
        username=request.username,
        accelerators=request.accelerators,
        waits=waits,
    )
