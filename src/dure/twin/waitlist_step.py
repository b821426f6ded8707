"""The waitlist at a control step: `engine.waitlist` on what is free, as the hub calls it.

- The programme's cap on one organisation binds; its caps by sector and region are not played.
- A promotion is accepted on the day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dure.engine import waitlist
from dure.engine.checks import waitlist as check
from dure.twin.round_facts import asking
from dure.vocabulary.plans import Violation

if TYPE_CHECKING:
    from dure.twin.control import Control


def promote(control: Control, at_s: int) -> tuple[Violation, ...]:
    """Gives free servers to who waits, in order."""
    waiting = control.register.waiting()
    facts = asking(control, "waitlist", waiting, at_s) if waiting else None
    if facts is None or not waitlist.anybody_fits(facts.snapshot):
        return ()
    rules = control.setting.allotment
    plan = waitlist.plan(facts.snapshot, rules, control.header("waitlist", at_s))
    wrong = check.violations(facts.snapshot, rules, plan)
    if not wrong:
        for intent in plan.intents:
            if isinstance(intent, waitlist.Promote):
                control.award(facts.standings[intent.application], intent, at_s, "promote")
    return wrong
