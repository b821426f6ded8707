"""The facts of rounds and of the waitlist: who asks for what, and what the pools have free.

- A month is thirty days from now; what is promised at any time in it is not free in it.
- A project asks for its own pool, which is a model of its own, and is an organisation of its own.
- Who needs more than its pool has free could be served by no plan, as room only shrinks in one:
  the decision is not asked about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from dure.engine.allocation.facts import Monthly, PoolOffer, Request, RoundSnapshot, Wish
from dure.twin.project import MONTH_S

if TYPE_CHECKING:
    from dure.twin.control import Control
    from dure.twin.standing import Standing


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, in the order of rank, and the facts of those who could be served."""

    standings: dict[str, Standing]
    snapshot: RoundSnapshot


def asking(
    control: Control, name: str, ranked: Sequence[Standing], at_s: int, *, latest: int = 0
) -> Asking | None:
    """The facts of a decision over these, the best rank first; None where nobody could be served.

    `latest`: the last month that an award may start in.
    """
    spare = _free_now(control, at_s)
    ranked = [one for one in ranked if latest or one.project.minimum <= spare[one.project.pool]]
    if not ranked:
        return None
    months = max(one.project.months for one in ranked) + latest
    free = [_free(control, pool, months, at_s) for pool in range(len(control.sites))]
    could = [
        (rank, one)
        for rank, one in enumerate(ranked, start=1)
        if _fits(one, free[one.project.pool], latest)
    ]
    if not could:
        return None
    pools = control.setting.pools
    snapshot = RoundSnapshot(
        call=name,
        months=months,
        requests=tuple(_request(control, one, rank, latest) for rank, one in could),
        offers=tuple(
            PoolOffer(pool=pool.id, cluster=pool.id, model=pool.id, servers=servers)
            for pool, servers in zip(pools, free, strict=True)
        ),
        programme_servers=sum(pool.servers for pool in pools),
    )
    return Asking({one.project.key: one for _rank, one in could}, snapshot)


def _fits(standing: Standing, free: Monthly, latest: int) -> bool:
    project = standing.project
    starts = range(latest + 1)
    return any(min(free[m : m + project.months]) >= project.minimum for m in starts)


def _free_now(control: Control, at_s: int) -> list[int]:
    """By pool: what is promised to nobody at this instant; no month has more."""
    spare = [pool.servers for pool in control.setting.pools]
    for one in control.register.standings:
        if one.servers and one.from_s <= at_s < one.until_s:
            spare[one.project.pool] -= one.servers
    return spare


def _free(control: Control, pool: int, months: int, at_s: int) -> Monthly:
    """What is free in each of the coming months."""
    promised = [0] * months
    for one in control.register.standings:
        if one.servers and one.project.pool == pool and one.until_s > at_s:
            first = max(0, one.from_s - at_s) // MONTH_S
            after = -(-(one.until_s - at_s) // MONTH_S)
            for month in range(first, min(months, after)):
                promised[month] += one.servers
    whole = control.setting.pools[pool].servers
    return tuple(max(0, whole - servers) for servers in promised)


def _request(control: Control, standing: Standing, rank: int, latest: int) -> Request:
    project = standing.project
    model = control.setting.pools[project.pool].id
    return Request(
        application=project.key,
        organisation=project.key,
        region="",
        sector="any",
        track="any",
        size_class="any",
        wishes=(Wish(model=model, servers=project.asked, minimum=project.minimum),),
        months=project.months,
        latest=latest,
        rank=rank,
        score=project.score or Fraction(1),
    )
