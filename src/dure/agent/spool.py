"""The durable queue of reports: nothing counts as said before it is on the disk.

- `add` returns only when the report survives kill -9 and a power cut. Numbers have no gaps.
- Reports leave in order. One leaves `waiting/` for `said/` only with the hub's receipt; the
  rename is atomic, so a kill between receipt and rename says it twice, never not at all.
- The usage cursor and the next number are read from the newest report on the disk, waiting or
  said: there is no second place that could disagree with it. The newest is never deleted.
- Bounded: a full spool refuses new reports with `SpoolFull` and drops none. The engine keeps its
  own record meanwhile, and the next report starts where the last spooled one ended.
- Said reports are kept for a while, so that a hub restored from a backup can be told again.
- One writer: the holder of the state folder's lock.
"""

from __future__ import annotations

import contextlib
import errno
import threading
from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from dure.backends import durable
from dure.protocol import Report

WAITING_BYTES: Final = 512 * 2**20
"""About a week of a cluster with a thousand running jobs away from its hub (300 kB a report, one
a few minutes) and months of a quiet one."""

KEPT_BYTES: Final = 256 * 2**20
KEPT_REPORTS: Final = 20_160
"""A week at one report in 30 s: longer than the day between usual backups of a hub."""

_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class SpoolError(Exception):
    """The base of what can go wrong with the spool."""


class SpoolFull(SpoolError):
    """No room for another report. Nothing was dropped; usage waits in the engine's own record."""


class SpoolDamaged(SpoolError):
    """A report on the disk cannot be read."""


class OutOfOrder(SpoolError):
    """A report is not the next one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much disk the spool may use."""

    waiting_bytes: int = WAITING_BYTES
    kept_bytes: int = KEPT_BYTES
    kept_reports: int = KEPT_REPORTS


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be said."""

    reports: int
    size_bytes: int


class Spool:
    """The spool in one folder. Adding and taking may happen in two threads."""

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._waiting = folder / "waiting"
        self._said = folder / "said"
        for place in (self._waiting, self._said):
            place.mkdir(parents=True, exist_ok=True)
            for unfinished in place.glob(f"*{durable.UNFINISHED}"):
                unfinished.unlink(missing_ok=True)
        durable.flush_folder(folder)
        self._lock = threading.Lock()
        self._kept = [(path.name, path.stat().st_size) for path in _in_order(self._said)]
        self._newest = _newest(folder)

    @property
    def newest(self) -> Report | None:
        """The last report that was spooled, said or not; None on a fresh site."""
        return self._newest

    @property
    def next_sequence(self) -> int:
        """The number the next report must have."""
        return 0 if self._newest is None else self._newest.sequence + 1

    @property
    def cursor(self) -> datetime | None:
        """Through when usage is spooled; None on a fresh site."""
        return None if self._newest is None else self._newest.complete_through

    def add(self, report: Report) -> None:
        """Takes the report for good. Raises `SpoolFull` or `OutOfOrder` and then took nothing."""
        if report.sequence != self.next_sequence:
            msg = f"report {report.sequence} is not the next one, {self.next_sequence}"
            raise OutOfOrder(msg)
        content = report.model_dump_json().encode()
        room = self._limits.waiting_bytes - self.backlog().size_bytes
        if len(content) > room:
            msg = (
                f"the spool is full: {self._limits.waiting_bytes} bytes wait for the hub; "
                "reach the hub or give the spool more room"
            )
            raise SpoolFull(msg)
        try:
            durable.write(self._waiting / f"{report.sequence:012d}.json", content)
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise SpoolFull(f"the disk of the spool is full: {error.strerror}") from error
            raise
        self._newest = report

    def waiting(self) -> Iterator[Report]:
        """What the hub has not confirmed, oldest first."""
        for path in _in_order(self._waiting):
            yield _read(path)

    def backlog(self) -> Backlog:
        """How much waits."""
        return _backlog(self._waiting)

    def confirm(self, report: Report) -> None:
        """The hub has it: it no longer waits. Twice is once."""
        name = f"{report.sequence:012d}.json"
        with self._lock:
            try:
                moved = (self._waiting / name).rename(self._said / name)
            except FileNotFoundError:
                return
            insort(self._kept, (name, moved.stat().st_size))
            self._forget_the_oldest()

    def say_again(self) -> int:
        """Puts every kept report back in the queue; the hub knows its records by their keys."""
        with self._lock:
            names = [name for name, _ in self._kept]
            for name in names:
                (self._said / name).rename(self._waiting / name)
            self._kept.clear()
        return len(names)

    def _forget_the_oldest(self) -> None:
        size_bytes = sum(size for _, size in self._kept)
        while len(self._kept) > 1 and (
            len(self._kept) > self._limits.kept_reports or size_bytes > self._limits.kept_bytes
        ):
            name, size = self._kept.pop(0)
            (self._said / name).unlink(missing_ok=True)
            size_bytes -= size


@dataclass(frozen=True, slots=True)
class Look:
    """The spool as another process sees it."""

    backlog: Backlog
    newest: Report | None


def look(folder: Path) -> Look:
    """What lies in the folder; changes nothing, whoever writes there."""
    return Look(_backlog(folder / "waiting"), _newest(folder))


def _newest(folder: Path) -> Report | None:
    """The newest report, found again where it was moved between listing and reading."""
    while True:
        last = [path for place in ("waiting", "said") for path in _in_order(folder / place)[-1:]]
        newest = max(last, key=lambda path: path.name, default=None)
        if newest is None:
            return None
        with contextlib.suppress(FileNotFoundError):
            return _read(newest)


def _backlog(waiting: Path) -> Backlog:
    sizes: list[int] = []
    for path in _in_order(waiting):
        with contextlib.suppress(FileNotFoundError):  # said meanwhile
            sizes.append(path.stat().st_size)
    return Backlog(reports=len(sizes), size_bytes=sum(sizes))


def _in_order(place: Path) -> list[Path]:
    return sorted(place.glob("*.json"))


def _read(path: Path) -> Report:
    try:
        return Report.model_validate_json(path.read_bytes())
    except ValidationError as error:
        msg = (
            f"the spooled report {path.name} cannot be read; restore it from a copy or ask for help"
        )
        raise SpoolDamaged(msg) from error
