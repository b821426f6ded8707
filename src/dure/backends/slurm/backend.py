"""A Slurm cluster as the agent and the submitters see it: the parts put together.

- One writer per state folder; the kernel's lock on a file sees to it.
- Bindings and shares are `Binder`'s, jobs and what happens to them meanwhile are `Keeper`'s,
  counting is `Meter`'s, nodes and their maintenance are `Caretaker`'s.
- Jobs run on when this process ends; the next one finds everything in Slurm and in its folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from dure.backends.contract import Change, JobRequest, JobStatus, Observed, UsageBatch
from dure.backends.exclusive import locked
from dure.backends.slurm.binder import Binder
from dure.backends.slurm.caretaker import Caretaker
from dure.backends.slurm.examiner import Examiner
from dure.backends.slurm.held import Held, Record
from dure.backends.slurm.keeper import Keeper
from dure.backends.slurm.meter import Meter
from dure.backends.slurm.site import SlurmSite
from dure.backends.slurm.tools import Slurm
from dure.protocol import (
    Capabilities,
    DeviceEvent,
    Drain,
    Drift,
    Maintenance,
    NodeHealth,
    PoolInventory,
    StartEstimate,
)


class SlurmBackend:
    """`Backend`, `AppliesTogether`, `JobQueue`, `KeepsLogs`, `EstimatesStarts`, `Watches` and
    `Maintains` on the partitions of one cluster."""

    def __init__(
        self,
        state: Path,
        *,
        site: SlurmSite,
        clock: Callable[[], datetime],
        slurm: Slurm | None = None,
    ) -> None:
        """Takes the cluster over for Dure; raises StateDirectoryInUse where another does."""
        state.mkdir(parents=True, exist_ok=True)
        self._lock_file = locked(state / "lock")
        slurm = Slurm.of(site) if slurm is None else slurm
        self._record = record = Record(state)
        self._binder = Binder(state, slurm=slurm, site=site, record=record, clock=clock)
        self._examiner = Examiner(slurm=slurm, site=site, clock=clock)
        self._meter = Meter(slurm=slurm, site=site, held=self._held, clock=clock, folder=state)
        self._caretaker = Caretaker(state, slurm=slurm, site=site, held=self._held, clock=clock)
        self._keeper = Keeper(
            slurm=slurm,
            site=site,
            record=record,
            clock=clock,
            folder=state,
            refresh=self._binder.refresh,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the cluster; what runs there runs on."""
        self._keeper.close()
        os.close(self._lock_file)

    def wake(self) -> None:
        """Look again now."""
        self._keeper.poke()

    def capabilities(self) -> Capabilities:
        found = self._examiner.capabilities(self._held().grace_s)
        return found.model_copy(update={"notes": (*found.notes, *self._meter.notes())})

    def inventory(self) -> tuple[PoolInventory, ...]:
        return self._meter.inventory()

    def observed(self) -> Observed:
        return self._binder.observed()

    def apply(self, change: Change) -> None:
        (error,) = self.apply_together((change,))
        if error is not None:
            raise error

    def apply_together(self, changes: Sequence[Change]) -> tuple[Exception | None, ...]:
        outcome = self._binder.apply_together(changes)
        self._keeper.poke()
        return outcome

    def usage(self, since: datetime | None, until: datetime) -> UsageBatch:
        return self._meter.usage(since, until)

    def submit(self, request: JobRequest) -> str:
        return self._keeper.submit(request)

    def cancel(self, job: str) -> None:
        self._keeper.cancel(job)

    def jobs(self) -> tuple[JobStatus, ...]:
        return self._keeper.jobs()

    def log_tail(self, job: str, *, most: int) -> bytes:
        return self._keeper.queue.log_tail(job, most=most)

    def starts(self, pool: str, sizes: Iterable[int]) -> tuple[StartEstimate, ...]:
        return self._keeper.queue.starts(pool, sizes)

    def health(self) -> tuple[NodeHealth, ...]:
        return self._caretaker.health()

    def events(self) -> tuple[DeviceEvent, ...]:
        return self._caretaker.events()

    def maintain(
        self, windows: tuple[Maintenance, ...], drains: tuple[Drain, ...]
    ) -> tuple[Drift, ...]:
        return self._caretaker.maintain(windows, drains)

    def _held(self) -> Held:
        return self._record.current
