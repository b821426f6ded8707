"""sacctmgr and scontrol as the binding uses them: reading the books, writing, waiting for effect.

- The books are read whole, and again only when we wrote, when slurmdbd's list of transactions shows
  that anybody else did, or when they are `OLD_S` old.
- What was written counts when slurmctld obeys it: its memory is asked until it does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from dure.backends import durable
from dure.backends.contract import ChangeRefused, UnableToApplyNow
from dure.backends.slurm import comparing, reading, settings
from dure.backends.slurm.entitlements import lent_limits
from dure.backends.slurm.objects import NO_LIMITS, Limits, Objects
from dure.backends.slurm.reading import Books, InForce
from dure.backends.slurm.site import SlurmSite
from dure.backends.slurm.tidying import Busy, Person, removals
from dure.backends.slurm.tools import Slurm
from dure.backends.slurm.writing import Command, Load, Step, chunks

_START: Final = "%Y-%m-%dT%H:%M:%S"

OLD_S: Final = 60.0
"""Also for a change by somebody else in the very moment in which the books are read."""

JUST_S: Final = 2.0
"""Between looking and acting: what others change in that time is seen at the next look."""

SKEW: Final = timedelta(minutes=6)
"""munge refuses clocks that differ by more than five minutes."""

IN_FORCE_S: Final = 5.0
LOOK_EVERY_S: Final = 0.05
"""Asking slurmctld costs 8 ms; what was written was there at the first look in 40 of 40."""

LOAD_S: Final = 600.0
"""500 accounts and 5,000 members took 27 s."""


@dataclass(slots=True)
class _Kept:
    books: Books
    at: float
    seen: float
    """When nothing was known to have changed since."""
    since: str
    transactions: list[str]


class Bookkeeping:
    """One cluster's accounts. Safe from any thread."""

    def __init__(
        self, slurm: Slurm, *, site: SlurmSite, folder: Path, clock: Callable[[], datetime]
    ) -> None:
        self._slurm, self._site, self._folder, self._clock = slurm, site, folder, clock
        self._kept: _Kept | None = None
        self._lent_in_all: Limits | None = None
        self._lock = threading.RLock()

    def books(self) -> Books:
        """What slurmdbd has now. Raises UnableToApplyNow."""
        with self._lock:
            kept, now = self._kept, time.monotonic()
            young = kept is not None and now - kept.at < OLD_S
            if kept and young and self._transactions(kept.since) == kept.transactions:
                kept.seen = now
                return kept.books
            self._kept = self._read()
            return self._kept.books

    def books_just_seen(self) -> Books:
        """The same, or what was seen in the last `JUST_S`. Raises UnableToApplyNow."""
        with self._lock:
            kept = self._kept
            if kept is not None and time.monotonic() - kept.seen < JUST_S:
                return kept.books
            return self.books()

    def in_force(self, objects: Objects) -> dict[str, InForce]:
        """What slurmctld obeys of every QOS, and of the accounts that have limits here.

        Raises UnableToApplyNow.
        """
        found = reading.qos_in_force(self._slurm.ask(*reading.IN_FORCE))
        limited = sorted(n for n, one in objects.accounts.items() if one.limits != NO_LIMITS)
        for chunk in chunks(limited):
            asked = (*reading.ACCOUNTS_IN_FORCE, f"accounts={chunk}")
            found |= reading.accounts_in_force(self._slurm.ask(*asked))
        return found

    def lent_in_all(self) -> Limits:
        """What all lent work together may hold. Raises UnableToApplyNow.

        Asked once: nodes of a partition change with slurm.conf, not from day to day.
        """
        if self._lent_in_all is None:
            found = settings.devices(self._slurm.ask(*settings.NODES))
            standing = {pool.pool: settings.standing_of(pool, found) for pool in self._site.pools}
            self._lent_in_all = lent_limits(self._site, standing)
        return self._lent_in_all

    def spent(self) -> frozenset[str]:
        """The QOS whose budget is used up. Raises UnableToApplyNow."""
        return reading.spent(self._slurm.ask(*reading.IN_FORCE))

    def write(self, steps: Sequence[Step]) -> list[Exception]:
        """Carries them out in order. What Slurm refuses is returned, and the rest goes on; where
        Slurm is away, the rest is not tried."""
        refused: list[Exception] = []
        if steps:
            with self._lock:
                self._kept = None
        for step in steps:
            try:
                self._write(step)
            except ChangeRefused as error:
                refused.append(error)
            except UnableToApplyNow as error:
                return [error, *refused]
        return refused

    def obeyed(self, objects: Objects) -> bool:
        """Waits until slurmctld obeys the limits of these; whether it does. May take
        `IN_FORCE_S`. Raises UnableToApplyNow."""
        give_up = time.monotonic() + IN_FORCE_S
        while not comparing.obeys(self.in_force(objects), objects):
            if time.monotonic() > give_up:
                return False
            time.sleep(LOOK_EVERY_S)
        return True

    def busy(self) -> Busy:
        """Where jobs wait, run or are ending. Raises UnableToApplyNow."""
        said = self._slurm.ask("squeue", "-h", "-a", "-o", "%q|%a|%u")
        rows = list(reading.rows(said, 3))
        return Busy(
            qos=frozenset(qos for qos, _, _ in rows),
            accounts=frozenset(account for _, account, _ in rows),
            people=frozenset((user, account) for _, account, user in rows),
        )

    def removing(self, want: Objects, busy: Busy) -> tuple[Step, ...]:
        """What makes that go which is ours, not wanted and quiet. Raises UnableToApplyNow."""
        return removals(
            self.books(),
            want,
            busy,
            self.people(),
            cluster=self._site.cluster,
            alone=self.alone(),
        )

    def people(self) -> dict[str, Person]:
        """All users, by name. Raises UnableToApplyNow."""
        asked = ("sacctmgr", "-nP", "show", "user", "format=User,DefaultAccount,AdminLevel")
        listed = reading.rows(self._slurm.ask(*asked), 3)
        return {user: Person(account, level not in {"", "None"}) for user, account, level in listed}

    def alone(self) -> bool:
        """Whether slurmdbd serves no other cluster."""
        said = self._slurm.ask("sacctmgr", "-nP", "show", "cluster", "format=Cluster")
        return set(said.lower().split()) <= {self._site.cluster.lower()}

    def _read(self) -> _Kept:
        began = time.monotonic()
        questions = (reading.QOS, reading.ACCOUNTS, reading.associations_of(self._site.cluster))
        with ThreadPoolExecutor(1 + len(questions)) as hands:
            changes = hands.submit(self._transactions, (self._clock() - SKEW).strftime(_START))
            qos, accounts, seats = hands.map(lambda words: self._slurm.ask(*words), questions)
            before = changes.result()
        newest = max((int(line.partition("|")[0]) for line in before), default=0)
        since = datetime.fromtimestamp(newest, UTC) if newest else self._clock() - SKEW
        return _Kept(
            books=reading.books(qos, accounts, seats),
            at=began,
            seen=began,
            since=since.strftime(_START),
            transactions=[line for line in before if line.startswith(f"{newest}|")],
        )

    def _transactions(self, since: str) -> list[str]:
        asked = ("list", "transactions", f"Start={since}", "format=TimeStamp,Action,Actor,Where")
        said = self._slurm.ask("sacctmgr", "-nP", *asked)
        return [line for line in said.splitlines() if line.partition("|")[0].isdigit()]

    def _write(self, step: Step) -> None:
        match step:
            case Command(argv):
                self._slurm.do("sacctmgr", *argv)
            case Load(text):
                path = self._folder / "load.cfg"
                durable.write(path, text.encode(), mode=0o600)
                self._slurm.do("sacctmgr", "-i", "load", f"file={path}", timeout_s=LOAD_S)
                path.unlink()
