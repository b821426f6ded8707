"""Asking Slurm what was used and what there is: the shell around `counting` and `nodes`.

- The queue first, then whether slurmctld has told slurmdbd all it had to tell, then the accounting:
  what ended before the queue was read has its end in what is read last.
- While slurmctld has messages for slurmdbd that wait, nothing is counted: UnableToApplyNow.
- Every few minutes the last hours are read once more. What came late is said then; the hub knows
  the rest by its natural key.
- The first question reaches back to the first job of our accounts, later ones to the cursor.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dure.backends import segments
from dure.backends.contract import UnableToApplyNow, UsageBatch
from dure.backends.slurm import counting, nodes
from dure.backends.slurm.activity_log import ActivityLog
from dure.backends.slurm.counting import Books, Places, Run, Stray
from dure.backends.slurm.held import Held
from dure.backends.slurm.nodes import Node
from dure.backends.slurm.site import SlurmSite
from dure.backends.slurm.tools import Slurm
from dure.protocol import PoolInventory, UsageRecord

SETTLE_S: Final = 3
"""slurmctld stamps a start with the second its scheduling began, up to two before it is seen."""

AGAIN_S: Final = 6 * 3600
LOOK_BACK_EVERY_S: Final = 600
"""A slurmdbd that was away for a night's work is caught up within hours (our choice)."""

_SDIAG: Final = re.compile(r"^DBD Agent queue size:\s*(\d+)", re.MULTILINE)
_TRIES, _PAUSE_S = 10, 0.2
"""Under load the queue empties many times a second."""

_JOBS_AT_ONCE: Final = 2_000
_LONGEST_ARGUMENT: Final = 100_000
"""Linux takes 131,072 bytes in one argument."""
_REMEMBERED: Final = 200_000

_QUEUE: Final = (
    "squeue", "-h", "-a", "-t", counting.LIVE_STATES, "-O",
    ",".join(f"{name}:{width}|" for name, width in counting.LIVE_FIELDS.items()),
)  # fmt: skip
_SACCT: Final = ("sacct", "-a", "-X", "-D", "-n", "-P", f"--format={','.join(counting.FIELDS)}")
_EVENTS: Final = ("sacctmgr", "-n", "-P", "show", "event", "event=node",
                  f"format={','.join(nodes.EVENT_FIELDS)}")  # fmt: skip
_EVER: Final = 86_400
"""sacct and sacctmgr take the very first second for "not said" and begin at midnight of today
(22.05, measured)."""
_NAMED: Final = 5

