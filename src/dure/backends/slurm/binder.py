"""Bindings and shares made real: accept, keep, write, see that slurmctld obeys.

- What is accepted is kept before Slurm is told; a crash leaves a difference, which `observed`
  says.
- All reductions are written, and seen in slurmctld, before the first increase; where one is not
  seen, nothing is increased.
- What time alone changes (a period that begins or ends, a retired binding that is quiet) is made
  at a `refresh`.
- What is ours but of nothing held is closed only by one who was told what should be there: a record
  that was lost closes nothing by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from dure.backends.contract import (
    Change,
    ChangeRefused,
    Observed,
    RemoveBinding,
    RemoveLent,
    SetBinding,
    SetGrace,
    SetLent,
    UnableToApplyNow,
)
from dure.backends.slurm import comparing, entitlements, refusals, stale, tidying
from dure.backends.slurm.accepting import accepted
from dure.backends.slurm.bookkeeping import Bookkeeping
from dure.backends.slurm.held import Held, Record, named
from dure.backends.slurm.objects import Objects
from dure.backends.slurm.reading import Books
from dure.backends.slurm.site import SlurmSite
from dure.backends.slurm.tools import Slurm
from dure.backends.slurm.writing import Steps, steps

_log = structlog.get_logger("dure.slurm")

TELL_EVERY: Final = timedelta(seconds=60)
"""How late people may hear that a budget is used up."""

TIDY_EVERY: Final = timedelta(seconds=5)
"""Two commands each time while something is retiring."""

_PAST: Final = datetime.min.replace(tzinfo=UTC)
_BEHIND: Final = "slurmctld does not obey yet what slurmdbd has; restart it if this stays"


@dataclass(frozen=True, slots=True)
class _Written:
    """What came of writing: what did not work, and whether slurmctld obeys all of it."""

    failed: list[Exception]
    in_force: bool


class Binder:
    """The accounting side of one cluster. Safe from any thread."""

    def __init__(
        self,
        folder: Path,
        *,
        slurm: Slurm,
        site: SlurmSite,
        record: Record,
        clock: Callable[[], datetime],
    ) -> None:
        self._site, self._record, self._clock = site, record, clock
        self._books = Bookkeeping(slurm, site=site, folder=folder, clock=clock)
        self._lock = threading.RLock()
        self._told = record.found
        self._edge = _PAST if record.found else None  # what time brought while nobody looked
        self._untidy = True
        self._tidied = self._told_people = _PAST

    def observed(self) -> Observed:
        """As `Backend.observed`. Raises UnableToApplyNow."""
        with self._lock:
            return self._observed(self._record.current)

    def apply_together(self, changes: Sequence[Change]) -> tuple[Exception | None, ...]:
        """As `AppliesTogether`."""
        with self._lock:
            try:
                return self._apply(changes)
            except (UnableToApplyNow, ChangeRefused) as error:
                return (error,) * len(changes)

    def commands(self, changes: Sequence[Change]) -> tuple[str, ...]:
        """What would be run for these changes, in order; nothing is changed."""
        books = self._books.books()
        held, _ = accepted(self._record.current, changes, site=self._site, books=books)
        planned = self._steps(held, books.ours, known=books.accounts_of, strays=True)
        return tuple(str(step) for step in (*planned.reductions, *planned.increases))

    def refresh(self) -> None:
        """What time brought. Raises UnableToApplyNow."""
        if not self._lock.acquire(blocking=False):
            return  # changes are being applied: they bring it too
        try:
            now = self._clock()
            if self._edge is not None and now >= self._edge:
                self._enforce(self._books.books())
            if self._untidy and self._told and abs(now - self._tidied) >= TIDY_EVERY:
                self._tidied = now
                self._tidy(now)
            if self._told and abs(now - self._told_people) >= TELL_EVERY:
                self._tell(self._record.current, now)
        finally:
            self._lock.release()

    def _tell(self, held: Held, now: datetime) -> None:
        """Who submits at the login node hears what holds now."""
        self._told_people = now
        budgets = any(one.accelerator_seconds is not None for one in held.bindings)
        spent = self._books.spent() if budgets else frozenset()
        refusals.keep(held, self._site, now=now, spent=spent)

    def _observed(self, held: Held) -> Observed:
        want = self._want(held, self._clock())
        have = self._books.books().ours
        return comparing.observed(held, want, have, self._books.in_force(want), self._site)

    def _apply(self, changes: Sequence[Change]) -> tuple[Exception | None, ...]:
        books = self._books.books_just_seen()
        held, refused = accepted(self._record.current, changes, site=self._site, books=books)
        if all(refused) and changes:
            return refused
        self._record.keep(named(held, self._site))
        self._told = True
        written = self._enforce(books)
        if written.in_force and not written.failed:
            return refused
        why = written.failed[0] if written.failed else UnableToApplyNow(_BEHIND)
        found = self._observed(self._record.current)
        return tuple(
            error or (None if _holds(change, found) else why)
            for change, error in zip(changes, refused, strict=True)
        )

    def _enforce(self, books: Books) -> _Written:
        """Slurm is made to have what is held, from what it has."""
        held, now = self._record.current, self._clock()
        self._tell(held, now)
        have = self._heard(books)
        planned = self._steps(held, have, known=books.accounts_of, strays=self._told)
        self._edge = entitlements.next_edge(held, now)
        self._untidy = True
        failed = self._books.write(planned.reductions)
        if planned.reductions:
            obeyed = self._books.obeyed(planned.reduced)
            if failed or not obeyed:
                return _Written(failed, in_force=obeyed)
        failed = self._books.write(planned.increases)
        want = self._want(held, now)
        return _Written(failed, in_force=self._books.obeyed(want))

    def _heard(self, books: Books) -> Objects:
        """What slurmdbd has, in such a way that slurmctld hears of what it does not obey."""
        have = books.ours
        aside = stale.aside(have, self._books.in_force(have))
        if aside is not have:
            _log.warning("slurm.slurmctld_had_older_limits")
            cluster, known = self._site.cluster, books.accounts_of
            planned = steps(have, aside, cluster=cluster, known=known, strays=False)
            self._books.write((*planned.reductions, *planned.increases))
        return aside

    def _want(self, held: Held, now: datetime) -> Objects:
        return entitlements.wanted(held, now, self._site, lent_in_all=self._books.lent_in_all())

    def _steps(self, held: Held, have: Objects, *, known: Collection[str], strays: bool) -> Steps:
        want = self._want(held, self._clock())
        return steps(have, want, cluster=self._site.cluster, known=known, strays=strays)

    def _tidy(self, now: datetime) -> None:
        held = self._record.current
        books = self._books.books()
        want = self._want(held, now)
        if not held.retiring and not tidying.left_over(books.ours, want):
            self._untidy = False
            return
        busy = self._books.busy()
        rest = tidying.retired(held, busy, now, self._site)
        if rest != held:
            self._record.keep(rest)
        want = self._want(rest, now)
        if not tidying.left_over(books.ours, want):
            return
        for error in self._remove(want):
            _log.warning("slurm.not_removed", why=str(error))

    def _remove(self, want: Objects) -> list[Exception]:
        """What is ours, not wanted and quiet goes."""
        return self._books.write(self._books.removing(want, self._books.busy()))


def _holds(change: Change, found: Observed) -> bool:
    match change:
        case SetBinding(binding=binding):
            return binding in found.bindings
        case RemoveBinding(allocation=allocation, pool=pool):
            return all((b.allocation, b.pool) != (allocation, pool) for b in found.bindings)
        case SetLent(share=share):
            return share in found.lent
        case RemoveLent(project=project, pool=pool):
            return all((s.project, s.pool) != (project, pool) for s in found.lent)
        case SetGrace():
            return True
