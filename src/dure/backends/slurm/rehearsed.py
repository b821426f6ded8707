"""A real Slurm in a rehearsal that lives at another date than this machine.

- Slurm's daemons stamp what they record with the machine's clock, and nobody can tell them another
  one. So every instant in what the agent says is moved back by the difference, and every instant
  in what Slurm answers is moved ahead by it.
- The difference is one for the life of a state folder: the names of usage segments hang on it.
- In a rehearsal that leaps, nothing happens on the cluster in what was leapt over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from pydantic import BaseModel

from dure.backends.contract import Change, JobStatus, Observed, UsageBatch
from dure.backends.slurm.backend import SlurmBackend
from dure.backends.slurm.site import SlurmSite
from dure.protocol import (
    DeviceEvent,
    Drain,
    Drift,
    Maintenance,
    NodeHealth,
    StartEstimate,
)

Moved = TypeVar("Moved")

_LEAP: Final = timedelta(hours=1)
"""Clocks of one site do not differ by so much."""


class RehearsedSlurm(SlurmBackend):
    """`SlurmBackend` for those who live `ahead` of this machine's clock."""

    def __init__(
        self, state: Path, *, site: SlurmSite, clock: Callable[[], datetime], ahead: timedelta
    ) -> None:
        """`clock`: this machine's own. Raises StateDirectoryInUse."""
        self._ahead, self._machines = ahead, clock
        super().__init__(state, site=site, clock=clock)

    def observed(self) -> Observed:
        return moved(super().observed(), self._ahead)

    def apply_together(self, changes: Sequence[Change]) -> tuple[Exception | None, ...]:
        return super().apply_together([moved(change, -self._ahead) for change in changes])

    def usage(self, since: datetime | None, until: datetime) -> UsageBatch:
        asked = None if since is None else since - self._ahead
        batch = moved(super().usage(asked, until - self._ahead), self._ahead)
        leapt = until - self._ahead - self._machines() > _LEAP
        return batch.model_copy(update={"complete_through": until}) if leapt else batch

    def jobs(self) -> tuple[JobStatus, ...]:
        return moved(super().jobs(), self._ahead)

    def starts(self, pool: str, sizes: Iterable[int]) -> tuple[StartEstimate, ...]:
        return moved(super().starts(pool, sizes), self._ahead)

    def health(self) -> tuple[NodeHealth, ...]:
        return moved(super().health(), self._ahead)

    def events(self) -> tuple[DeviceEvent, ...]:
        return moved(super().events(), self._ahead)

    def maintain(
        self, windows: tuple[Maintenance, ...], drains: tuple[Drain, ...]
    ) -> tuple[Drift, ...]:
        return super().maintain(moved(windows, -self._ahead), moved(drains, -self._ahead))


def moved(value: Moved, by: timedelta) -> Moved:
    """The same, with every instant in it so much later."""
    result: Any = value
    match value:
        case datetime():
            result = value + by
        case BaseModel():
            fields = {name: moved(getattr(value, name), by) for name in type(value).model_fields}
            result = value.model_copy(update=fields)
        case tuple():
            result = tuple(moved(item, by) for item in value)
        case Mapping():
            result = {name: moved(item, by) for name, item in value.items()}
    return cast("Moved", result)
