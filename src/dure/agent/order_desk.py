"""Where the hub's orders meet the engine: look, decide (`agent.orders`), act, note it down.

- The book is on the disk before anything is tried and after everything was: `orders.json` in the
  state folder. A crash between the two is settled by what the engine shows.
- An error stops one order. What the engine refuses ends it with the engine's words; what it could
  not say now, or nobody foresaw, is given time to show its job and tried again.
- What was said is remembered in memory only: after a start all is said again, which changes
  nothing. Everything is said again every SAY_ALL_EVERY, for a hub that was restored from a backup;
  where one round takes longer, because the jobs are many, the next waits for its end.
- Why a job waits changes for thousands of jobs at once: it is said after all the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import structlog
from pydantic import ValidationError

from dure.agent import orders
from dure.agent.orders import Book, Cancel, Kept, Submit
from dure.backends import durable
from dure.backends.contract import (
    JobQueue,
    JobRefused,
    JobStatus,
    KeepsLogs,
    UnableToApplyNow,
    UnknownJob,
)
from dure.protocol import JobNote, JobOrder, JobRequest
from dure.protocol.jobs import LONGEST_LOG, SAY_ALL_EVERY

AT_ONCE: Final = 50
"""Jobs handed in in one turn: at 50 ms each they hold the agent's other work up for 3 s."""

MOST_NOTES: Final = 500
"""Notes of one report: 500 without logs are 200 kB; the others follow with the next."""

MOST_LOGS: Final = 40
"""Logs of one report: at most 640 kB."""

LOGS_S: Final = 3.0
"""Reading logs holds the agent's other work up no longer than handing jobs in, and one log more."""

SLOW_S: Final = 1.0
"""Reading a log takes milliseconds where its file system answers."""

SLOW_AGAIN: Final = timedelta(minutes=1)
"""So long a running job is said without its log after reading that was slow."""

_log = structlog.get_logger("dure.agent")


class BookDamaged(Exception):
    """The book cannot be read; carrying orders out without it could run a job twice."""


@runtime_checkable
class QueueWithLogs(JobQueue, KeepsLogs, Protocol):
    """A queue that also says what its jobs write."""


@dataclass(frozen=True, slots=True)
class News:
    """What there is to say. `urgent`: an ordered job moved on, and somebody may be looking."""

    notes: tuple[JobNote, ...] = ()
    urgent: bool = False
    problems: tuple[str, ...] = ()


