"""Which under-used allocations are reduced, by which rule, and why the others are not.

- Notice first. A rule that fires gives notice; it takes back only once the notice's deadline has
  passed and only if it still fires. Use that recovers, or an exemption, withdraws the notice.
- No metric is a state of its own: without it nothing is noticed and nothing taken.
- One notice at a time: an allocation answers to one rule, and the next waits for its turn.
- The same (rule, occasion) is never executed twice. A dated rule's occasion is its checkpoint;
  a notice for one is given within `CHECKPOINT_OPEN_DAYS` of it. An occupancy rule's occasion is
  the day its notice ends, and its next window starts no earlier.
- Taken back is a whole number, rounded in the project's favour, never more than the balance.
  `max_removed` caps it: of the servers held in one firing; of the award in all, over every firing.
- Nothing is given back by rule: where a cumulative target falls below what was already taken
  (the project caught up), nothing more is taken, and the rest is an operator's refund.

Every allocation gets exactly one intent for each rule executed here. The kinds `idle_job` (acted on
by the site, within minutes) and `late_report` (about reports, not use) yield nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from dure.engine.reclaim.checkpoints import latest
from dure.engine.reclaim.facts import (
    AllocationState,
    ExecutedRule,
    Leave,
    Notice,
    Notify,
    PullBack,
    ReclaimIntent,
    ReclaimPlan,
    ReclaimSnapshot,
    Withdraw,
)
from dure.engine.reclaim.judgement import KEPT, RECOVERED, Finding, Now, judge, plain
from dure.vocabulary.plans import Header, Reason
from dure.vocabulary.programme.reclaim import LowOccupancy, ReclaimRule

CHECKPOINT_OPEN_DAYS = 7
"""How late a checkpoint's notice may still be given: a hub that was down over a holiday catches up,
and use that a rule's date does not speak of is not judged by it (our choice)."""


def plan(snapshot: ReclaimSnapshot, rules: tuple[ReclaimRule, ...], header: Header) -> ReclaimPlan:
    """What to notify, take back, withdraw and leave, for every allocation and rule."""
    executed = tuple(rule for rule in rules if isinstance(rule, ExecutedRule))
    now = Now(header.now, ZoneInfo(snapshot.zone))
    intents = tuple(
        intent for state in snapshot.allocations for intent in _one(state, executed, now)
    )
    return ReclaimPlan(header=header, intents=intents)


def _one(
    state: AllocationState, rules: tuple[ExecutedRule, ...], now: Now
) -> Iterator[ReclaimIntent]:
    """One intent a rule; the first notice, standing or given now, holds the others back.

    A notice of a rule that the programme no longer has is withdrawn besides.
    """
    answers_to = state.notice.rule if state.notice else None
    if answers_to is not None and answers_to not in {rule.id for rule in rules}:
        reason = plain("reclaim.rule_gone")
        yield Withdraw(allocation=state.allocation, rule=answers_to, reason=reason)
        answers_to = None
    for rule in rules:
        if state.notice is not None and state.notice.rule == rule.id:
            yield _under_notice(state, rule, state.notice, now)
            continue
        intent = _without_notice(state, rule, answers_to, now)
        if isinstance(intent, Notify):
            answers_to = rule.id
        yield intent


def _without_notice(
    state: AllocationState, rule: ExecutedRule, answers_to: str | None, now: Now
) -> Notify | Leave:
    found = _spared(state, rule, now) or _found_now(state, rule, now)
    if isinstance(found, Reason):
        return _left(state, rule, found)
    if answers_to is not None:
        return _leave(state, rule, "other_notice", other=answers_to)
    deadline = now.instant + timedelta(days=rule.notice_days)
    return Notify(
        allocation=state.allocation,
        rule=rule.id,
        deadline=deadline,
        would_remove_servers=found.servers,
        would_remove=found.amount,
        reason=Reason(
            code=f"reclaim.notice_{found.measure}",
            params={**found.params, "deadline": now.written(deadline)},
        ),
    )


