"""Lending at a control step: `engine.lending` on one pool, as the hub calls it.

- Who waits for the pool and who holds servers of it may borrow; what was borrowed of late is what
  was on loan over the last seven whole days.
- The pause after a take-back is kept by the site's own engine, to the second: a project that
  pauses at the instant of a step would otherwise come last until the next.
- Rights are the programme's: they reach the site with the document of the step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from dure.engine import lending
from dure.engine.checks import lending as check
from dure.twin.setting import DAY_S
from dure.vocabulary.plans import Violation

if TYPE_CHECKING:
    from dure.twin.control import Control
    from dure.twin.site import Site

REMEMBERED_DAYS: Final = 7
"""As the hub: see `hub.allocations.lending`."""


def offer(control: Control, pool: int, site: Site, at_s: int) -> tuple[Violation, ...]:
    """Gives the pool's lending rights for the time until the next step."""
    policy = control.setting.lending
    snapshot = lending.LendingSnapshot(
        pools=(
            lending.PoolState(
                pool=site.pool.id,
                model=site.pool.id,
                accelerators=site.pool.nodes * site.pool.accelerators_per_node,
            ),
        ),
        borrowers=tuple(_borrowers(control, pool, site, at_s)),
        lent=tuple(sorted(control.register.lent.get(pool, ()))),
    )
    plan = lending.plan(snapshot, policy, control.header("lending", at_s))
    wrong = check.violations(snapshot, policy, plan)
    if not wrong:
        _apply(control, pool, plan)
    return wrong


def _apply(control: Control, pool: int, plan: lending.LendingPlan) -> None:
    lends = [intent for intent in plan.intents if isinstance(intent, lending.Lend)]
    control.register.rights[pool] = tuple(lends)
    control.register.lent[pool] = {(one.project, one.pool) for one in lends}


def _borrowers(control: Control, pool: int, site: Site, at_s: int) -> Iterator[lending.Borrower]:
    borrowed = _borrowed(control, pool, site, at_s)
    for place, index in enumerate(site.projects):
        standing = control.register.standings[index]
        servers = standing.project.asked if standing.position else standing.servers
        if standing.position or standing.holds_at(at_s):
            yield lending.Borrower(
                project=standing.project.key,
                position=standing.position or None,
                models=(site.pool.id,),
                asked=servers * site.pool.accelerators_per_node,
                borrowed=borrowed[place],
            )


def _borrowed(control: Control, pool: int, site: Site, at_s: int) -> list[int]:
    """By account: accelerator-seconds on loan over the last whole days."""
    days = control.register.borrowed.setdefault(pool, deque(maxlen=REMEMBERED_DAYS + 1))
    if not days or at_s % DAY_S == 0:
        days.append(site.world.state.lent_as.copy())
    borrowed: list[int] = (days[-1] - days[0]).tolist()
    return borrowed
