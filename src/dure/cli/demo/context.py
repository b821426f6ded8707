"""What the stages share: the folder, the world, what was seen so far, and the calendar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Final
from zoneinfo import ZoneInfo

from rich.progress import Progress

from dure.cli.demo.checks import Check
from dure.cli.demo.site_engines import SiteEngine
from dure.cli.demo.world import World
from dure.hub.allocations.models import Decision
from dure.hub.people.models import User
from dure.hub.reports.models import ClosedMonth
from dure.hub.supply.models import Programme
from dure.vocabulary.frozen import Text

SEOUL: Final = ZoneInfo("Asia/Seoul")
YEAR, MONTH = 2026, 3


def at(month: int, day: int, hour: int = 10, *, year: int = YEAR) -> datetime:
    """A time of the programme's calendar, as Seoul's clocks show it."""
    return datetime(year, month, day, hour, tzinfo=SEOUL)


@dataclass(frozen=True, slots=True)
class TakeBack:
    """What happened on this machine: real processes, real signals, real checkpoints."""

    idle_to_lent_s: float
    owner_start_s: float
    lent_attempts: int
    lent_resumed_at_step: int
    accuracy: float
    same_weights: bool


@dataclass
class Seen:
    """What the demo saw; the summary and the checks read it."""

    home: Path
    seconds: dict[str, float] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    refused_lessor: str = ""
    round: Decision | None = None
    moved_by_correction: int = 0
    what_if: list[tuple[str, int, int]] = field(default_factory=list)
    told: list[Text] = field(default_factory=list)
    declined: int = 0
    take_back: TakeBack | None = None
    notices: int = 0
    reclaimed: list[tuple[str, str, int]] = field(default_factory=list)
    promoted: list[tuple[str, str, int]] = field(default_factory=list)
    month: ClosedMonth | None = None
    files: list[Path] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    clock_offset_s: int = 0


@dataclass
class Context:
    """One run of the demo."""

    home: Path
    progress: Progress
    world: World
    password: str
    engine: SiteEngine
    seen: Seen = field(init=False)

    def __post_init__(self) -> None:
        self.seen = Seen(home=self.home)

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Callable[[], None]]:
        """A line of the progress display, and the stage's seconds."""
        task = self.progress.add_task(title, total=total)
        started = monotonic()
        yield lambda: self.progress.advance(task)
        self.seen.seconds[title] = round(monotonic() - started, 2)
        self.progress.update(task, completed=total)

    @property
    def programme(self) -> Programme:
        return Programme.objects.get()

    @property
    def operator(self) -> User:
        return User.objects.get(username="operator")
