"""Whether a rule fires on what is known now, and how much it takes.

- No metric, or no plan where the rule asks for one: no judgement, in either direction.
- Exact fractions up to the end; what is taken is rounded down, in the project's favour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from dure.engine.reclaim.checkpoints import midnight
from dure.engine.reclaim.facts import AllocationState, ExecutedRule
from dure.quantities.accelerator_seconds import SECONDS_PER_HOUR
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme.reclaim import (
    LinearExpiry,
    LowOccupancy,
    UseAgainstAward,
    UseAgainstPlan,
)

_SECOND = timedelta(seconds=1)
_DAY: Final = attrgetter("day")
_USED: Final = attrgetter("used")

KEPT: Final = 8192
"""Starts and ends of so many allocations are read once: they are the same every day."""

RECOVERED = frozenset({"reclaim.enough_use", "reclaim.nothing_to_remove"})
"""The findings that end a notice; a missing metric or plan only holds it."""


class Window(NamedTuple):
    """The last whole days before now: when they begin and end, in seconds of the epoch."""

    days: tuple[date, ...]
    opens_s: float
    closes_s: float


@dataclass(frozen=True)
class Now:
    """The instant of the decision, in the programme's zone. What hangs on it alone is made once."""

    instant: datetime
    zone: ZoneInfo
    _windows: dict[int, Window] = field(default_factory=dict)

    @cached_property
    def today(self) -> date:
        return self.day(self.instant)

    def day(self, instant: datetime) -> date:
        return _day(instant, self.zone)

    def written(self, instant: datetime) -> str:
        return instant.astimezone(self.zone).isoformat(timespec="minutes")

    def window(self, length: int) -> Window:
        """The last `length` days before today."""
        if length not in self._windows:
            days = [self.today - timedelta(days=ago) for ago in range(length, 0, -1)]
            opens, closes = (midnight(day, self.zone) for day in (days[0], self.today))
            self._windows[length] = Window(tuple(days), opens.timestamp(), closes.timestamp())
        return self._windows[length]


