"""Reclaim at a control step: `engine.reclaim` on the twin's days of use, as the hub calls it.

- A day's use is what the kernel counted as guaranteed; the twin always has the metric.
- A pull-back is approved on the day: servers go at once, whoever runs there finishes. One that
  takes hours alone is counted, and the servers stay.
- A project's own plan of use is not known: it is even over the term.
- The facts of an allocation are checked when it is promised or changed; a day that ended adds
  figures of our own to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dure.engine import reclaim
from dure.engine.checks import reclaim as check
from dure.vocabulary.plans import Violation

if TYPE_CHECKING:
    from dure.twin.control import Control
    from dure.twin.standing import Standing

Act = reclaim.Notify | reclaim.Withdraw | reclaim.PullBack


def review(control: Control, at_s: int) -> tuple[Violation, ...]:
    """Notices, withdrawals and pull-backs of this day."""
    held = {one.project.key: one for one in control.register.standings if one.servers}
    snapshot = reclaim.ReclaimSnapshot.model_construct(
        zone=control.setting.zone.key,
        allocations=tuple(_state(control, one, at_s) for one in held.values()),
    )
    plan = reclaim.plan(snapshot, control.rules, control.header("reclaim", at_s))
    wrong = check.violations(snapshot, control.rules, plan)
    if not wrong:
        for intent in plan.intents:
            if not isinstance(intent, reclaim.Leave):
                _apply(control, held[intent.allocation], intent, at_s)
    return wrong


def _state(control: Control, standing: Standing, at_s: int) -> reclaim.AllocationState:
    if standing.state is None:
        standing.state = _fresh(control, standing)
    passed = max(0, at_s - standing.from_s)
    return standing.state.model_copy(
        update={
            "balance": max(0, standing.awarded - standing.used - standing.taken),
            "used": standing.used,
            "planned_to_date": standing.awarded * passed // (standing.until_s - standing.from_s),
            "days": tuple(standing.days),
        }
    )


def _fresh(control: Control, standing: Standing) -> reclaim.AllocationState:
    pool = control.setting.pools[standing.project.pool]
    return reclaim.AllocationState(
        allocation=standing.project.key,
        project=standing.project.key,
        pool=pool.id,
        servers=standing.servers,
        accelerators_per_server=pool.accelerators_per_node,
        starts=control.now(standing.from_s),
        ends=control.now(standing.until_s),
        awarded=standing.awarded,
        balance=0,
        used=0,
        notice=standing.notice,
        pulled_back=standing.pulled_back,
    )


def _apply(control: Control, standing: Standing, intent: Act, at_s: int) -> None:
    standing.state = None
    match intent:
        case reclaim.Notify():
            standing.notice = reclaim.Notice(
                rule=intent.rule, given_at=control.now(at_s), deadline=intent.deadline
            )
            control.register.note(at_s, "notice", standing, intent.would_remove_servers)
        case reclaim.Withdraw():
            standing.notice = None
            control.register.note(at_s, "withdraw", standing)
        case reclaim.PullBack():
            standing.notice = None
            standing.servers = intent.to_servers
            standing.taken += intent.removed
            standing.pulled_back += (f"{intent.rule}@{intent.occasion}",)
            control.register.note(at_s, "pull_back", standing, intent.freed_servers)
