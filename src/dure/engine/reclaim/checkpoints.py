"""The days on which a dated reclaim rule looks at an allocation.

- Days are those of the programme's zone; a checkpoint is that day's first instant.
- A day that a month lacks (31 April) is the month's last.
- The day an allocation starts is no checkpoint, nor is any day of its exempt first days.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dure.engine.reclaim.facts import DatedRule
from dure.vocabulary.programme.reclaim import UseAgainstAward

_MONTHS = 12


def latest(rule: DatedRule, *, starts: date, until: date) -> date | None:
    """The last checkpoint from the allocation's start up to and including `until`."""
    first = starts + timedelta(days=max(1, rule.exempt_first_days))
    return max(
        (day for day in _checkpoints(rule, starts=starts, until=until) if first <= day <= until),
        default=None,
    )


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of `day` in `zone`."""
    return datetime.combine(day, time(), tzinfo=zone)


def _checkpoints(rule: DatedRule, *, starts: date, until: date) -> Iterator[date]:
    if isinstance(rule, UseAgainstAward):
        number, day = map(int, rule.month_day.split("-"))
        for year in range(starts.year, until.year + 1):
            yield _day_of(year, number, day)
        return
    months = rule.every_months
    while (day_then := _months_after(starts, months)) <= until:
        yield day_then
        months += rule.every_months


def _months_after(day: date, months: int) -> date:
    years, zero_based = divmod(day.month - 1 + months, _MONTHS)
    return _day_of(day.year + years, zero_based + 1, day.day)


def _day_of(year: int, number: int, day: int) -> date:
    return date(year, number, min(day, monthrange(year, number)[1]))
