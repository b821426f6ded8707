"""What a twin is asked to play: supply, allocations, demand, failures, days, policies, seeds.

- A project has its home on one pool: its jobs are submitted there and nowhere else.
- The sum of a pool's allocations never exceeds its nodes less spares at the start.
- Every field that has a default says where the default comes from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from dure.engine.allocation import Effort
from dure.twin.energy import Draw
from dure.twin.policies import DEFAULT, PolicyName
from dure.twin.profiles import ProfileName
from dure.vocabulary.frozen import Frozen, Text
from dure.vocabulary.programme.money import Lending
from dure.vocabulary.programme.reclaim import ReclaimRule
from dure.vocabulary.programme.types import Exact, Key, Portion, TimeZone

HOURS_A_DAY = 24


class SitePool(Frozen):
    """Nodes alike on one cluster."""

    id: Key
    nodes: int = Field(gt=0, le=20_000)
    accelerators_per_node: int = Field(default=8, gt=0, le=64)
    spare_nodes: int = Field(default=0, ge=0)
    energy: Draw | None = None

    @model_validator(mode="after")
    def _has_room(self) -> SitePool:
        if self.spare_nodes >= self.nodes:
            msg = f"{self.spare_nodes} spares leave nothing of the pool's {self.nodes} nodes"
            raise ValueError(msg)
        return self

    @property
    def servers(self) -> int:
        """Nodes that may be promised."""
        return self.nodes - self.spare_nodes


class Supply(Frozen):
    """Pools written here, or those of a programme file, which also brings its rules.

    `energy`: what the nodes of each pool of the programme draw, where it was measured.
    """

    programme: str | None = None
    pools: tuple[SitePool, ...] = ()
    energy: dict[Key, Draw] = {}

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Supply:
        if (self.programme is None) == (not self.pools):
            raise ValueError("write either 'programme' or a list of 'pools'")
        if self.energy and self.pools:
            raise ValueError("write 'energy' at each pool")
        return self


class _Home(Frozen):
    """A project and the pool that it has its home on."""

    project: Key
    pool: Key


class GivenAllocation(_Home):
    """One project's servers of one pool, over days of the play."""

    servers: int = Field(gt=0)
    from_day: int = Field(default=0, ge=0)
    until_day: int | None = Field(default=None, gt=0)


class Waiting(_Home):
    """A project on the waitlist; the first written is the first in line."""

    servers: int = Field(gt=0)
    minimum: int | None = Field(default=None, gt=0)
    months: int = Field(default=6, gt=0, le=36)


class EqualShares(Frozen):
    """So many projects on each pool with equal servers, and so many that wait for as much."""

    projects: int = Field(gt=0)
    of: Portion = Fraction(1)
    waiting: int = Field(default=0, ge=0)
    months: int = Field(default=6, gt=0, le=36)


def _odds(written: dict[int, int]) -> dict[int, int]:
    if not written or min(written) < 1 or min(written.values()) < 0 or not any(written.values()):
        raise ValueError("write 'how many: how often', both whole numbers")
    return written


Odds = Annotated[dict[int, int], AfterValidator(_odds)]
"""How many: how often, in any unit."""


class Rounds(Frozen):
    """Every so many months so many apply, and a round decides among all who have nothing yet.

    Servers: about 3.3 on average, as in round 1 of Korea's programme of 2026 (514 applications for
    1,714 servers). The other figures are ours. `reducible`: this share of the applicants takes half
    of what it asks for. Who got nothing for `keeps_months` gives up.
    """

    every_months: int = Field(default=1, gt=0, le=12)
    applications: int = Field(default=40, ge=0, le=2000)
    servers: Odds = {1: 45, 2: 25, 4: 15, 8: 10, 16: 4, 32: 1}
    months: Odds = {3: 1, 6: 2, 12: 1}
    reducible: Portion = Fraction(0)
    start_within_months: int = Field(default=0, ge=0, le=12)
    keeps_months: int = Field(default=6, gt=0, le=36)
    effort: Effort = "by_place"


class Allocations(Frozen):
    """What stands on the first day, and how more is given later.

    `round`: what `dure round show CALL --json` printed, in a file beside the scenario.
    """

    equal_shares: EqualShares | None = None
    given: tuple[GivenAllocation, ...] = ()
    round: str | None = None
    waiting: tuple[Waiting, ...] = ()
    rounds: Rounds | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Allocations:
        sources = [self.equal_shares is not None, bool(self.given), self.round is not None]
        if sum(sources) > 1 or (not any(sources) and self.rounds is None):
            raise ValueError("write one of 'equal_shares', 'given' and 'round', or only 'rounds'")
        if not (any(sources) or self.waiting or (self.rounds and self.rounds.applications)):
            raise ValueError("'rounds' without 'applications' need somebody who waits")
        if self.equal_shares is not None and self.waiting:
            raise ValueError("with 'equal_shares', write how many wait inside it")
        return self

    @model_validator(mode="after")
    def _each_project_once(self) -> Allocations:
        homes: tuple[_Home, ...] = (*self.given, *self.waiting)
        names = Counter(one.project for one in homes)
        twice = sorted(name for name, count in names.items() if count > 1)
        if twice:
            msg = f"project {twice[0]!r} stands here more than once"
            raise ValueError(msg)
        return self