@lru_cache(maxsize=KEPT)
def _day(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()


@lru_cache(maxsize=KEPT)
def _epoch_s(instant: datetime) -> float:
    return instant.timestamp()


@lru_cache(maxsize=KEPT)
def plain(code: str, **params: str | int) -> Reason:
    """A reason that thousands of allocations get in the same words, or one gets every day."""
    return Reason(code=code, params={**params})


class Finding(NamedTuple):
    """A rule that fires: what it takes, and what its sentence is filled with."""

    measure: Literal["occupancy", "award", "plan", "line"]
    servers: int
    amount: int
    params: Mapping[str, JsonValue]


def judge(state: AllocationState, rule: ExecutedRule, occasion: date, now: Now) -> Finding | Reason:
    """A finding where the rule fires, else the reason why it does not."""
    if isinstance(rule, LowOccupancy):
        found = _occupancy(state, rule, now)
    elif state.used is None:
        return plain("reclaim.no_metric")
    elif isinstance(rule, LinearExpiry):
        found = _line(state, rule, state.used, occasion, now.zone)
    else:
        found = _bands(state, rule, state.used)
    if isinstance(found, Finding) and not found.amount and not found.servers:
        return plain("reclaim.nothing_to_remove")
    return found


def removal(
    rule: UseAgainstAward | UseAgainstPlan,
    *,
    awarded: int,
    used: int,
    balance: int,
    planned_to_date: int | None = None,
) -> int:
    """Accelerator-seconds that one banded rule takes back now; 0 where no band holds.

    A share of the award (`base: initial`) or of the plan is cumulative, as its programmes publish
    it: what was taken back before counts towards it. A share of what remains is not. A balance
    that use has not been charged to yet counts as what the award leaves after that use.
    """
    balance = min(balance, awarded - used)
    taken_before = awarded - used - balance
    if isinstance(rule, UseAgainstPlan):
        planned = planned_to_date or 0
        target = _band(rule, used, planned) * planned - taken_before
    else:
        bases = {"remaining": balance, "unused": awarded - used, "initial": awarded}
        target = _band(rule, used, awarded) * bases[rule.base]
        if rule.base == "initial":
            target -= taken_before
    return _capped(target, rule.max_removed, awarded=awarded, used=used, balance=balance)


def _occupancy(state: AllocationState, rule: LowOccupancy, now: Now) -> Finding | Reason:
    window = now.window(rule.window_days)
    if window.days[0] < _window_opens(state, rule, now):
        return plain("reclaim.window_not_full", days=rule.window_days)
    used = _used_in(state, window)
    if used is None:
        return plain("reclaim.no_metric")
    entitled = _seconds_within(state, window) * state.servers * state.accelerators_per_server
    if used * rule.below.denominator >= rule.below.numerator * entitled:
        return plain("reclaim.enough_use")
    freed = int(state.servers * min(rule.remove, rule.max_removed))
    if not freed:
        return plain("reclaim.nothing_to_remove")
    seconds_left = (state.ends - now.instant) // _SECOND
    amount = min(max(0, state.balance), freed * state.accelerators_per_server * seconds_left)
    params: dict[str, JsonValue] = {
        "days": rule.window_days,
        "use": _percent(Fraction(used, entitled)),
        "below": _percent(rule.below),
        "servers": freed,
        "of_servers": state.servers,
    }
    return Finding("occupancy", freed, amount, params)


def _used_in(state: AllocationState, window: Window) -> int | None:
    """The use of the window's days; None where one of them has no metric."""
    last = state.days[-len(window.days) :]
    if tuple(map(_DAY, last)) == window.days:  # as they nearly always come
        uses = tuple(map(_USED, last))
        return None if None in uses else sum(uses)
    known = {one.day: one.used for one in state.days}
    found = [used for day in window.days if (used := known.get(day)) is not None]
    return sum(found) if len(found) == len(window.days) else None


def _window_opens(state: AllocationState, rule: LowOccupancy, now: Now) -> date:
    """The first day that may count: the allocation's start, or the rule's last take-back."""
    started = now.day(state.starts)
    last = _last_taken(state.pulled_back, rule.id)
    return started if last is None else max(started, last)


@lru_cache(maxsize=KEPT)
def _last_taken(pulled_back: tuple[str, ...], rule: str) -> date | None:
    occasions = (
        occasion
        for name, _, occasion in (key.rpartition("@") for key in pulled_back)
        if name == rule
    )
    return max(map(date.fromisoformat, occasions), default=None)


def _seconds_within(state: AllocationState, window: Window) -> int:
    """Seconds of the window in which the allocation ran."""
    begins, ends = _epoch_s(state.starts), _epoch_s(state.ends)
    return max(0, int(min(ends, window.closes_s) - max(begins, window.opens_s)))


def _bands(
    state: AllocationState, rule: UseAgainstAward | UseAgainstPlan, used: int
) -> Finding | Reason:
    on_plan = isinstance(rule, UseAgainstPlan)
    whole = state.planned_to_date if on_plan else state.awarded
    if not whole:
        return plain("reclaim.no_plan" if on_plan else "reclaim.nothing_to_remove")
    if not _band(rule, used, whole):
        return plain("reclaim.enough_use")
    amount = removal(
        rule,
        awarded=state.awarded,
        used=used,
        balance=state.balance,
        planned_to_date=state.planned_to_date,
    )
    params: dict[str, JsonValue] = {
        "use": _percent(Fraction(used, whole)),
        "hours": amount // SECONDS_PER_HOUR,
    }
    return Finding("plan" if on_plan else "award", 0, amount, params)


def _line(
    state: AllocationState, rule: LinearExpiry, used: int, occasion: date, zone: ZoneInfo
) -> Finding | Reason:
    left = state.ends - midnight(occasion, zone)
    line = state.awarded * Fraction(left // _SECOND, (state.ends - state.starts) // _SECOND)
    balance = min(state.balance, state.awarded - used)
    if balance <= line:
        return plain("reclaim.enough_use")
    amount = _capped(
        balance - line, rule.max_removed, awarded=state.awarded, used=used, balance=balance
    )
    params: dict[str, JsonValue] = {
        "hours": amount // SECONDS_PER_HOUR,
        "occasion": occasion.isoformat(),
    }
    return Finding("line", 0, amount, params)


def _band(rule: UseAgainstAward | UseAgainstPlan, used: int, whole: int) -> Fraction:
    """The share that the band of `used / whole` removes; 0 outside every band."""
    if not whole:
        return Fraction(0)
    use = Fraction(used, whole)
    return next(
        (band.remove for band in rule.bands if band.at_least <= use < band.below), Fraction(0)
    )


def _capped(
    target: Fraction | int, max_removed: Fraction, *, awarded: int, used: int, balance: int
) -> int:
    allowed = max_removed * awarded - (awarded - used - balance)
    return max(0, int(min(target, allowed, balance)))


def _percent(share: Fraction) -> str:
    """Rounded down to a tenth, so that what is below a threshold never reads as at it."""
    tenths = int(share * 1000)
    return f"{tenths // 10}.{tenths % 10}"
