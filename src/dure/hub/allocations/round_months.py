"""The months of a round: whole months from first supply, counted from 0.

- Month k begins k calendar months after the first instant of supply, in the programme's zone; it is
  half-open, so a period that ends where a month begins is not in it.
- Whatever overlaps a month is in it: nothing is promised twice because two periods share a month.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from dure.vocabulary.months import months_later


@dataclass(frozen=True, slots=True)
class RoundMonths:
    """The grid that a round is planned on."""

    first: datetime
    zone: ZoneInfo

    def start(self, month: int) -> datetime:
        """When the month begins."""
        return _edge(self.first, month, self.zone)

    def period(self, month: int, months: int) -> tuple[datetime, datetime]:
        """The half-open period of an award that starts in `month`."""
        return self.start(month), self.start(month + months)

    def overlapped(self, starts: datetime, ends: datetime, *, of: int) -> range:
        """Which of the first `of` months the half-open period meets."""
        met = [k for k in range(of) if self.start(k) < ends and self.start(k + 1) > starts]
        return range(met[0], met[-1] + 1) if met else range(0)

    def within(self, starts: datetime | None, ends: datetime | None, *, of: int) -> range:
        """Which of the first `of` months lie wholly in the period; None is no bound."""
        inside = [
            k
            for k in range(of)
            if (starts is None or self.start(k) >= starts)
            and (ends is None or self.start(k + 1) <= ends)
        ]
        return range(inside[0], inside[-1] + 1) if inside else range(0)

    def first_from(self, day: date, *, of: int) -> int:
        """The first month that begins on that day or later; `of` where none does."""
        return next((k for k in range(of) if self.start(k) >= self.midnight(day)), of)

    def last_until(self, day: date, *, of: int) -> int:
        """The last month that has begun by that day; -1 where none has."""
        begun = (k for k in reversed(range(of)) if self._day(self.start(k)) <= day)
        return next(begun, -1)

    def midnight(self, day: date) -> datetime:
        """The instant that a day begins, in the programme's zone."""
        return datetime.combine(day, time(), tzinfo=self.zone)

    def _day(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()


@lru_cache(maxsize=1024)
def _edge(first: datetime, month: int, zone: ZoneInfo) -> datetime:
    """Thousands of allocations are held against the same few edges."""
    return months_later(first, month, zone)
