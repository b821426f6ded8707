"""What a round decides from, and what it says.

- Time is whole months of the round's horizon, counted from 0: the month of first supply.
- A request is served from exactly one pool, from one start, for all its months; whole, or in a part
  between `minimum` and `servers`. Its servers stay the same in all its months.
- A wish says how many servers of one model would do: 8 of H200 or 4 of B200. `weight` makes them
  comparable: merit is score x servers x weight x months.
- `contiguity: blocks` takes whole free blocks, as many as hold its servers; no other such request
  stands in them, but others may use what it leaves of its last block.
- Ranks are unique within a call; 1 is best. Requests of one track and size class form one order.
- A group's bounds say what its members, of this round and held from before, may take in any month
  (`most`) and must take over the round (`least`, server-months of this round alone).
- Bad input is refused here, with the application, pool or group named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from math import floor
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dure.engine.placement import BlockShare
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Intent, Plan, Reason
from dure.vocabulary.programme.allotment import PolicyName
from dure.vocabulary.programme.types import Exact

MERIT_PER_POINT = 1000
"""Merit counts thousandths of a point: a mean of 3 to 7 reviews keeps its order at that step."""

Name = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]
Monthly = tuple[Count, ...]
"""One number for each month of the horizon."""


class PoolOffer(Frozen):
    """What one pool has free for this round.

    `servers`: how many this round may give away in each month (spares are already taken off).
    `blocks`: for each block, its free servers in each month; a block is whole while they equal
    `block_servers`. Empty: the pool has no blocks worth keeping whole.
    """

    pool: Name
    cluster: Name
    model: Name
    servers: Monthly
    block_servers: int = Field(default=1, gt=0)
    blocks: tuple[Monthly, ...] = ()

    @model_validator(mode="after")
    def _blocks_fit(self) -> PoolOffer:
        for index, block in enumerate(self.blocks):
            if len(block) != len(self.servers) or max(block, default=0) > self.block_servers:
                msg = (
                    f"pool {self.pool!r}, block {index}: needs one number a month for"
                    f" {len(self.servers)} months, none above {self.block_servers}"
                )
                raise ValueError(msg)
        return self

    def whole_blocks(self, month: int) -> int:
        """Blocks free in all their servers."""
        return sum(block[month] == self.block_servers for block in self.blocks)


class Wish(Frozen):
    """How much of one accelerator model a request takes."""

    model: Name
    servers: int = Field(gt=0)
    minimum: int = Field(gt=0)
    weight: Annotated[Exact, Field(gt=0)] = Fraction(1)


class Request(Frozen):
    """One ranked application: what it asks for and where it stands. Wishes: most wanted first.

    `earliest` and `latest` bound the month it starts in. `facets` are further groups that the
    fairness report counts by, such as organisation size or a first application.
    """

    application: Name
    organisation: Name
    region: str
    sector: Name
    track: Name
    size_class: Name
    wishes: tuple[Wish, ...] = Field(min_length=1)
    months: int = Field(default=1, gt=0)
    earliest: int = Field(default=0, ge=0)
    latest: int = Field(default=0, ge=0)
    contiguity: Literal["cluster", "blocks"] = "cluster"
    rank: int = Field(ge=1)
    score: Annotated[Exact, Field(ge=0)]
    facets: dict[str, str] = {}

    @model_validator(mode="after")
    def _makes_sense(self) -> Request:
        for wish in self.wishes:
            if wish.minimum > wish.servers:
                msg = (
                    f"application {self.application!r} needs at least {wish.minimum} servers"
                    f" of {wish.model} but asks for only {wish.servers}"
                )
                raise ValueError(msg)
        if self.latest < self.earliest:
            msg = (
                f"application {self.application!r} starts at the latest in month {self.latest},"
                f" before its earliest, {self.earliest}"
            )
            raise ValueError(msg)
        _refuse_repeats(
            f"application {self.application!r} names model", (w.model for w in self.wishes)
        )
        return self

    def merit(self, wish: Wish) -> int:
        """Merit of one server of this wish for all its months, rounded half up."""
        exact = self.score * MERIT_PER_POINT * wish.weight * self.months
        return floor(exact + Fraction(1, 2))


class Held(Frozen):
    """Servers of the programme that are promised already, by what groups are made of."""

    organisation: str = ""
    region: str = ""
    sector: str = ""
    track: str = ""
    size_class: str = ""
    model: Name
    servers: Monthly


class RoundSnapshot(Frozen):
    """Everything a round is decided from. `programme_servers`: all that the programme can award."""

    call: Name
    months: int = Field(default=1, gt=0)
    requests: tuple[Request, ...]
    offers: tuple[PoolOffer, ...]
    held: tuple[Held, ...] = ()
    programme_servers: Count = 0

    @model_validator(mode="after")
    def _each_once(self) -> RoundSnapshot:
        _refuse_repeats("application", (r.application for r in self.requests))
        _refuse_repeats("rank", (r.rank for r in self.requests))
        _refuse_repeats("pool", (o.pool for o in self.offers))
        return self

    @model_validator(mode="after")
    def _one_horizon(self) -> RoundSnapshot:
        for what, name, servers in (
            *(("pool", o.pool, o.servers) for o in self.offers),
            *(("held by", h.organisation, h.servers) for h in self.held),
        ):
            if len(servers) != self.months:
                msg = f"{what} {name!r}: {len(servers)} months, the round has {self.months}"
                raise ValueError(msg)
        for request in self.requests:
            if request.latest + request.months > self.months:
                msg = (
                    f"application {request.application!r} could end in month"
                    f" {request.latest + request.months}, after the round's {self.months}"
                )
                raise ValueError(msg)
        return self


class Group(Frozen):
    """A bound on the servers of those it names; an empty list names everybody.

    `each`: one bound for every organisation or region by itself. `most` is None where only `least`
    binds, and the other way round. Shares have been turned into servers.
    """

    group: Name
    kind: Literal["quota", "organisation_cap", "rule"] = "quota"
    sectors: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    tracks: tuple[str, ...] = ()
    size_classes: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    each: Literal["together", "organisation", "region"] = "together"
    most: Count | None = None
    least: Count | None = None

    @model_validator(mode="after")
    def _bounds(self) -> Group:
        if self.most is None and self.least is None:
            msg = f"group {self.group!r} bounds nothing"
            raise ValueError(msg)
        if self.each != "together" and self.least is not None:
            msg = f"group {self.group!r}: `least` is for a group taken together"
            raise ValueError(msg)
        return self


class RoundPolicy(Frozen):
    """The rules of a round. `lottery_bands`: least score of each band, the best band first."""

    policy: PolicyName = "strict-rank"
    groups: tuple[Group, ...] = ()
    lottery_bands: tuple[Exact, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> RoundPolicy:
        _refuse_repeats("group", (g.group for g in self.groups))
        return self


class Outcome(Intent):
    """What one application gets. `pool` is None and `servers` 0 where it waits.

    `place` is where it stands in the round's order, which is its rank except after a lottery.
    `change` is the smallest change found that would have served it in this plan as it stands.
    """

    application: str
    outcome: Literal["awarded", "reduced", "waitlisted"]
    pool: str | None
    servers: int
    start: int = 0
    months: int = 0
    place: int
    blocks: tuple[BlockShare, ...] = ()
    change: Reason | None = None


class Price(Frozen):
    """What one more server for one month would add: merit, in this round, at the margin.

    `kind` is that of a group, or `pool`; `month` is None where the bound is over the whole round.
    """

    kind: str
    name: str
    month: int | None
    merit: int


class RoundPlan(Plan):
    """The outcomes in order of place. `objective` and `bound` are merit."""

    kind: Literal["round"] = "round"
    intents: tuple[Outcome, ...]
    objective: int
    bound: int
    optimal: bool
    prices: tuple[Price, ...] = ()


def _refuse_repeats(what: str, values: Iterable[str | int]) -> None:
    repeated = sorted(v for v, count in Counter(values).items() if count > 1)
    if repeated:
        msg = f"{what} {', '.join(repr(v) for v in repeated)} more than once"
        raise ValueError(msg)
