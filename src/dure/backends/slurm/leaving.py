"""Going from a cluster without a trace: everything of ours in Slurm, and nothing else.

- Jobs come first: while one of ours waits, runs or is ending, nothing is removed. Told to, all of
  them are cancelled, with the grace that Slurm gives (`KillWait`); it is called again when they
  have ended.
- Then everything is closed, and goes as what is quiet goes; what is left is said. Reservations for
  maintenance and drains of ours go last: the nodes are the site's own again.
- The agent must not run: it would set up again what is removed here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from dure.backends.contract import ChangeRefused
from dure.backends.exclusive import locked
from dure.backends.slurm import reading, refusals, writing
from dure.backends.slurm.bookkeeping import Bookkeeping
from dure.backends.slurm.held import Held, Record
from dure.backends.slurm.objects import Objects
from dure.backends.slurm.reading import Books
from dure.backends.slurm.site import SlurmSite
from dure.backends.slurm.tidying import Busy
from dure.backends.slurm.tools import Slurm

NOTHING: Final = Objects()
NAMED: Final = 10
"""Jobs that a message names."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """What there is of ours, what removes it, and what is in the way."""

    qos: tuple[str, ...]
    accounts: tuple[str, ...]
    people: int
    jobs: tuple[str, ...]
    """Of ours, as Slurm numbers them: they wait, run or are ending."""
    commands: tuple[str, ...]
    problems: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether nothing of ours is left."""
        return not (self.qos or self.accounts)


class JobsInTheWay(ChangeRefused):
    """Jobs of ours are not over."""


def look(slurm: Slurm, *, site: SlurmSite, folder: Path, clock: Callable[[], datetime]) -> Leaving:
    """What leaving would do; nothing is changed. Raises UnableToApplyNow."""
    books = Bookkeeping(slurm, site=site, folder=folder, clock=clock)
    ours = books.books().ours
    steps = (*_closing(books.books(), site).reductions, *books.removing(NOTHING, Busy()))
    return replace(_left(ours, _jobs(slurm, ours)), commands=tuple(map(str, steps)))


def leave(
    slurm: Slurm,
    *,
    site: SlurmSite,
    folder: Path,
    clock: Callable[[], datetime],
    cancel_jobs: bool = False,
) -> Leaving:
    """Removes all that is ours; what is left then.

    Raises JobsInTheWay where jobs of ours are not over: as it found them, or, with `cancel_jobs`,
    told to end. Raises StateDirectoryInUse while an agent runs on this folder.
    """
    lock = locked(folder / "lock")
    try:
        books = Bookkeeping(slurm, site=site, folder=folder, clock=clock)
        there = books.books()
        _require_none(slurm, there.ours, cancel=cancel_jobs)
        problems = books.write(_closing(there, site).reductions)
        _require_none(slurm, there.ours, cancel=cancel_jobs)  # handed in while we looked
        problems += books.write(books.removing(NOTHING, Busy()))
        record = Record(folder)
        record.keep(Held(qos=record.current.qos, accounts=record.current.accounts))
        refusals.keep(record.current, site, now=clock())
        return replace(_left(books.books().ours, ()), problems=tuple(map(str, problems)))
    finally:
        os.close(lock)


def _left(ours: Objects, jobs: tuple[str, ...]) -> Leaving:
    return Leaving(
        qos=tuple(sorted(ours.qos)),
        accounts=tuple(sorted(ours.accounts)),
        people=len({seat.user for seat in ours.associations}),
        jobs=jobs,
        commands=(),
    )


def _closing(books: Books, site: SlurmSite) -> writing.Steps:
    return writing.steps(books.ours, NOTHING, cluster=site.cluster, known=books.accounts_of)


def _jobs(slurm: Slurm, ours: Objects) -> tuple[str, ...]:
    said = slurm.ask("squeue", "-h", "-a", "-o", "%A|%a|%q")
    listed = reading.rows(said, 3)
    mine = {job for job, account, qos in listed if account in ours.accounts or qos in ours.qos}
    return tuple(sorted(mine, key=int))


def _require_none(slurm: Slurm, ours: Objects, *, cancel: bool) -> None:
    jobs = _jobs(slurm, ours)
    if jobs and not cancel:
        raise JobsInTheWay(f"{len(jobs)} jobs under Dure's accounts are not over: {_few(jobs)}")
    if jobs:
        slurm.do("scancel", *jobs)
        raise JobsInTheWay(f"{len(jobs)} jobs were told to end; leave again when they have")


def _few(jobs: tuple[str, ...]) -> str:
    return ", ".join(jobs[:NAMED]) + (", ..." if len(jobs) > NAMED else "")
