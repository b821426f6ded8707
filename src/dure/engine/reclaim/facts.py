"""What the reclaim decision knows of allocations, and the acts it may propose."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from dure.vocabulary.distinct import require_distinct
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Intent, Plan
from dure.vocabulary.programme.reclaim import (
    LinearExpiry,
    LowOccupancy,
    UseAgainstAward,
    UseAgainstPlan,
)

FreedTo = Literal["waitlist", "reserve"]
DatedRule = UseAgainstAward | UseAgainstPlan | LinearExpiry
ExecutedRule = LowOccupancy | DatedRule
"""The kinds of rule that this decision executes."""


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class DayUse:
    """The owner's use on one day of the programme's zone, in accelerator-seconds.

    None: there is no metric for that day. In slots and no model: a year of a programme looks a
    million times at one, and most of the time was spent on getting it from memory.
    """

    day: date
    used: Annotated[int, Field(ge=0)] | None


class Notice(Frozen):
    """A notice that stands."""

    rule: str
    given_at: AwareDatetime
    deadline: AwareDatetime


class AllocationState(Frozen):
    """One allocation now. Amounts in accelerator-seconds; `used` None means no metric.

    `balance` is what is left to use: the award less use and less what was taken back already.
    `pulled_back` holds `rule@occasion` of every take-back that was executed.
    """

    allocation: str
    project: str
    pool: str
    servers: int = Field(ge=0)
    accelerators_per_server: int = Field(gt=0)
    starts: AwareDatetime
    ends: AwareDatetime
    awarded: int = Field(ge=0)
    balance: int
    used: int | None = Field(ge=0)
    planned_to_date: int | None = Field(default=None, ge=0)
    days: tuple[DayUse, ...] = ()
    notice: Notice | None = None
    exempt_rules: tuple[str, ...] = ()
    pulled_back: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _ends_later_and_each_day_once(self) -> AllocationState:
        if self.ends <= self.starts:
            raise ValueError("it ends after it starts")
        if len({one.day for one in self.days}) < len(self.days):
            require_distinct("day", (one.day.isoformat() for one in self.days))
        return self


class ReclaimSnapshot(Frozen):
    """`zone` is the programme's time zone: days and checkpoints are its."""

    allocations: tuple[AllocationState, ...]
    zone: str

    @model_validator(mode="after")
    def _named_once(self) -> ReclaimSnapshot:
        if len({one.allocation for one in self.allocations}) < len(self.allocations):
            require_distinct("allocation", (one.allocation for one in self.allocations))
        return self


class Notify(Intent):
    """Tell the project what will be taken back at `deadline` unless its use recovers."""

    act: Literal["notify"] = "notify"
    allocation: str
    rule: str
    deadline: AwareDatetime
    would_remove_servers: int = Field(ge=0)
    would_remove: int = Field(ge=0)


class PullBack(Intent):
    """Take back now; `removed` in accelerator-seconds."""

    act: Literal["pull_back"] = "pull_back"
    allocation: str
    rule: str
    occasion: str
    to_servers: int = Field(ge=0)
    freed_servers: int = Field(ge=0)
    removed: int = Field(ge=0)
    freed_to: FreedTo


class Withdraw(Intent):
    """The notice falls: use recovered, or the project was exempted."""

    act: Literal["withdraw"] = "withdraw"
    allocation: str
    rule: str


class Leave(Intent):
    """Nothing is done, and the reason says why."""

    act: Literal["leave"] = "leave"
    allocation: str
    rule: str


ReclaimIntent = Annotated[Notify | PullBack | Withdraw | Leave, Field(discriminator="act")]


class ReclaimPlan(Plan):
    kind: Literal["reclaim"] = "reclaim"
    intents: tuple[ReclaimIntent, ...]
