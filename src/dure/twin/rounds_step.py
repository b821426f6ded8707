"""A round at a control step: `engine.allocation` on who has nothing yet, as the hub calls it.

- Held on the first day and every so many months after it, under every policy. Between rounds only
  policies with a waitlist give anything.
- It is over who applied that day and who still waits: those on the list from the beginning first,
  in its order, then applicants by score. Who gets nothing waits in this order; who has waited for
  too long gives up.
- A plan is approved, and an award accepted, on the day.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from dure.engine import allocation
from dure.engine.checks import allocation as check
from dure.twin.project import MONTH_S
from dure.twin.round_facts import asking
from dure.vocabulary.plans import Violation

if TYPE_CHECKING:
    from dure.twin.control import Control
    from dure.twin.scenario import Rounds
    from dure.twin.standing import Standing


def is_due(rounds: Rounds, at_s: int) -> bool:
    """Whether a round is held at this instant."""
    return at_s % (rounds.every_months * MONTH_S) == 0


def hold(control: Control, rounds: Rounds, at_s: int) -> tuple[Violation, ...]:
    """The round of this day."""
    ranked = _ranked(control, rounds, at_s)
    name = f"round-{at_s // (rounds.every_months * MONTH_S)}"
    facts = asking(control, name, ranked, at_s, latest=rounds.start_within_months)
    wrong: tuple[Violation, ...] = ()
    if facts is not None:
        rules = control.setting.allotment
        header = control.header("round", at_s, seed=f"{control.seed}/{name}")
        plan = allocation.plan(facts.snapshot, rules, header, effort=rounds.effort)
        wrong = check.violations(facts.snapshot, rules, plan)
        for outcome in () if wrong else plan.intents:
            if outcome.pool is not None:
                control.award(facts.standings[outcome.application], outcome, at_s, "award")
    unserved = (one for one in ranked if not one.servers)
    for position, standing in enumerate(unserved, start=1):
        standing.position = position
    return wrong


def _ranked(control: Control, rounds: Rounds, at_s: int) -> list[Standing]:
    for one in control.register.waiting():
        since = one.project.applies_s
        if since is not None and at_s - since >= rounds.keeps_months * MONTH_S:
            one.position = 0
            control.register.note(at_s, "give_up", one)
    coming = [one for one in control.register.standings if one.project.applies_s == at_s]
    return sorted([*control.register.waiting(), *coming], key=_rank)


def _rank(standing: Standing) -> tuple[bool, Fraction, int, str]:
    project = standing.project
    applicant = project.applies_s is not None
    return applicant, -project.score, 0 if applicant else standing.position, project.key
