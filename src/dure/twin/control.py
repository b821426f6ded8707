"""A control step: the decisions that run live, on the twin's state, in the order of the hub's loop.

- Expiry, reclaim, waitlist, lending: `hub.loop.step`; on the day of a round the round before the
  waitlist. Each makes its facts, asks the decision, has the plan checked by the solver-free check,
  and only then applies it.
- Two people's acts are assumed: a pull-back is approved, and an award accepted, on the day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dure.backends import reconcile
from dure.engine.allocation import Outcome
from dure.engine.waitlist import Promote
from dure.twin import desired, lending_step, reclaim_step, rounds_step, waitlist_step
from dure.twin.policies import TwinPolicy
from dure.twin.project import MONTH_S
from dure.twin.setting import DAY_S, Setting
from dure.twin.site import Site
from dure.twin.standing import Register, Standing
from dure.vocabulary.plans import Header, Violation
from dure.vocabulary.programme.reclaim import ReclaimRule


class PlanRefused(RuntimeError):
    """A decision's plan breaks a rule of its check; the play stops, as the live part would."""

    def __init__(self, kind: str, wrong: Sequence[Violation]) -> None:
        said = "; ".join(f"{one.rule}: {one.detail}" for one in wrong)
        super().__init__(f"the {kind} plan was refused: {said}")


@dataclass(frozen=True, slots=True)
class Control:
    """What a step needs to know that does not change. `rules`: the reclaim rules in force."""

    setting: Setting
    policy: TwinPolicy
    rules: tuple[ReclaimRule, ...]
    sites: tuple[Site, ...]
    register: Register
    seed: int = 1

    def now(self, at_s: int) -> datetime:
        """The instant of a second of the play."""
        return self.setting.start + timedelta(seconds=at_s)

    def header(self, kind: str, at_s: int, *, seed: str = "") -> Header:
        """The next plan's number; each kind counts by itself."""
        number = self.register.plans[kind] = self.register.plans.get(kind, 0) + 1
        return Header(number=number, generation=0, now=self.now(at_s), seed=seed)

    def award(self, standing: Standing, given: Outcome | Promote, at_s: int, what: str) -> None:
        """What a plan gives becomes an allocation; its first month begins now."""
        standing.promise(
            given.servers,
            from_s=at_s + given.start * MONTH_S,
            per_server=self.setting.pools[standing.project.pool].accelerators_per_node,
            months=given.months,
        )
        self.register.note(at_s, what, standing, given.servers)


def rules_of(setting: Setting, policy: TwinPolicy) -> tuple[ReclaimRule, ...]:
    """The reclaim rules that this policy executes."""
    if policy.reclaim == "scenario":
        return setting.reclaim
    return () if policy.reclaim == "none" else policy.reclaim


def step(control: Control, at_s: int) -> None:
    """Everything that is decided at this instant; what the sites may do from now on."""
    _expire(control, at_s)
    reviews = bool(control.rules) and at_s % (DAY_S * control.policy.review_days) == 0
    if reviews:
        refuse("reclaim", reclaim_step.review(control, at_s))
    rounds = control.setting.rounds
    if rounds is not None and rounds_step.is_due(rounds, at_s):
        refuse("round", rounds_step.hold(control, rounds, at_s))
    if reviews:
        refuse("waitlist", waitlist_step.promote(control, at_s))
    if control.policy.lends:
        for pool, site in enumerate(control.sites):
            refuse("lending", lending_step.offer(control, pool, site, at_s))
    _bind(control, at_s)


def refuse(kind: str, wrong: Sequence[Violation]) -> None:
    """Stops the play where a check found something. Raises PlanRefused."""
    if wrong:
        raise PlanRefused(kind, wrong)


def _expire(control: Control, at_s: int) -> None:
    for standing in control.register.standings:
        if standing.servers and standing.until_s <= at_s:
            control.register.note(at_s, "expire", standing, standing.servers)
            standing.servers, standing.notice = 0, None


def _bind(control: Control, at_s: int) -> None:
    """What was decided reaches the sites: the document that agents pull, by the same difference."""
    for place, site in enumerate(control.sites):
        for change in reconcile.diff(desired.document(control, place, at_s), site.observed()):
            site.apply(change)
