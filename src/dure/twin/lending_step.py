"""Lending at a control step: `engine.lending` on one pool's state, as the hub calls it.

- Who waits comes first, in the waitlist's order, for as much as was applied for: the hub's facts.
- Behind them, owners may borrow beyond their entitlement, in the order of their use of the last
  days, the least first, for as much as their queues ask now. The hub does not offer them that yet;
  without it no pool is work-conserving once everybody has an allocation.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from dure.engine import lending
from dure.engine.checks import lending as check
from dure.vocabulary.plans import Violation
from dure.vocabulary.programme.money import Lending

if TYPE_CHECKING:
    from dure.twin.control import Control
    from dure.twin.site import Site
    from dure.twin.standing import Standing


def offer(control: Control, pool: int, site: Site, at_s: int) -> tuple[Violation, ...]:
    """Gives the pool's lending rights for the time until the next step."""
    policy = control.setting.lending
    snapshot = lending.LendingSnapshot(
        pools=(_pool_state(control, site, at_s),),
        borrowers=tuple(_borrowers(control, site)),
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


def _pool_state(control: Control, site: Site, at_s: int) -> lending.PoolState:
    standings = (control.register.standings[index] for index in site.projects)
    promised = sum(one.servers for one in standings if one.holds_at(at_s))
    up = site.up
    return lending.PoolState(
        pool=site.pool.id,
        cluster=site.pool.id,
        model=site.pool.id,
        up=up,
        entitled=min(promised * site.pool.accelerators_per_node, up),
        used=min(site.owners_use, up),
    )


def _borrowers(control: Control, site: Site) -> Iterator[lending.Borrower]:
    standings = [control.register.standings[index] for index in site.projects]
    queued = site.queued().tolist()
    waiting = [place for place, one in enumerate(standings) if one.position]
    waiting.sort(key=lambda place: standings[place].position)
    state = site.world.state
    used = (state.owner_as + state.lent_as).tolist()
    owners = [place for place, one in enumerate(standings) if not one.position and queued[place]]
    owners.sort(key=lambda place: (used[place], place))
    for number, place in enumerate([*waiting, *owners], start=1):
        asked = standings[place].project.asked * site.pool.accelerators_per_node
        yield _borrower(
            control,
            site,
            standings[place],
            place,
            position=number,
            asked=asked if standings[place].position else queued[place],
        )


def _borrower(
    control: Control, site: Site, standing: Standing, place: int, *, position: int, asked: int
) -> lending.Borrower:
    row = int(site.world.state.take_backs[place])
    until_s = int(site.world.state.backoff_until_s[place])
    taken_at = None
    if row:
        taken_at = control.now(until_s) - timedelta(seconds=_pause_s(control.setting.lending, row))
    return lending.Borrower(
        project=standing.project.key,
        application=standing.project.key,
        position=position,
        models=(site.pool.id,),
        accelerators=asked,
        taken_back_at=taken_at,
        take_backs=row,
        taken_back_pool=site.pool.id if row else None,
    )


def _pause_s(policy: Lending, row: int) -> int:
    """How long the kernel's pause after the last take-back was."""
    return int(min(policy.backoff_s * 2 ** min(row - 1, 30), policy.backoff_cap_s))
