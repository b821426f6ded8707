"""Half-open periods in UTC: the start belongs to it, the end does not.

- Two periods that touch do not overlap, so a day is in exactly one month and a handed-over
  server in exactly one allocation.
- Months are the programme's: their edges are midnights in its zone, held as UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

DECEMBER = 12


class NaiveTimeError(ValueError):
    """A time without a zone: nobody can say which instant it is."""


class EmptyPeriodError(ValueError):
    """The end is not after the start."""


@dataclass(frozen=True, order=True, slots=True)
class Period:
    """`[start, end)`, both with a zone, held as UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            value = getattr(self, name)
            if value.tzinfo is None:
                msg = f"{name} {value.isoformat()} has no time zone"
                raise NaiveTimeError(msg)
            object.__setattr__(self, name, value.astimezone(UTC))
        if self.end <= self.start:
            msg = f"the end {self.end.isoformat()} is not after the start {self.start.isoformat()}"
            raise EmptyPeriodError(msg)

    @property
    def seconds(self) -> int:
        """Whole seconds; facts are recorded to the second."""
        return int((self.end - self.start).total_seconds())

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    def meet(self, other: Period) -> Period | None:
        """What both cover, or None."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Period(start, end) if start < end else None


def month(year: int, number: int, zone: ZoneInfo) -> Period:
    """The calendar month `number` (1 to 12) of `year` as the zone's wall clock sees it."""
    following = (year + 1, 1) if number == DECEMBER else (year, number + 1)
    return Period(
        datetime(year, number, 1, tzinfo=zone),
        datetime(following[0], following[1], 1, tzinfo=zone),
    )
