"""Owners' use by day, as the reclaim rules read it.

- A day is a day of the programme's zone.
- A day that the site has not fully reported has no figure: None, never zero.
- The total needs every segment ever reported: it is only made where a rule reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dure.hub.allocations.models import Allocation
from dure.hub.usage.models import UsageSegment
from dure.quantities import Period


@dataclass(frozen=True, slots=True)
class DailyUse:
    """`days` from oldest to newest; `total` over all time, None where it is not known or asked."""

    days: tuple[tuple[date, int | None], ...]
    total: int | None


def daily_use(
    *,
    allocations: Iterable[Allocation],
    since: datetime,
    until: datetime,
    zone: ZoneInfo,
    whole: bool,
) -> dict[str, DailyUse]:
    """Accelerator-seconds by allocation and day. Two queries for all allocations together."""
    wanted = {a.pk: a for a in allocations}
    through = dict(
        Allocation.objects.filter(pk__in=wanted).values_list(
            "pk", "pool__cluster__complete_through"
        )
    )
    held: dict[int, list[tuple[datetime, datetime, int]]] = {pk: [] for pk in wanted}
    rows = UsageSegment.objects.filter(allocation__in=wanted, kind="owner", starts_at__lt=until)
    if not whole:
        rows = rows.filter(ends_at__gt=since)
    for pk, start, end, accelerators in rows.values_list(
        "allocation_id", "starts_at", "ends_at", "accelerators"
    ):
        if pk is not None:
            held[pk].append((start, end, accelerators))
    days = list(_days(since, until, zone))
    return {
        allocation.key: _of_one(allocation, held[pk], through[pk], days, whole=whole)
        for pk, allocation in wanted.items()
    }


def _days(since: datetime, until: datetime, zone: ZoneInfo) -> Iterable[tuple[date, Period]]:
    day = since.astimezone(zone).date()
    while True:
        start = datetime.combine(day, time(), tzinfo=zone)
        end = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone)
        if end > until:
            return
        yield day, Period(start, end)
        day += timedelta(days=1)


def _of_one(
    allocation: Allocation,
    held: list[tuple[datetime, datetime, int]],
    through: datetime | None,
    days: list[tuple[date, Period]],
    *,
    whole: bool,
) -> DailyUse:
    figures = tuple(
        (day, _within(held, period) if through is not None and period.end <= through else None)
        for day, period in days
        if period.start >= allocation.starts_at
    )
    total = sum(_seconds(start, end) * n for start, end, n in held) if whole and through else None
    return DailyUse(days=figures, total=total)


def _seconds(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds())


def _within(held: list[tuple[datetime, datetime, int]], period: Period) -> int:
    return sum(
        _seconds(max(start, period.start), min(end, period.end)) * n
        for start, end, n in held
        if start < period.end and end > period.start
    )
