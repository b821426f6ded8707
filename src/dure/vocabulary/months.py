"""Months as people count them: the same day and hour of a later month, in the programme's zone."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

MONTHS_A_YEAR = 12


def months_later(instant: datetime, months: int, zone: ZoneInfo) -> datetime:
    """`months` calendar months after the instant, on the last day where the month is too short."""
    local = instant.astimezone(zone)
    years, index = divmod(local.month - 1 + months, MONTHS_A_YEAR)
    year, month = local.year + years, index + 1
    day = min(local.day, monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day).astimezone(UTC)
