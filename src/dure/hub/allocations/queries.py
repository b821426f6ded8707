"""Reading allocations: the list, and one with all that belongs to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import (
    DurationField,
    ExpressionWrapper,
    F,
    Q,
    QuerySet,
    Sum,
)
from django.db.models.functions import TruncMonth

from dure.hub.allocations.models import Allocation, LentRight, ReclaimNotice, Stretch
from dure.hub.audit.models import Event
from dure.hub.audit.queries import trail
from dure.hub.people.gate import Action, NotPermitted, require
from dure.hub.people.models import User
from dure.hub.people.reach import reachable
from dure.hub.supply.models import Pool
from dure.hub.supply.queries import programme
from dure.hub.usage.models import UsageSegment
from dure.quantities import Period
from dure.quantities import month as month_of
from dure.vocabulary.programme import CostShare, MarketPrice
from dure.vocabulary.programme.reclaim import ReclaimRule

DECEMBER: Final = 12
SECONDS_PER_DAY: Final = 86_400

_LISTED: Final = (
    "key",
    "state",
    "servers",
    "starts_at",
    "ends_at",
    "pool__key",
    "project__title",
    "project__organisation__name",
)
"""What a row of the list shows: the rest is not fetched."""

_TIME: Final = ExpressionWrapper(F("ends_at") - F("starts_at"), output_field=DurationField())


@dataclass(frozen=True, slots=True)
class MonthOfUse:
    """One month of an allocation: what it could have used until now, and what it did."""

    starts_at: datetime
    entitled: int
    used: int


@dataclass(frozen=True, slots=True)
class AllocationSeen:
    """An allocation with all that belongs to it; amounts in accelerator-seconds."""

    allocation: Allocation
    stretches: tuple[Stretch, ...]
    months: tuple[MonthOfUse, ...]
    notices: tuple[ReclaimNotice, ...]
    lent_rights: tuple[LentRight, ...]
    lent: int
    events: tuple[Event, ...]

    @property
    def entitled(self) -> int:
        return sum(month.entitled for month in self.months)

    @property
    def used(self) -> int:
        return sum(month.used for month in self.months)


@dataclass(frozen=True, slots=True)
class Duties:
    """What who signs takes on: by the programme's rules, nothing added here."""

    rules: tuple[ReclaimRule, ...]
    cost_share: CostShare | None
    price: MarketPrice | None
    currency: str


def allocations(
    *, by: User, state: str = "", pool: str = "", text: str = ""
) -> QuerySet[Allocation]:
    """The allocations this person may see: all, or their organisation's. Latest first.

    Raises NotPermitted to who can have none.
    """
    found = reachable(
        Allocation.objects.all(),
        by=by,
        see=Action.SEE_ALLOCATION,
        organisation="project__organisation",
    )
    if state:
        found = found.filter(state=state)
    if pool:
        found = found.filter(pool__key=pool)
    if text:
        found = found.filter(
            Q(key__icontains=text)
            | Q(project__title__icontains=text)
            | Q(project__organisation__name__icontains=text)
        )
    related = found.select_related("project__organisation", "pool").only(*_LISTED)
    return related.order_by("-pk")


def pool_keys() -> list[str]:
    """The pools that a list can be narrowed to."""
    return list(Pool.objects.order_by("key").values_list("key", flat=True))


def allocation(*, key: str, by: User) -> Allocation:
    """One allocation. Raises NotPermitted, also where there is none."""
    found = Allocation.objects.select_related(
        "project__organisation", "project__application", "pool__cluster", "agreed_by", "decision"
    ).defer(
        "decision__snapshot",
        "decision__plan",
        "decision__policy",
        "pool__cluster__inventory",
        "project__application__answers",
    )
    one = found.filter(key=key).first()
    if one is None:
        raise NotPermitted(by, Action.SEE_ALLOCATION)
    require(by, Action.SEE_ALLOCATION, one)
    return one


def everything(*, allocation: Allocation, by: User, now: datetime) -> AllocationSeen:
    """The allocation with stretches, use, notices, lending and its events."""
    require(by, Action.SEE_ALLOCATION, allocation)
    stretches = tuple(allocation.stretches.all())
    rules = programme()
    return AllocationSeen(
        allocation=allocation,
        stretches=stretches,
        months=tuple(_months(allocation, stretches, rules.zone if rules else ZoneInfo("UTC"), now)),
        notices=tuple(allocation.notices.order_by("-given_at", "-pk")),
        lent_rights=tuple(allocation.pool.lent_rights.select_related("project").order_by("order")),
        lent=_held(
            UsageSegment.objects.filter(pool=allocation.pool, kind="lent").filter(
                starts_at__gte=allocation.starts_at, starts_at__lt=allocation.ends_at
            )
        ),
        events=tuple(trail(subject=allocation.key)),
    )


def duties(*, allocation: Allocation, by: User) -> Duties:
    """What the agreement of this allocation asks of its people."""
    require(by, Action.SEE_ALLOCATION, allocation)
    rules = programme()
    if rules is None:
        return Duties((), None, None, "")
    sector = allocation.project.organisation.sector if allocation.project.organisation else ""
    return Duties(
        rules=rules.reclaim,
        cost_share=rules.cost_share_of(sector),
        price=rules.price_of(allocation.pool.model),
        currency=rules.currency,
    )


def _months(
    allocation: Allocation, stretches: tuple[Stretch, ...], zone: ZoneInfo, now: datetime
) -> Iterator[MonthOfUse]:
    """Each month from the first stretch until now; none before it has begun."""
    begun = [Period(s.starts_at, s.ends_at) for s in stretches if s.starts_at < now]
    if not begun:
        return
    used = _used_by_month(allocation, zone)
    local = min(begun).start.astimezone(zone)
    year, number = local.year, local.month
    last = min(now, max(period.end for period in begun))
    while (month := month_of(year, number, zone)).start < last:
        entitled = _entitled(allocation, stretches, month, until=now)
        yield MonthOfUse(month.start, entitled, used.get(month.start, 0))
        year, number = (year + 1, 1) if number == DECEMBER else (year, number + 1)


def _entitled(
    allocation: Allocation, stretches: tuple[Stretch, ...], month: Period, *, until: datetime
) -> int:
    """Accelerator-seconds that the stretches held within the month, up to `until`."""
    seconds = 0
    for stretch in stretches:
        end = min(stretch.ends_at, until)
        if stretch.starts_at < end:
            met = Period(stretch.starts_at, end).meet(month)
            seconds += stretch.servers * met.seconds if met else 0
    return seconds * allocation.pool.accelerators_per_node


def _used_by_month(allocation: Allocation, zone: ZoneInfo) -> Mapping[datetime, int]:
    """Accelerator-seconds of owner's work, by the month in which each segment began."""
    rows = (
        UsageSegment.objects.filter(allocation=allocation, kind="owner")
        .annotate(month=TruncMonth("starts_at", tzinfo=zone))
        .values_list("month", "accelerators")
        .annotate(time=Sum(_TIME))
    )
    used: Counter[datetime] = Counter()
    for month, accelerators, time in rows:
        used[month] += _accelerator_seconds(accelerators, time)
    return used


def _held(segments: QuerySet[UsageSegment]) -> int:
    """Accelerator-seconds of the segments; the product is made here, as not every database can."""
    rows = segments.values_list("accelerators").annotate(time=Sum(_TIME))
    return sum(_accelerator_seconds(accelerators, time) for accelerators, time in rows)


def _accelerator_seconds(accelerators: int, time: timedelta) -> int:
    return accelerators * (time.days * SECONDS_PER_DAY + time.seconds)
