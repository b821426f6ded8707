"""A scenario with its names resolved: pools in order, projects with their homes, the rules.

- A programme file gives its pools (all clusters, programme's part of the nodes), its lending and
  its reclaim rules; the scenario's own rules stand instead of them where it writes any.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

from dure.engine.allocation import Group, RoundPolicy
from dure.twin import round_file
from dure.twin.applicants import applicants
from dure.twin.energy import Draw, of_data_sheet
from dure.twin.notes import Note, programme_notes, scenario_notes
from dure.twin.project import DAY_S, MONTH_S, Project
from dure.twin.scenario import (
    EqualShares,
    GivenAllocation,
    Rounds,
    Scenario,
    SitePool,
    Waiting,
)
from dure.vocabulary.programme import Programme
from dure.vocabulary.programme.money import Lending
from dure.vocabulary.programme.reclaim import ReclaimRule

__all__ = ["DAY_S", "MONTH_S", "LoadProgramme", "Project", "Setting", "UnableToSet", "setting_of"]

LoadProgramme = Callable[[str], Programme]


class UnableToSet(ValueError):
    """The scenario's parts do not fit each other; the message says which and what to write."""


@dataclass(frozen=True, slots=True)
class Setting:
    pools: tuple[SitePool, ...]
    projects: tuple[Project, ...]
    lending: Lending
    reclaim: tuple[ReclaimRule, ...]
    rounds: Rounds | None
    allotment: RoundPolicy
    notes: tuple[Note, ...]
    zone: ZoneInfo
    start: datetime
    days: int
    folder: Path

    def capacity_of(self, pool: int) -> int:
        """Accelerators of one pool."""
        return self.pools[pool].nodes * self.pools[pool].accelerators_per_node

    def per_node_of(self, pool: int) -> int:
        """Accelerators of one of the pool's nodes."""
        return self.pools[pool].accelerators_per_node

    @property
    def capacity(self) -> int:
        """Accelerators of all pools."""
        return sum(self.capacity_of(pool) for pool in range(len(self.pools)))


def setting_of(
    scenario: Scenario, *, folder: Path, programmes: LoadProgramme, seed: int = 1
) -> Setting:
    """Everything a play needs but its jobs; who applies later is drawn from the seed.

    Raises UnableToSet, RoundFileError, OSError, and what `programmes` raises.
    """
    programme = None
    if scenario.supply.programme is not None:
        programme = programmes(scenario.supply.programme)
    pools = scenario.supply.pools or (
        tuple(_metered(_pools(programme), scenario.supply.energy)) if programme else ()
    )
    zone = ZoneInfo(programme.time_zone if programme else scenario.time_zone)
    start = datetime.combine(scenario.starts, time(), tzinfo=zone)
    given = _given(scenario, pools, folder, start)
    projects = (*given.projects, *_later(scenario, pools, seed))
    _check(pools, projects)
    own_rules = programme.reclaim if programme else ()
    own_lending = programme.lending if programme else Lending()
    rules = own_rules if scenario.reclaim is None else scenario.reclaim
    return Setting(
        pools=pools,
        projects=projects,
        lending=own_lending if scenario.lending is None else scenario.lending,
        reclaim=rules,
        rounds=scenario.allocations.rounds,
        allotment=_allotment(programme),
        notes=(
            *given.notes,
            *programme_notes(programme, start.date()),
            *scenario_notes(rules),
        ),
        zone=zone,
        start=start,
        days=scenario.days,
        folder=folder,
    )


def _allotment(programme: Programme | None) -> RoundPolicy:
    """How rounds choose. A project is an organisation of its own; other caps are not played."""
    if programme is None:
        return RoundPolicy()
    asked = programme.allotment
    cap = asked.organisation_cap
    groups = () if cap is None else (_each_at_most(cap),)
    return RoundPolicy(policy=asked.policy, groups=groups, lottery_bands=asked.lottery_bands)


def _each_at_most(servers: int) -> Group:
    return Group(
        group="organisation_cap", kind="organisation_cap", each="organisation", most=servers
    )


def _pools(programme: Programme) -> Iterator[SitePool]:
    models = {model.id: model for model in programme.accelerators}
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
                            energy=of_data_sheet(models[pool.model], pool.accelerators_per_node),
                        )


def _metered(pools: Iterator[SitePool], draws: dict[str, Draw]) -> Iterator[SitePool]:
    """The pools with what they draw where that was measured. Raises UnableToSet."""
    known = {pool.id: pool for pool in pools}
    for name in sorted(draws.keys() - known.keys()):
        msg = f"'energy' names pool {name!r}; the programme has {', '.join(sorted(known))}"
        raise UnableToSet(msg)
    for pool in known.values():
        yield pool.model_copy(update={"energy": draws.get(pool.id, pool.energy)})


def _given(
    scenario: Scenario, pools: tuple[SitePool, ...], folder: Path, start: datetime
) -> round_file.Given:
    """Who is there from the beginning."""
    asked = scenario.allocations
    waiting = tuple(_waiting(asked.waiting, pools))
    if asked.round is not None:
        found = round_file.read(folder / asked.round, pools=pools, start=start, days=scenario.days)
        return round_file.Given((*found.projects, *waiting), found.notes)
    if asked.equal_shares is None:
        return round_file.Given((*_projects(asked.given, pools, scenario.days), *waiting), ())
    shares = asked.equal_shares
    equal = (_equal(shares, pools, pool, scenario.days) for pool in range(len(pools)))
    return round_file.Given(tuple(chain.from_iterable(equal)), ())


def _later(scenario: Scenario, pools: tuple[SitePool, ...], seed: int) -> Iterator[Project]:
    rounds = scenario.allocations.rounds
    if rounds is not None and rounds.applications:
        yield from applicants(rounds, pools, days=scenario.days, seed=seed)


def _projects(
    given: tuple[GivenAllocation, ...], pools: tuple[SitePool, ...], days: int
) -> Iterator[Project]:
    places = {pool.id: index for index, pool in enumerate(pools)}
    for one in given:
        until = days * DAY_S if one.until_day is None else one.until_day * DAY_S
        if until <= one.from_day * DAY_S:
            msg = f"project {one.project!r} ends on day {one.until_day}, not after it starts"
            raise UnableToSet(msg)
        months = max(1, -(-(until - one.from_day * DAY_S) // MONTH_S))
        home = _place(places, one.pool, one.project)
        yield Project(
            key=one.project, pool=home, servers=one.servers, asked=one.servers,
            minimum=one.servers, months=months, from_s=one.from_day * DAY_S, until_s=until,
        )  # fmt: skip


def _waiting(waiting: tuple[Waiting, ...], pools: tuple[SitePool, ...]) -> Iterator[Project]:
    places = {pool.id: index for index, pool in enumerate(pools)}
    for position, wish in enumerate(waiting, start=1):
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
    twice = [name for name, count in Counter(p.key for p in projects).items() if count > 1]
    if twice:
        msg = f"project {min(twice)!r} stands here more than once; rename one"
        raise UnableToSet(msg)
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
