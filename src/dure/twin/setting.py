"""A scenario with its names resolved: pools in order, projects with their homes, the rules.

- A programme file gives its pools (all clusters, programme's part of the nodes), its lending and
  its reclaim rules; the scenario's own rules stand instead of them where it writes any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from dure.twin.scenario import EqualShares, Scenario, SitePool
from dure.vocabulary.programme import Programme
from dure.vocabulary.programme.money import Lending
from dure.vocabulary.programme.reclaim import ReclaimRule

DAY_S: Final = 86_400
MONTH_S: Final = 30 * DAY_S
"""A month of the twin: thirty days, wherever an allocation is counted in months."""

LoadProgramme = Callable[[str], Programme]


class UnableToSet(ValueError):
    """The scenario's parts do not fit each other; the message says which and what to write."""


@dataclass(frozen=True, slots=True)
class Project:
    """One project at its pool. `servers` 0: it waits, for `asked`, in the order of `position`."""

    key: str
    pool: int
    servers: int
    asked: int
    minimum: int
    months: int
    from_s: int
    until_s: int
    position: int = 0


@dataclass(frozen=True, slots=True)
class Setting:
    pools: tuple[SitePool, ...]
    projects: tuple[Project, ...]
    lending: Lending
    reclaim: tuple[ReclaimRule, ...]
    zone: ZoneInfo
    start: datetime
    days: int
    folder: Path

    def capacity_of(self, pool: int) -> int:
        """Accelerators of one pool."""
        return self.pools[pool].nodes * self.pools[pool].accelerators_per_node

    @property
    def capacity(self) -> int:
        """Accelerators of all pools."""
        return sum(self.capacity_of(pool) for pool in range(len(self.pools)))


def setting_of(scenario: Scenario, *, folder: Path, programmes: LoadProgramme) -> Setting:
    """Everything a play needs but its jobs. Raises UnableToSet, and what `programmes` raises."""
    programme = None
    if scenario.supply.programme is not None:
        programme = programmes(scenario.supply.programme)
    pools = scenario.supply.pools or (tuple(_pools(programme)) if programme else ())
    days = scenario.days
    projects = tuple(_projects(scenario, pools))
    _check(pools, projects)
    zone = ZoneInfo(programme.time_zone if programme else scenario.time_zone)
    own_rules = programme.reclaim if programme else ()
    own_lending = programme.lending if programme else Lending()
    return Setting(
        pools=pools,
        projects=projects,
        lending=own_lending if scenario.lending is None else scenario.lending,
        reclaim=own_rules if scenario.reclaim is None else scenario.reclaim,
        zone=zone,
        start=datetime.combine(scenario.starts, time(), tzinfo=zone),
        days=days,
        folder=folder,
    )


def _pools(programme: Programme) -> Iterator[SitePool]:
    for provider in programme.providers:
        for site in provider.sites:
            for cluster in site.clusters:
                for pool in cluster.pools:
                    if pool.arrangement != "rehearsal" and pool.awardable_nodes:
                        yield SitePool(
                            id=pool.id,
                            nodes=pool.programme_nodes,
                            accelerators_per_node=pool.accelerators_per_node,
                            spare_nodes=pool.spare_nodes,
                        )


def _projects(scenario: Scenario, pools: tuple[SitePool, ...]) -> Iterator[Project]:
    if scenario.allocations.equal_shares is not None:
        for pool in range(len(pools)):
            yield from _equal(scenario.allocations.equal_shares, pools, pool, scenario.days)
        return
    places = {pool.id: index for index, pool in enumerate(pools)}
    end_s = scenario.days * DAY_S
    for one in scenario.allocations.given:
        until = end_s if one.until_day is None else one.until_day * DAY_S
        if until <= one.from_day * DAY_S:
            msg = f"project {one.project!r} ends on day {one.until_day}, not after it starts"
            raise UnableToSet(msg)
        months = max(1, -(-(until - one.from_day * DAY_S) // MONTH_S))
        home = _place(places, one.pool, one.project)
        yield Project(
            key=one.project, pool=home, servers=one.servers, asked=one.servers,
            minimum=one.servers, months=months, from_s=one.from_day * DAY_S, until_s=until,
        )  # fmt: skip
    for position, wish in enumerate(scenario.allocations.waiting, start=1):
        yield Project(
            key=wish.project, pool=_place(places, wish.pool, wish.project), servers=0,
            asked=wish.servers, minimum=wish.minimum or wish.servers, months=wish.months,
            from_s=0, until_s=0, position=position,
        )  # fmt: skip


def _place(places: dict[str, int], pool: str, project: str) -> int:
    if pool not in places:
        known = ", ".join(sorted(places))
        msg = f"project {project!r}: there is no pool {pool!r}; the supply has {known}"
        raise UnableToSet(msg)
    return places[pool]


def _equal(
    shares: EqualShares, pools: tuple[SitePool, ...], pool: int, days: int
) -> Iterator[Project]:
    name = pools[pool].id
    each = int(pools[pool].servers * shares.of) // shares.projects
    if each == 0:
        msg = (
            f"pool {name!r}: {pools[pool].servers} servers are too few for {shares.projects}"
            f" projects; write fewer 'projects'"
        )
        raise UnableToSet(msg)
    for number in range(1, shares.projects + 1):
        yield Project(
            key=f"{name}.p{number:03d}", pool=pool, servers=each, asked=each, minimum=each,
            months=max(1, -(-days * DAY_S // MONTH_S)), from_s=0, until_s=days * DAY_S,
        )  # fmt: skip
    for number in range(1, shares.waiting + 1):
        yield Project(
            key=f"{name}.w{number:03d}", pool=pool, servers=0, asked=each, minimum=1,
            months=shares.months, from_s=0, until_s=0, position=number * len(pools) + pool,
        )  # fmt: skip


def _check(pools: tuple[SitePool, ...], projects: tuple[Project, ...]) -> None:
    for index, pool in enumerate(pools):
        held = [p for p in projects if p.pool == index and p.servers]
        for at in {p.from_s for p in held}:
            given = sum(p.servers for p in held if p.from_s <= at < p.until_s)
            if given > pool.servers:
                msg = (
                    f"pool {pool.id!r}: {given} servers are given on day {at // DAY_S},"
                    f" but it has {pool.servers} to give"
                )
                raise UnableToSet(msg)