class OrderDesk:
    """The orders of one agent. Its calls come from one thread."""

    def __init__(
        self,
        *,
        queue: JobQueue,
        path: Path,
        place: Callable[[str], str],
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """`path` is the book's file; `place` says where a user's jobs run by default, and raises
        JobRefused for a user whose jobs the hub may not order here."""
        self._queue, self._path, self._place = queue, path, place
        self._stopwatch = stopwatch
        self._said: dict[str, JobNote] = {}
        self._round_began: datetime | None = None
        self._due_in_round: frozenset[str] = frozenset()
        self._slow: dict[str, datetime] = {}

    def tend(self, wanted: tuple[JobOrder, ...], now: datetime) -> News:
        """Carries out what is due, and finds what there is to say. Raises BookDamaged."""
        book = self._read()
        try:
            jobs = self._queue.jobs()
            book = self._keep(book, orders.bring_up_to_date(wanted, book, jobs, now))
            problems = self._carry_out(wanted, book, jobs, now)
            if problems is not None:
                jobs = self._queue.jobs()
                shown = self._read()
                book = self._keep(shown, orders.bring_up_to_date(wanted, shown, jobs, now))
        except UnableToApplyNow as error:
            return News(problems=(f"orders: {error}",) if wanted else ())
        news = self._news(wanted, book, jobs, now)
        return News(notes=news.notes, urgent=news.urgent, problems=tuple(problems or ()))

    def said(self, notes: tuple[JobNote, ...]) -> None:
        """These are spooled: they need not be said again until they change."""
        self._said |= {_key(note): note for note in notes}
        self._due_in_round -= self._said.keys()

    def _carry_out(
        self, wanted: tuple[JobOrder, ...], book: Book, jobs: tuple[JobStatus, ...], now: datetime
    ) -> list[str] | None:
        """What went wrong; None where nothing was due."""
        due = orders.acts(wanted, book, jobs, now)
        if not due:
            return None
        submits = [act.order for act in due if isinstance(act, Submit)][:AT_ONCE]
        kept = {one.order: one for one in book.kept}
        kept |= {one.order: Kept(order=one.order, tried=now) for one in submits}
        self._write(kept)
        problems = [self._cancel(act.job) for act in due if isinstance(act, Cancel)]
        problems += [self._submit(order, kept, now) for order in submits]
        self._write(kept)
        return [problem for problem in problems if problem]

    def _submit(self, order: JobOrder, kept: dict[str, Kept], now: datetime) -> str:
        try:
            job = self._queue.submit(self._labelled(order))
        except JobRefused as refusal:
            end = orders.ended_unstarted(order, refused=str(refusal), now=now)
            kept[order.order] = Kept(order=order.order, end=end)
        except UnableToApplyNow as error:
            return f"{order.order}: {error}"  # a command that hung may have handed it in
        except Exception as error:  # noqa: BLE001  # stops this order only; logged and reported
            _log.exception("order.failed", order=order.order)
            return f"{order.order}: {type(error).__name__}: {error}"
        else:
            kept[order.order] = Kept(order=order.order, tried=now, job=job)
            _log.info("order.handed_in", order=order.order, job=job)
        return ""

    def _labelled(self, order: JobOrder) -> JobRequest:
        """The order as the engine gets it. Raises JobRefused for whom no job is run here."""
        request, place = order.request, self._place(order.request.username)
        update = {"label": order.order, "working_directory": request.working_directory or place}
        return request.model_copy(update=update)

    def _cancel(self, job: str) -> str:
        try:
            self._queue.cancel(job)
        except UnknownJob:
            return ""  # it will be missed at the next turn
        except UnableToApplyNow as error:
            return f"cancelling {job}: {error}"
        except Exception as error:  # noqa: BLE001  # stops this order only; logged and reported
            _log.exception("order.cancel_failed", job=job)
            return f"cancelling {job}: {type(error).__name__}: {error}"
        return ""

    def _news(
        self,
        wanted: tuple[JobOrder, ...],
        book: Book,
        jobs: tuple[JobStatus, ...],
        now: datetime,
    ) -> News:
        read = {order.order for order in wanted if order.wants_log}
        all_notes = sorted(orders.notes(wanted, book, jobs, now), key=self._waits_otherwise)
        self._keep_to({_key(note) for note in all_notes}, now)
        fresh: list[JobNote] = []
        urgent, logs, spent_s = False, 0, 0.0
        for note in all_notes:
            before = self._said.get(_key(note))
            if note.order in read or (note.order and note.ended and _log_unsaid(before)):
                if logs == MOST_LOGS or spent_s >= LOGS_S:
                    if note.ended:
                        continue  # its turn comes: a job's end is said with its log
                elif note.ended or not self._is_slow(note, now):
                    log, took_s = self._tail(note, now)
                    note = note.model_copy(update={"log": log})  # noqa: PLW2901
                    logs, spent_s = logs + 1, spent_s + took_s
            if _same(note, before):
                continue
            fresh.append(note)
            moved = before is None or _standing(note) != _standing(before)
            urgent = urgent or (moved and note.order is not None)
            if len(fresh) == MOST_NOTES:
                break
        return News(notes=tuple(fresh), urgent=urgent)

    def _waits_otherwise(self, note: JobNote) -> bool:
        """Whether this job was said to wait, and waits on for another reason."""
        before = self._said.get(_key(note))
        if before is None or note.waits == before.waits:
            return False
        return (note.state, note.attempt) == (before.state, before.attempt)

    def _keep_to(self, alive: set[str], now: datetime) -> None:
        """Forgets what there is nothing to say of, and begins a round where one is due. What came
        later than the round began is not waited for: on a busy cluster something always has."""
        self._said = {key: note for key, note in self._said.items() if key in alive}
        self._slow = {key: tried for key, tried in self._slow.items() if key in alive}
        self._due_in_round &= alive
        began = self._round_began
        if began is None or (abs(now - began) >= SAY_ALL_EVERY and not self._due_in_round):
            self._said, self._due_in_round, self._round_began = {}, frozenset(alive), now

    def _is_slow(self, note: JobNote, now: datetime) -> bool:
        """Whether reading what this job writes took long a moment ago."""
        tried = self._slow.get(_key(note))
        return tried is not None and abs(now - tried) < SLOW_AGAIN

    def _tail(self, note: JobNote, now: datetime) -> tuple[str | None, float]:
        """The end of a job's log, and how many seconds it took to read."""
        if note.job is None or note.started is None:
            return None, 0.0
        if not isinstance(self._queue, QueueWithLogs):
            return None, 0.0
        began = self._stopwatch()
        try:
            text = readable(self._queue.log_tail(note.job, most=LONGEST_LOG))
        except Exception as error:  # noqa: BLE001  # costs this log only; the job's state is said
            _log.warning("order.log_unread", job=note.job, why=f"{type(error).__name__}: {error}")
            text = None
        took_s = self._stopwatch() - began
        self._slow.pop(_key(note), None)
        if took_s >= SLOW_S:
            self._slow[_key(note)] = now
        return text, took_s

    def _read(self) -> Book:
        try:
            return Book.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return Book()
        except ValidationError as error:
            msg = f"{self._path} cannot be read; no order is carried out until it is restored"
            raise BookDamaged(msg) from error

    def _keep(self, before: Book, after: Book) -> Book:
        if after != before:
            self._write({one.order: one for one in after.kept})
        return after

    def _write(self, kept: dict[str, Kept]) -> None:
        book = Book(kept=tuple(kept[order] for order in sorted(kept)))
        durable.write(self._path, book.model_dump_json().encode(), mode=0o600)


def readable(tail: bytes) -> str:
    """The end of a log as text: what is no text is marked, and it stays within its bound."""
    text = tail.decode("utf-8", errors="replace").replace("\x00", "�")
    while len(text.encode()) > LONGEST_LOG:
        text = text[len(text) // 16 + 1 :]
    return text


def _key(note: JobNote) -> str:
    return f"order {note.order}" if note.order is not None else f"job {note.job}"


def _log_unsaid(before: JobNote | None) -> bool:
    return before is None or before.ended is None or before.log is None


def _same(note: JobNote, before: JobNote | None) -> bool:
    if before is None:
        return False
    return note == before or (note.log is None and note == before.model_copy(update={"log": None}))


def _standing(note: JobNote) -> JobNote:
    """What is worth a report of its own when it changes: all but why a job waits."""
    return note.model_copy(update={"waits": None})
