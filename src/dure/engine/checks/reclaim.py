"""What must be true of every reclaim plan, checked from the snapshot and the rules alone.

- One intent for each allocation and rule executed there, and at most one act for each allocation.
- Nothing is noticed or taken without a metric, from an exempt project, or where the use does not
  fall short; nothing is taken without a notice whose deadline has passed.
- What is taken fits the balance and the rule's cap, and goes where the rule says.
- No (rule, occasion) is executed twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from dure.engine.reclaim import (
    AllocationState,
    ExecutedRule,
    Leave,
    Notify,
    PullBack,
    ReclaimPlan,
    ReclaimSnapshot,
    Withdraw,
)
from dure.vocabulary.plans import Violation
from dure.vocabulary.programme.reclaim import (
    LinearExpiry,
    LowOccupancy,
    ReclaimRule,
    UseAgainstPlan,
)


def violations(
    snapshot: ReclaimSnapshot, rules: tuple[ReclaimRule, ...], plan: ReclaimPlan
) -> tuple[Violation, ...]:
    """Every violation of the rules above; none, and the plan may be applied."""
    return tuple(_problems(plan, snapshot, rules))


def _problems(
    plan: ReclaimPlan, snapshot: ReclaimSnapshot, rules: tuple[ReclaimRule, ...]
) -> Iterator[Violation]:
    states = {state.allocation: state for state in snapshot.allocations}
    executed = {rule.id: rule for rule in rules if isinstance(rule, ExecutedRule)}
    yield from _coverage(plan, states, executed)
    for intent in plan.intents:
        if isinstance(intent, Leave):
            continue
        state, rule = states.get(intent.allocation), executed.get(intent.rule)
        if state is None:
            continue
        if isinstance(intent, Withdraw):
            yield from _withdrawn(intent, state)
        elif rule is not None:
            yield from _founded(intent, state, rule, plan.header.now, ZoneInfo(snapshot.zone))
            if isinstance(intent, Notify):
                yield from _noticed(intent, state, executed, plan.header.now)
            else:
                yield from _executed(intent, state, rule, plan.header.now)


def _coverage(
    plan: ReclaimPlan, states: dict[str, AllocationState], executed: dict[str, ExecutedRule]
) -> Iterator[Violation]:
    said = Counter((intent.allocation, intent.rule) for intent in plan.intents)
    due = {(name, rule) for name in states for rule in executed}
    notices = {(s.allocation, s.notice.rule) for s in states.values() if s.notice}
    for pair in sorted(due - said.keys()):
        yield _found("undecided", f"{pair} has no intent")
    for pair in sorted(said.keys() - due - notices):
        yield _found("unknown", f"{pair} is not to be decided here")
    if len(said) < len(plan.intents):
        for pair, times in said.items():
            if times > 1:
                yield _found("once", f"{pair} has {times} intents")
    acts = Counter(i.allocation for i in plan.intents if isinstance(i, Notify | PullBack))
    for name, times in acts.items():
        if times > 1:
            yield _found("one_act", f"{name} is acted on {times} times")


def _withdrawn(intent: Withdraw, state: AllocationState) -> Iterator[Violation]:
    if state.notice is None or state.notice.rule != intent.rule:
        yield _found("withdraw", f"{intent.allocation}: no notice of {intent.rule} stands")


def _founded(
    intent: Notify | PullBack,
    state: AllocationState,
    rule: ExecutedRule,
    now: datetime,
    zone: ZoneInfo,
) -> Iterator[Violation]:
    where = f"{intent.allocation} by {rule.id}"
    if rule.id in state.exempt_rules:
        yield _found("exempt", where)
    if not state.starts + timedelta(days=rule.exempt_first_days) <= now < state.ends:
        yield _found("time", f"{where}: too early or over")
    if isinstance(rule, LowOccupancy):
        known = _window(state, rule, now, zone)
        if known is None:
            yield _found("no_metric", where)
        elif known >= rule.below:
            yield _found("unfounded", f"{where}: occupancy {known}")
    elif state.used is None:
        yield _found("no_metric", where)
    elif not _falls_short(state, rule, state.used, now):
        yield _found("unfounded", where)


def _window(
    state: AllocationState, rule: LowOccupancy, now: datetime, zone: ZoneInfo
) -> Fraction | None:
    """Occupancy of the window; None where a day has no metric."""
    today = now.astimezone(zone).date()
    first = today - timedelta(days=rule.window_days)
    uses = [one.used for one in state.days if first <= one.day < today]
    known = [used for used in uses if used is not None]
    if len(known) < rule.window_days:
        return None
    begins, finishes = (_midnight(day, zone).timestamp() for day in (first, today))
    ran = min(finishes, state.ends.timestamp()) - max(begins, state.starts.timestamp())
    entitled = max(0, int(ran)) * state.servers * state.accelerators_per_server
    return Fraction(sum(known), entitled) if entitled else Fraction(1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _falls_short(state: AllocationState, rule: ExecutedRule, used: int, now: datetime) -> bool:
    if isinstance(rule, LinearExpiry):
        return state.balance > _line(state, now)
    if isinstance(rule, LowOccupancy):
        return False
    whole = state.planned_to_date if isinstance(rule, UseAgainstPlan) else state.awarded
    return any(
        band.at_least * whole <= used < band.below * whole and band.remove > 0
        for band in rule.bands
        if whole
    )


def _line(state: AllocationState, at: datetime) -> Fraction:
    left, whole = state.ends - at, state.ends - state.starts
    return state.awarded * Fraction(int(left.total_seconds()), int(whole.total_seconds()))


def _noticed(
    intent: Notify, state: AllocationState, executed: dict[str, ExecutedRule], now: datetime
) -> Iterator[Violation]:
    rule = executed[intent.rule]
    where = f"{intent.allocation} by {rule.id}"
    if state.notice is not None and state.notice.rule in executed:
        yield _found("second_notice", where)
    if intent.deadline != now + timedelta(days=rule.notice_days):
        yield _found("deadline", f"{where}: {intent.deadline.isoformat()}")
    yield from _amounts(state, rule, intent.would_remove_servers, intent.would_remove)


def _executed(
    intent: PullBack, state: AllocationState, rule: ExecutedRule, now: datetime
) -> Iterator[Violation]:
    where = f"{intent.allocation} by {rule.id}"
    notice = state.notice
    if notice is None or notice.rule != rule.id or now < notice.deadline:
        yield _found("no_expired_notice", where)
    if f"{rule.id}@{intent.occasion}" in state.pulled_back:
        yield _found("twice", f"{where} for {intent.occasion}")
    if intent.to_servers + intent.freed_servers != state.servers:
        yield _found("servers", f"{where}: {intent.to_servers} + {intent.freed_servers}")
    if intent.freed_to != rule.freed_to:
        yield _found("freed_to", f"{where}: {intent.freed_to}")
    if isinstance(rule, LinearExpiry) and state.balance - intent.removed < _line(state, now):
        yield _found("line", f"{where}: {intent.removed} goes below the line")
    yield from _amounts(state, rule, intent.freed_servers, intent.removed)


def _amounts(
    state: AllocationState, rule: ExecutedRule, servers: int, amount: int
) -> Iterator[Violation]:
    where = f"{state.allocation} by {rule.id}"
    if amount > max(0, state.balance):
        yield _found("balance", f"{where}: {amount} of {state.balance}")
    if isinstance(rule, LowOccupancy):
        if servers > min(rule.remove, rule.max_removed) * state.servers:
            yield _found("cap", f"{where}: {servers} of {state.servers} servers")
        return
    if servers:
        yield _found("servers", f"{where}: a rule on the balance frees no servers")
    left_over = state.balance - amount
    in_all = state.awarded - (state.used or 0) - left_over
    if amount and in_all > rule.max_removed * state.awarded:
        yield _found("cap", f"{where}: {in_all} taken in all of {state.awarded}")


def _found(rule: str, detail: str) -> Violation:
    return Violation(rule=f"reclaim.{rule}", detail=detail)
