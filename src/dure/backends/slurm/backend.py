"""A Slurm cluster as the agent and the submitters see it: the parts put together.

- One writer per state folder; the kernel's lock on a file sees to it.
- What was said is kept (`held`) before Slurm is told, and read back from Slurm after: `observed`
  says what stands there, not what was meant.
- All reductions of one pass are written, and seen in slurmctld, before the first increase.
- Jobs run on when this process ends; the next one finds everything in Slurm and in its folder.

The seams, each a module of its own:
    keeper.Keeper(slurm=, site=, record=, clock=, folder=, refresh=)
                     submit, cancel, jobs, poke, close; calls refresh() at every look
    meter.Meter(slurm=, site=, held=lambda: record.current, clock=)
                     usage(since, until), inventory(), health(), notes() (for capabilities.notes)
    examiner.Examiner(slurm=, site=, clock=).capabilities(grace_s) -> Capabilities, kept for minutes
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from dure.backends.contract import Change, Observed
from dure.backends.exclusive import locked
from dure.backends.slurm.held import Record
from dure.backends.slurm.site import SlurmSite
from dure.backends.slurm.tools import Slurm


class SlurmBackend:
    """`Backend`, `JobQueue` and `AppliesTogether` on the partitions of one cluster."""

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
        self._site, self._clock = site, clock
        self._slurm = Slurm.of(site) if slurm is None else slurm
        self._record = Record(state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the cluster; what runs there runs on."""
        os.close(self._lock_file)

    def observed(self) -> Observed:
        raise NotImplementedError

    def apply(self, change: Change) -> None:
        """As `apply_together` of this one."""
        (error,) = self.apply_together((change,))
        if error is not None:
            raise error

    def apply_together(self, changes: Sequence[Change]) -> tuple[Exception | None, ...]:
        raise NotImplementedError

    def refresh(self) -> None:
        """What time brought: periods that began or ended, and what may be forgotten."""
        raise NotImplementedError
