"""What a round decides from, and what it says.

- A request is served from exactly one pool, whole, or in a part between `minimum` and `servers`.
- Ranks are unique within a call; 1 is best. Requests of one track and size class form one order.
- A quota stands here only where it caps: it holds what its sectors may still take in this round.
- Bad input is refused here, with the application, pool or quota named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from math import floor
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Intent, Plan
from dure.vocabulary.programme.types import Exact

MERIT_PER_POINT = 1000
"""Merit counts thousandths of a point: a mean of 3 to 7 reviews keeps its order at that step."""

Name = Annotated[str, Field(min_length=1)]


class PoolOffer(Frozen):
    """The free servers of one pool that this round may give away."""

    pool: Name
    cluster: Name
    model: Name
    servers: int = Field(ge=0)


class Request(Frozen):
    """One ranked application: what it asks for and where it stands."""

    application: Name
    organisation: Name
    region: str
    sector: Name
    track: Name
    size_class: Name
    models: tuple[Name, ...] = Field(min_length=1)
    servers: int = Field(gt=0)
    minimum: int = Field(gt=0)
    rank: int = Field(ge=1)
    score: Annotated[Exact, Field(ge=0)]

    @model_validator(mode="after")
    def _makes_sense(self) -> Request:
        if self.minimum > self.servers:
            msg = (
                f"application {self.application!r} needs at least {self.minimum} servers"
                f" but asks for only {self.servers}"
            )
            raise ValueError(msg)
        _refuse_repeats(f"application {self.application!r} names model", self.models)
        return self

    @property
    def merit_per_server(self) -> int:
        """The score in whole thousandths of a point, rounded half up."""
        return floor(self.score * MERIT_PER_POINT + Fraction(1, 2))


class QuotaRoom(Frozen):
    """A capping quota: servers its sectors may still take together."""

    quota: Name
    sectors: tuple[Name, ...] = Field(min_length=1)
    servers_left: int = Field(ge=0)


class RoundSnapshot(Frozen):
    """Everything a round is decided from."""

    call: Name
    requests: tuple[Request, ...]
    offers: tuple[PoolOffer, ...]
    quotas: tuple[QuotaRoom, ...] = ()
    organisation_used: dict[str, Annotated[int, Field(ge=0)]] = {}

    @model_validator(mode="after")
    def _each_once(self) -> RoundSnapshot:
        _refuse_repeats("application", (r.application for r in self.requests))
        _refuse_repeats("rank", (r.rank for r in self.requests))
        _refuse_repeats("pool", (o.pool for o in self.offers))
        _refuse_repeats("quota", (q.quota for q in self.quotas))
        return self


class RoundPolicy(Frozen):
    """The programme's rules for a round."""

    policy: Literal["strict-rank"] = "strict-rank"
    organisation_cap: int | None = Field(default=None, gt=0)


class Outcome(Intent):
    """What one application gets. `pool` is None and `servers` 0 where it waits."""

    application: str
    outcome: Literal["awarded", "reduced", "waitlisted"]
    pool: str | None
    servers: int


class RoundPlan(Plan):
    """The outcomes in order of rank. `objective` and `bound` are merit (see `MERIT_PER_POINT`)."""

    kind: Literal["round"] = "round"
    intents: tuple[Outcome, ...]
    objective: int
    bound: int
    optimal: bool


def _refuse_repeats(what: str, values: Iterable[str | int]) -> None:
    repeated = sorted(v for v, count in Counter(values).items() if count > 1)
    if repeated:
        msg = f"{what} {', '.join(repr(v) for v in repeated)} more than once"
        raise ValueError(msg)