Key = tuple[str, int, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What one question was answered from."""

    alive: dict[str, int]
    rows: tuple[Run, ...]
    settled_s: int
    books: Books


class Meter:
    """Counts one cluster. Safe from any thread; what it remembers only spares questions."""

    def __init__(
        self,
        *,
        slurm: Slurm,
        site: SlurmSite,
        held: Callable[[], Held],
        clock: Callable[[], datetime],
        folder: Path | None = None,
    ) -> None:
        """`folder` keeps what exporters say, where the site names any."""
        self._slurm, self._site, self._held, self._clock = slurm, site, held, clock
        self._lock = threading.Lock()
        self._ordinals: dict[int, int] = {}
        self._said: dict[Key, int] = {}
        self._looked_back_s = 0
        self._strays: tuple[Stray, ...] = ()
        self._lost: tuple[Run, ...] = ()
        self._activity = (
            ActivityLog(folder, slurm=slurm, site=site) if folder and site.exporters else None
        )

    def usage(self, since: datetime | None, until: datetime) -> UsageBatch:
        """As `Backend.usage`. Raises UnableToApplyNow."""
        with self._lock:
            return self._usage(since, until)

    def inventory(self) -> tuple[PoolInventory, ...]:
        """As `Backend.inventory`. Raises UnableToApplyNow."""
        return nodes.inventory(
            self._nodes(), queue=self._queue(), books=self._books(), site=self._site
        )

    @property
    def strays(self) -> tuple[Stray, ...]:
        """What the last look back found of others' work on our pools."""
        return self._strays

    def notes(self) -> tuple[str, ...]:
        """What the last look back found that is counted to nobody, and what holds the count."""
        return (*map(_stray_note, self._strays), *_lost_notes(self._lost))

    def _usage(self, since: datetime | None, until: datetime) -> UsageBatch:
        now_s = int(self._clock().timestamp())
        since_s = _EVER if since is None else int(since.timestamp())
        due = now_s - self._looked_back_s >= LOOK_BACK_EVERY_S
        from_s = min(since_s, now_s - AGAIN_S) if due else since_s
        read = self._read(now_s, from_s)
        if due:
            self._look_back(read, now_s)
        counted = counting.holdings(
            read.rows,
            ordinals=self._attempts(read.rows),
            books=read.books,
            alive_jobs=read.alive,
        )
        self._lost = counted.lost_ends
        grid = {"every_s": self._site.segment_s, "settled_s": read.settled_s}
        records, opens = counting.usage(counted, **grid)
        if self._activity is not None:
            self._activity.look(read.alive, self._nodes(), now_s=now_s)
            records = self._activity.with_figures(records, counted.holdings)
        downs, down_opens = nodes.downtime(self._outages(read, since_s), **grid)
        batch = segments.batch(
            usage=self._unsaid(records, since, now_s),
            nodes=[down for down in downs if since is None or down.end > since],
            open_from=[segments.instant(start) for start in (*opens, *down_opens)],
            since=None,
            until=min(until, segments.instant(read.settled_s)),
        )
        self._remember(batch.usage, now_s)
        return batch

    def _read(self, now_s: int, from_s: int) -> _Read:
        books = self._books()
        queue = self._queue()
        self._wait_for_accounting()
        rows = self._ours(from_s, books.accounts)
        settled_s = counting.settled(
            rows, queue=queue, books=books, from_s=from_s, latest_s=now_s - SETTLE_S
        )
        return _Read(alive=counting.alive(queue), rows=rows, settled_s=settled_s, books=books)

    def _look_back(self, read: _Read, now_s: int) -> None:
        """Names what is counted to nobody; looks at everybody's jobs of the last hours."""
        from_s = now_s - AGAIN_S
        known = self._nodes()
        self._strays = counting.strays(
            counting.runs(self._slurm.ask(*_SACCT, "-S", _local(from_s))),
            books=read.books,
            places=Places(self._site, nodes.partitions(known)),
            alive_jobs=read.alive,
            from_s=from_s,
            to_s=read.settled_s,
        )
        self._looked_back_s = now_s

    def _unsaid(
        self, records: Iterable[UsageRecord], since: datetime | None, now_s: int
    ) -> list[UsageRecord]:
        """What the question asks for, and what came too late to be said when it was due."""
        if since is None:
            return list(records)
        again = segments.instant(now_s - AGAIN_S)
        return [
            r for r in records if r.end > since or (r.end > again and _key(r) not in self._said)
        ]

    def _remember(self, said: Iterable[UsageRecord], now_s: int) -> None:
        oldest = now_s - AGAIN_S
        fresh = {_key(record): int(record.end.timestamp()) for record in said}
        kept = self._said | fresh
        self._said = {key: end for key, end in kept.items() if end > oldest}

    def _attempts(self, rows: tuple[Run, ...]) -> dict[int, int]:
        """Which start of its job each row is; asks for all rows of the jobs it does not know."""
        if len(self._ordinals) > _REMEMBERED:
            self._ordinals.clear()
        new = sorted({run.job for run in rows if run.row not in self._ordinals})
        for at in range(0, len(new), _JOBS_AT_ONCE):
            jobs = set(new[at : at + _JOBS_AT_ONCE])
            asked = ("-S", _local(_EVER), "-j", ",".join(sorted(jobs)))
            every = counting.runs(self._slurm.ask(*_SACCT, *asked))
            self._ordinals |= counting.attempts(run for run in every if run.job in jobs)
        return self._ordinals

    def _outages(self, read: _Read, since_s: int) -> tuple[nodes.Outage, ...]:
        """Downtime from the last cut before the question on: pieces are as if from its start."""
        from_s = since_s // self._site.segment_s * self._site.segment_s
        asked = (f"cluster={self._site.cluster}", f"start={_local(from_s)}")
        found = nodes.events(self._slurm.ask(*_EVENTS, *asked))
        within = tuple(event for event in found if event.start_s <= read.settled_s)
        if not within:
            return ()
        first = max(from_s, min(event.start_s for event in within))
        names = ",".join(sorted({event.node for event in within}))
        ran = counting.runs(self._slurm.ask(*_SACCT, "-S", _local(first), "-N", names))
        there = [r for r in ran if r.end_s is not None or read.alive.get(r.job) == r.start_s]
        return nodes.outages(within, known=self._nodes(), ran=there, site=self._site, from_s=from_s)

    def _ours(self, from_s: int, accounts: tuple[str, ...]) -> tuple[Run, ...]:
        """Runs under our accounts that had not ended by then."""
        if not accounts:
            return ()
        named = ",".join(accounts)
        whose = ("-A", named) if len(named) < _LONGEST_ARGUMENT else ()
        return counting.runs(self._slurm.ask(*_SACCT, "-S", _local(from_s), *whose))

    def _wait_for_accounting(self) -> None:
        for _ in range(_TRIES):
            found = _SDIAG.search(self._slurm.ask("sdiag"))
            waiting = int(found[1]) if found else 0
            if waiting == 0:
                return
            time.sleep(_PAUSE_S)
        raise UnableToApplyNow(f"slurmctld has {waiting} messages for slurmdbd that wait")

    def _queue(self) -> tuple[counting.Live, ...]:
        return counting.live(self._slurm.ask(*_QUEUE))

    def _nodes(self) -> tuple[Node, ...]:
        return nodes.nodes(self._slurm.ask(*nodes.SHOW_NODES))

    def _books(self) -> Books:
        return Books(self._site, self._held())


def _key(record: UsageRecord) -> Key:
    return record.job, record.attempt, record.start


def _local(second: int) -> str:
    """What sacct and sacctmgr take as a time, in the UTC that they are run in."""
    return datetime.fromtimestamp(max(second, _EVER), UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _stray_note(stray: Stray) -> str:
    whose = {
        "foreign": "an account that is not of the programme",
        "mixed": "an account and QOS that do not belong together",
        "elsewhere": "a partition that is not its pool",
    }[stray.why]
    return (
        f"In the last {AGAIN_S // 3600} hours jobs under account {stray.account}, QOS {stray.qos} "
        f"({whose}) held {stray.accelerator_seconds} accelerator-seconds of {stray.pool}; they are "
        "counted to nobody."
    )


def _lost_notes(lost: tuple[Run, ...]) -> tuple[str, ...]:
    if not lost:
        return ()
    jobs = ", ".join(run.job for run in lost[:_NAMED]) + (", …" if len(lost) > _NAMED else "")
    said = (
        f"Slurm's accounting has no end of {len(lost)} runs that slurmctld does not run ({jobs}): "
        "what followed stays open until `sacctmgr show runawayjobs` has ended them."
    )
    return (said,)
