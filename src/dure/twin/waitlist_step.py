"""The waitlist at a control step: `engine.waitlist` on what is free, as the hub calls it.

- A month is thirty days from now; what is promised at any time in it is not free in it.
- A project waits for its own pool; caps of a programme's sectors and regions are not played.
- A promotion is accepted on the day.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from dure.engine import waitlist
from dure.engine.allocation.facts import PoolOffer, Request, RoundPolicy, RoundSnapshot, Wish
from dure.engine.checks import waitlist as check
from dure.twin.setting import MONTH_S
from dure.vocabulary.plans import Violation

if TYPE_CHECKING:
    from dure.twin.control import Control
    from dure.twin.scenario import SitePool
    from dure.twin.standing import Standing

_RULES = RoundPolicy(policy="strict-rank")


def promote(control: Control, at_s: int) -> tuple[Violation, ...]:
    """Gives free servers to who waits, in order."""
    waiting = sorted(
        (one for one in control.register.standings if one.position), key=lambda one: one.position
    )
    if not waiting:
        return ()
    snapshot = _snapshot(control, waiting, at_s)
    if not waitlist.anybody_fits(snapshot):
        return ()
    plan = waitlist.plan(snapshot, _RULES, control.header("waitlist", at_s))
    wrong = check.violations(snapshot, _RULES, plan)
    if not wrong:
        standing_of = {one.project.key: one for one in waiting}
        for intent in plan.intents:
            if isinstance(intent, waitlist.Promote):
                _promote(control, standing_of[intent.application], intent, at_s)
    return wrong


def _promote(control: Control, standing: Standing, intent: waitlist.Promote, at_s: int) -> None:
    per_server = control.setting.pools[standing.project.pool].accelerators_per_node
    standing.promise(intent.servers, now_s=at_s, per_server=per_server, months=intent.months)
    control.register.note(at_s, "promote", standing, intent.servers)


def _snapshot(control: Control, waiting: list[Standing], at_s: int) -> RoundSnapshot:
    months = max(one.project.months for one in waiting)
    pools = control.setting.pools
    return RoundSnapshot(
        call="waitlist",
        months=months,
        requests=tuple(_request(one, rank, pools) for rank, one in enumerate(waiting, start=1)),
        offers=tuple(_offer(control, pool, months, at_s) for pool in range(len(pools))),
        programme_servers=sum(pool.servers for pool in pools),
    )


def _request(standing: Standing, rank: int, pools: tuple[SitePool, ...]) -> Request:
    project = standing.project
    return Request(
        application=project.key,
        organisation=project.key,
        region="",
        sector="any",
        track="any",
        size_class="any",
        wishes=(
            Wish(model=pools[project.pool].id, servers=project.asked, minimum=project.minimum),
        ),
        months=project.months,
        rank=rank,
        score=Fraction(1),
    )


def _offer(control: Control, pool: int, months: int, at_s: int) -> PoolOffer:
    spec = control.setting.pools[pool]
    held = [s for s in control.register.standings if s.project.pool == pool and s.servers]

    def free(month: int) -> int:
        since, until = at_s + month * MONTH_S, at_s + (month + 1) * MONTH_S
        promised = sum(s.servers for s in held if s.from_s < until and s.until_s > since)
        return max(0, spec.servers - promised)

    return PoolOffer(
        pool=spec.id,
        cluster=spec.id,
        model=spec.id,
        servers=tuple(free(month) for month in range(months)),
    )
