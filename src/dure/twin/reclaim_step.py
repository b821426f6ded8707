"""Reclaim at a control step: `engine.reclaim` on the twin's days of use, as the hub calls it.

- A day's use is what the kernel counted as guaranteed; the twin always has the metric.
- A pull-back is approved on the day: servers go at once, whoever runs there finishes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dure.engine import reclaim
from dure.engine.checks import reclaim as check
from dure.vocabulary.plans import Violation

if TYPE_CHECKING:
    from dure.twin.control import Control
    from dure.twin.standing import Standing


def review(control: Control, at_s: int) -> tuple[Violation, ...]:
    """Notices, withdrawals and pull-backs of this day."""
    held = {one.project.key: one for one in control.register.standings if one.servers}
    snapshot = reclaim.ReclaimSnapshot(
        zone=control.setting.zone.key,
        allocations=tuple(_state(control, one) for one in held.values()),
    )
    plan = reclaim.plan(snapshot, control.rules, control.header("reclaim", at_s))
    wrong = check.violations(snapshot, control.rules, plan)
    if not wrong:
        for intent in plan.intents:
            _apply(control, held[intent.allocation], intent, at_s)
    return wrong


def _state(control: Control, standing: Standing) -> reclaim.AllocationState:
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
        balance=max(0, standing.awarded - standing.used - standing.taken),
        used=standing.used,
        days=tuple(standing.days),
        notice=standing.notice,
        pulled_back=standing.pulled_back,
    )


def _apply(control: Control, standing: Standing, intent: reclaim.ReclaimIntent, at_s: int) -> None:
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
        case reclaim.Leave():
            pass
