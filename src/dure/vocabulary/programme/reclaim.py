"""When an under-used allocation is reduced or ended: the kinds of rule seen in the field.

- Notice first, then a grace period, an exemption on request, a cap on the share removed, a named
  place where the freed capacity goes, and appeal: common to every kind.
- No metric is a state of its own, never zero use: no rule fires on it.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dure.vocabulary.frozen import Frozen, Text
from dure.vocabulary.programme.types import Exact, Key, Portion


class Band(Frozen):
    """Use from `at_least` (inclusive) to `below` (exclusive) loses `remove` of the base."""

    at_least: Exact
    below: Exact
    remove: Portion


class _Rule(Frozen):
    id: Key
    say: Text
    notice_days: int = Field(default=14, ge=0)
    exempt_first_days: int = Field(default=0, ge=0)
    max_removed: Portion = Fraction(1)
    freed_to: Literal["waitlist", "reserve"] = "waitlist"
    source: str = ""


def _bands_do_not_overlap(bands: tuple[Band, ...]) -> None:
    ordered = sorted(bands, key=lambda band: band.at_least)
    for lower, upper in pairwise(ordered):
        if upper.at_least < lower.below:
            msg = f"bands overlap between {upper.at_least} and {lower.below}"
            raise ValueError(msg)


class UseAgainstAward(_Rule):
    """At a date of the year, used / awarded decides the share of the remainder removed."""

    kind: Literal["use_against_award"]
    month_day: str = Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")
    base: Literal["remaining", "unused", "initial"] = "remaining"
    bands: tuple[Band, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _disjoint(self) -> UseAgainstAward:
        _bands_do_not_overlap(self.bands)
        return self


class UseAgainstPlan(_Rule):
    """Each `every_months`, used / planned-to-date decides; the plan is the applicant's own."""

    kind: Literal["use_against_plan"]
    every_months: int = Field(gt=0)
    bands: tuple[Band, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _disjoint(self) -> UseAgainstPlan:
        _bands_do_not_overlap(self.bands)
        return self


class LowOccupancy(_Rule):
    """Over the last `window_days`, the owner used less than `below` of the entitlement.

    `remove` of the servers go: 1 ends the allocation, 1/2 halves it (whole servers, rounded down).
    """

    kind: Literal["low_occupancy"]
    window_days: int = Field(gt=0)
    below: Portion
    remove: Portion


class LinearExpiry(_Rule):
    """The balance never stands above the linear line from award to zero at the end."""

    kind: Literal["linear_expiry"]
    every_months: int = Field(gt=0)


class IdleJob(_Rule):
    """A job at zero accelerator use for minutes: warn, warn, cancel. Acted on by the site."""

    kind: Literal["idle_job"]
    warn_minutes: tuple[int, ...]
    cancel_minutes: int = Field(gt=0)


class LateReport(_Rule):
    """A report that is late by days: submissions stop, then accounts."""

    kind: Literal["late_report"]
    submissions_off_days: int = Field(gt=0)
    accounts_off_days: int = Field(gt=0)


ReclaimRule = Annotated[
    UseAgainstAward | UseAgainstPlan | LowOccupancy | LinearExpiry | IdleJob | LateReport,
    Field(discriminator="kind"),
]
