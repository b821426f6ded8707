"""The waitlist: freed capacity goes to the next who can use it.

- Strictly in order of position. Each in turn is served if one pool with a model it accepts has
  room; a place in the queue is never lost, and nobody ahead who fits is passed over.
- It gets all it asked for where one pool has that: of the most wanted model first, then in the
  pool with the least room that fits, which keeps large rooms whole.
- Otherwise it gets the largest part that one pool has, if that is no less than its minimum.
- Who is skipped stays in place, and reads which pool came nearest and how many servers it lacked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dure.vocabulary.distinct import require_distinct
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Header, Intent, Plan, Reason


class Waiting(Frozen):
    """`models`: acceptable ones, the most wanted first; `minimum`: least useful servers."""

    application: str
    position: int
    models: tuple[str, ...]
    servers: int = Field(gt=0)
    minimum: int = Field(gt=0)
    sector: str
    organisation: str

    @model_validator(mode="after")
    def _minimum_within_request(self) -> Waiting:
        if self.minimum > self.servers:
            msg = f"{self.application} asks for {self.servers} servers, below its minimum"
            raise ValueError(msg)
        return self


class FreeCapacity(Frozen):
    pool: str
    model: str
    servers: int = Field(ge=0)


class WaitlistSnapshot(Frozen):
    """Equal positions (of two calls) are ordered by the application's id."""

    waiting: tuple[Waiting, ...]
    free: tuple[FreeCapacity, ...]

    @model_validator(mode="after")
    def _once_each(self) -> WaitlistSnapshot:
        require_distinct("application", (w.application for w in self.waiting))
        require_distinct("pool", (f.pool for f in self.free))
        return self


class Promote(Intent):
    act: Literal["promote"] = "promote"
    application: str
    pool: str
    servers: int


class Stay(Intent):
    act: Literal["stay"] = "stay"
    application: str


class WaitlistPlan(Plan):
    """One intent per waiting application, in the waitlist's order."""

    kind: Literal["waitlist"] = "waitlist"
    intents: tuple[Annotated[Promote | Stay, Field(discriminator="act")], ...]


def plan(snapshot: WaitlistSnapshot, header: Header) -> WaitlistPlan:
    """Serves the waitlist in order from what is free."""
    free = sorted(snapshot.free, key=lambda f: f.pool)
    room = {f.pool: f.servers for f in free}
    intents: list[Promote | Stay] = []
    for waiting in sorted(snapshot.waiting, key=lambda w: (w.position, w.application)):
        intent = _turn(waiting, free, room)
        if isinstance(intent, Promote):
            room[intent.pool] -= intent.servers
        intents.append(intent)
    return WaitlistPlan(header=header, intents=tuple(intents))


def _turn(waiting: Waiting, free: Sequence[FreeCapacity], room: dict[str, int]) -> Promote | Stay:
    acceptable = sorted(
        (f for f in free if f.model in waiting.models), key=lambda f: waiting.models.index(f.model)
    )
    if not acceptable:
        return Stay(application=waiting.application, reason=Reason(code="waitlist.no_pool"))
    whole = [f for f in acceptable if room[f.pool] >= waiting.servers]
    if whole:
        # The first of equals wins in min and max, so ties go by pool id.
        best = min(whole, key=lambda f: (waiting.models.index(f.model), room[f.pool]))
        return _promote(waiting, best.pool, waiting.servers)
    nearest = max(acceptable, key=lambda f: room[f.pool])
    if room[nearest.pool] >= waiting.minimum:
        return _promote(waiting, nearest.pool, room[nearest.pool])
    return _too_large(waiting, nearest.pool, short=waiting.minimum - room[nearest.pool])


def _promote(waiting: Waiting, pool: str, servers: int) -> Promote:
    reason = (
        Reason(code="waitlist.promoted", params={"servers": servers, "pool": pool})
        if servers == waiting.servers
        else Reason(
            code="waitlist.promoted_reduced",
            params={
                "servers": servers,
                "asked": waiting.servers,
                "minimum": waiting.minimum,
                "pool": pool,
            },
        )
    )
    return Promote(application=waiting.application, pool=pool, servers=servers, reason=reason)


def _too_large(waiting: Waiting, pool: str, *, short: int) -> Stay:
    return Stay(
        application=waiting.application,
        reason=Reason(
            code="waitlist.too_large",
            params={"short": short, "pool": pool, "minimum": waiting.minimum},
        ),
    )