def _under_notice(
    state: AllocationState, rule: ExecutedRule, notice: Notice, now: Now
) -> ReclaimIntent:
    spared = _spared(state, rule, now)
    if spared is not None:
        kind = Withdraw if spared.code == "reclaim.exempt" else Leave
        return kind(allocation=state.allocation, rule=rule.id, reason=spared)
    occasion = _noticed_occasion(state, rule, notice, now)
    if occasion is None:
        return _leave(state, rule, "not_due")
    if _done(state, rule, occasion):
        return _leave(state, rule, "already_done", occasion=occasion.isoformat())
    found = judge(state, rule, occasion, now)
    if isinstance(found, Reason):
        recovered = found.code in RECOVERED
        kind = Withdraw if recovered else Leave
        reason = plain("reclaim.recovered") if recovered else found
        return kind(allocation=state.allocation, rule=rule.id, reason=reason)
    if now.instant < notice.deadline:
        return _leave(state, rule, "notice_running", deadline=now.written(notice.deadline))
    return _pull_back(state, rule, found, occasion)


def _pull_back(
    state: AllocationState, rule: ExecutedRule, found: Finding, occasion: date
) -> PullBack:
    return PullBack(
        allocation=state.allocation,
        rule=rule.id,
        occasion=occasion.isoformat(),
        to_servers=state.servers - found.servers,
        freed_servers=found.servers,
        removed=found.amount,
        freed_to=rule.freed_to,
        reason=Reason(code=f"reclaim.pull_back_{found.measure}", params=dict(found.params)),
    )


def _spared(state: AllocationState, rule: ExecutedRule, now: Now) -> Reason | None:
    """Why the rule does not look at the allocation at all."""
    if not state.starts <= now.instant < state.ends:
        return plain("reclaim.not_running")
    if rule.id in state.exempt_rules:
        return plain("reclaim.exempt")
    until = state.starts + timedelta(days=rule.exempt_first_days)
    if now.instant < until:
        return plain("reclaim.first_days", until=now.written(until))
    return None


def _found_now(state: AllocationState, rule: ExecutedRule, now: Now) -> Finding | Reason:
    """What a rule without a notice finds: dated rules only in the days after a checkpoint."""
    if isinstance(rule, LowOccupancy):
        return judge(state, rule, now.today, now)
    checkpoint = latest(rule, starts=now.day(state.starts), until=now.today)
    if checkpoint is None or (now.today - checkpoint).days > CHECKPOINT_OPEN_DAYS:
        return plain("reclaim.not_due")
    if _done(state, rule, checkpoint):
        return plain("reclaim.already_done", occasion=checkpoint.isoformat())
    return judge(state, rule, checkpoint, now)


def _noticed_occasion(
    state: AllocationState, rule: ExecutedRule, notice: Notice, now: Now
) -> date | None:
    if isinstance(rule, LowOccupancy):
        return now.day(notice.deadline)
    return latest(rule, starts=now.day(state.starts), until=now.day(notice.given_at))


def _done(state: AllocationState, rule: ExecutedRule, occasion: date) -> bool:
    return f"{rule.id}@{occasion.isoformat()}" in state.pulled_back


def _left(state: AllocationState, rule: ExecutedRule, why: Reason) -> Leave:
    """Nearly every intent is such a one, and the same as the day before."""
    params = tuple(why.params.items())
    return _left_as(state.allocation, rule.id, why.code, params)


@lru_cache(maxsize=KEPT)
def _left_as(
    allocation: str, rule: str, code: str, params: tuple[tuple[str, JsonValue], ...]
) -> Leave:
    return Leave(allocation=allocation, rule=rule, reason=Reason(code=code, params=dict(params)))


def _leave(state: AllocationState, rule: ExecutedRule, why: str, **params: str) -> Leave:
    return _left(state, rule, plain(f"reclaim.{why}", **params))