class Synthetic(Frozen):
    """Jobs drawn from simple laws. `load` is of the capacity; projects have on and off weeks.

    The defaults' shape follows Helios Venus 2020 (widths in powers of two, run times lognormal,
    few long jobs holding most accelerator-time); the figures are ours.
    """

    load: Exact = Field(default=Fraction(4, 5), gt=0, le=4)
    median_run_minutes: int = Field(default=60, gt=0)
    spread: Exact = Field(default=Fraction(3, 2), gt=0, le=3)
    widths: Odds = {1: 50, 2: 10, 4: 12, 8: 20, 16: 5, 32: 3}
    night: Portion = Fraction(1, 2)
    idle_weeks: Portion = Fraction(1, 3)


class FromTrace(Frozen):
    """A trace played as recorded. Accounts become projects, the largest first."""

    file: str
    zone: str | None = None
    load: Exact | None = Field(default=None, gt=0, le=4)


class FromFit(Frozen):
    """Jobs like those of a trace, for any number of days."""

    file: str
    zone: str | None = None
    load: Exact = Field(gt=0, le=4)


class Demand(Frozen):
    """Exactly one source of jobs; and how jobs save their progress.

    The checkpoint interval is our assumption where a scenario does not say it; `save_s` -1: a job
    cannot save on notice.
    """

    synthetic: Synthetic | None = None
    trace: FromTrace | None = None
    fitted: FromFit | None = None
    checkpoint_minutes: int = Field(default=60, ge=0)
    save_s: int = Field(default=-1, ge=-1)
    restart_s: int = Field(default=120, ge=0)

    @model_validator(mode="after")
    def _one_source(self) -> Demand:
        if sum(one is not None for one in (self.synthetic, self.trace, self.fitted)) != 1:
            raise ValueError("write one of 'synthetic', 'trace' and 'fitted'")
        return self


class BadNodes(Frozen):
    """This share of the nodes has that share of the failures."""

    nodes: Portion
    failures: Portion

    @model_validator(mode="after")
    def _some(self) -> BadNodes:
        if not 0 < self.nodes < 1 or self.failures >= 1:
            raise ValueError("write shares above 0 and below 1, such as 5 % of the nodes")
        return self


class Failures(Frozen):
    """Node failures. 42 days between failures of a node: 1,024 GPUs in 7.9 h (Meta, HPCA'25).

    A repair takes so many hours, log-normally; no published figures of repairs are at hand, so
    these are ours. `bad_nodes`: three of 63 nodes had half of the failures (arXiv 2605.09370).
    """

    node_days: Exact = Field(default=Fraction(42), gt=0)
    repair_median_hours: Exact = Field(default=Fraction(2), gt=0)
    repair_mean_hours: Exact = Field(default=Fraction(13, 4), gt=0)
    bad_nodes: BadNodes | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Failures:
        if self.repair_mean_hours < self.repair_median_hours:
            raise ValueError("the mean repair is at least as long as the median")
        return self


Backfill = Literal["none", "easy", "conservative"]
"""Who may pass a project's blocked job: nobody; who does not delay it; who delays nobody before."""

Schema = Literal["dure.twin/1"]


class Scenario(Frozen):
    """One play; `policies` are compared on the same demand and failures."""

    schema_version: Schema = Field(alias="schema")
    name: Text
    starts: date
    time_zone: TimeZone = "Asia/Seoul"
    days: int = Field(gt=0, le=3660)
    control_step_hours: int = Field(default=24, ge=1, le=HOURS_A_DAY)
    supply: Supply
    allocations: Allocations
    demand: Demand
    failures: Failures | None = None
    profile: ProfileName = "ideal"
    backfill: Backfill = "easy"
    policies: Annotated[tuple[PolicyName, ...], Field(min_length=1)] = ("islands", DEFAULT)
    seeds: int = Field(default=3, gt=0, le=1000)
    lending: Lending | None = None
    reclaim: tuple[ReclaimRule, ...] | None = None

    @field_validator("control_step_hours")
    @classmethod
    def _divides_a_day(cls, hours: int) -> int:
        if HOURS_A_DAY % hours:
            raise ValueError("write hours that divide a day: 1, 2, 3, 4, 6, 8, 12 or 24")
        return hours

    @model_validator(mode="after")
    def _pools_are_known(self) -> Scenario:
        known = {pool.id for pool in self.supply.pools}
        for project, pool in self._homes():
            if known and pool not in known:
                msg = f"project {project!r} names pool {pool!r}, which is not in 'supply'"
                raise ValueError(msg)
        return self

    def _homes(self) -> Iterator[tuple[str, str]]:
        homes: tuple[_Home, ...] = (*self.allocations.given, *self.allocations.waiting)
        yield from ((one.project, one.pool) for one in homes)

    @model_validator(mode="after")
    def _applicants_have_work(self) -> Scenario:
        rounds = self.allocations.rounds
        if rounds is not None and rounds.applications and self.demand.trace is not None:
            raise ValueError(
                "a trace has no jobs for who applies later; write 'synthetic' or 'fitted' demand,"
                " or rounds with 'applications: 0' for those who wait"
            )
        return self
