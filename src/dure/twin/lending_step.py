"""Lending at a control step: `engine.lending` on one pool, as the hub calls it.

- Who waits for the pool and who holds servers of it may borrow; what was borrowed of late is what
  was on loan in the last whole week.
- The decision is asked again when its facts have changed: it knows no other time than theirs.
- The pause after a take-back is kept by the site's own engine, to the second: a project that
  pauses at the instant of a step would otherwise come last until the next.
- Rights are the programme's: they reach the site with the document of the step.
"""

from __future__ import annotations

import calendar
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dure.engine import lending
from dure.engine.checks import lending as check
from dure.twin.setting import DAY_S
from dure.vocabulary.plans import Violation

Facts = tuple[int, int, int, int]

if TYPE_CHECKING:
    from dure.twin.control import Control
    from dure.twin.site import Site


def offer(control: Control, pool: int, site: Site, at_s: int) -> tuple[Violation, ...]:
    """Gives the pool's lending rights for the time until the next step."""
    facts = tuple(_facts(control, pool, site, at_s))
    if facts == control.register.borrowing.get(pool):
        return ()
    snapshot = _snapshot(control, pool, site, facts)
    policy = control.setting.lending
    plan = lending.plan(snapshot, policy, control.header("lending", at_s))
    wrong = check.violations(snapshot, policy, plan)
    if not wrong:
        control.register.borrowing[pool] = facts
        _apply(control, pool, plan)
    return wrong


def _apply(control: Control, pool: int, plan: lending.LendingPlan) -> None:
    lends = [intent for intent in plan.intents if isinstance(intent, lending.Lend)]
    control.register.rights[pool] = tuple(lends)
    control.register.lent[pool] = {(one.project, one.pool) for one in lends}


def _facts(control: Control, pool: int, site: Site, at_s: int) -> Iterator[Facts]:
    """Of each project that may borrow: its number, position, servers and what it borrowed."""
    borrowed = _borrowed(control, pool, site, at_s)
    for place, index in enumerate(site.projects):
        standing = control.register.standings[index]
        servers = standing.project.asked if standing.position else standing.servers
        if standing.position or standing.holds_at(at_s):
            yield index, standing.position, servers, borrowed[place]


def _borrowed(control: Control, pool: int, site: Site, at_s: int) -> list[int]:
    """By account: accelerator-seconds on loan in the last whole week, from Monday to Sunday."""
    weeks = control.register.borrowed.setdefault(pool, deque(maxlen=2))
    if not weeks or (at_s % DAY_S == 0 and control.now(at_s).weekday() == calendar.MONDAY):
        weeks.append(site.world.state.lent_as.copy())
    borrowed: list[int] = (weeks[-1] - weeks[0]).tolist()
    return borrowed


def _snapshot(
    control: Control, pool: int, site: Site, facts: tuple[Facts, ...]
) -> lending.LendingSnapshot:
    size = site.pool.accelerators_per_node
    whole = lending.PoolState(
        pool=site.pool.id, model=site.pool.id, accelerators=site.pool.nodes * size
    )
    return lending.LendingSnapshot(
        pools=(whole,),
        borrowers=tuple(
            lending.Borrower(
                project=control.register.standings[index].project.key,
                position=position or None,
                models=(site.pool.id,),
                asked=servers * size,
                borrowed=borrowed,
            )
            for index, position, servers, borrowed in facts
        ),
        lent=tuple(sorted(control.register.lent.get(pool, ()))),
    )
