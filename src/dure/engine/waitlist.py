"""The waitlist: freed capacity goes to the next who can use it, by the allocator of the rounds.

- Strictly in order: a request's rank is its place on the list. Each in turn is a round by itself,
  over what those ahead of it have left in the coming months; nobody ahead who fits is passed over,
  and a place on the list is never lost.
- Every cap of the programme binds, counting what is held and what those ahead just got. A floor
  does not: it holds nobody back.
- Who is promoted reads how many ahead of it could use none of what is free; who stays reads what
  stood in the way at its turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from dure.engine import allocation
from dure.engine.allocation import BlockShare
from dure.engine.allocation.facts import (
    Held,
    Outcome,
    PoolOffer,
    Request,
    RoundPolicy,
    RoundSnapshot,
)
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Header, Intent, Plan, Reason


class Promote(Intent):
    """`allotted` is the allocator's own reason for the award."""

    act: Literal["promote"] = "promote"
    application: str
    pool: str
    servers: int = Field(gt=0)
    start: int = 0
    months: int = Field(gt=0)
    blocks: tuple[BlockShare, ...] = ()
    reduced: bool = False
    allotted: Reason

    def as_outcome(self) -> Outcome:
        """The award as the outcome of a round of this one request."""
        return Outcome(
            application=self.application,
            outcome="reduced" if self.reduced else "awarded",
            pool=self.pool,
            servers=self.servers,
            start=self.start,
            months=self.months,
            place=1,
            blocks=self.blocks,
            reason=self.allotted,
        )


class Stay(Intent):
    act: Literal["stay"] = "stay"
    application: str

    def as_outcome(self) -> Outcome:
        """Its waiting as the outcome of a round of this one request."""
        return Outcome(
            application=self.application,
            outcome="waitlisted",
            pool=None,
            servers=0,
            place=1,
            reason=_at_place(self.reason, 1),
        )


class WaitlistPlan(Plan):
    """One intent per waiting application, in the waitlist's order."""

    kind: Literal["waitlist"] = "waitlist"
    intents: tuple[Annotated[Promote | Stay, Field(discriminator="act")], ...]


class Turn(Frozen):
    """What is left for the next in line: what the pools have free, and what is held by then."""

    offers: tuple[PoolOffer, ...]
    held: tuple[Held, ...]

    def of(self, request: Request, snapshot: RoundSnapshot) -> RoundSnapshot:
        """The round of this one request."""
        return snapshot.model_copy(
            update={"requests": (request,), "offers": self.offers, "held": self.held}
        )

    def after(self, request: Request, promoted: Promote) -> Turn:
        """What is left when the request has been promoted."""
        when = range(promoted.start, promoted.start + promoted.months)
        offers = [
            _less(offer, promoted, when) if offer.pool == promoted.pool else offer
            for offer in self.offers
        ]
        model = next(o.model for o in self.offers if o.pool == promoted.pool)
        months = len(self.offers[0].servers)
        held = Held(
            organisation=request.organisation,
            region=request.region,
            sector=request.sector,
            track=request.track,
            size_class=request.size_class,
            model=model,
            servers=tuple(promoted.servers if m in when else 0 for m in range(months)),
        )
        return Turn(offers=tuple(offers), held=(*self.held, held))


def plan(snapshot: RoundSnapshot, policy: RoundPolicy, header: Header) -> WaitlistPlan:
    """Serves the waitlist in order from what is free."""
    rules = caps_of(policy)
    turn = Turn(offers=snapshot.offers, held=snapshot.held)
    intents: list[Promote | Stay] = []
    skipped = 0
    for request in in_order(snapshot):
        made = allocation.alone(turn.of(request, snapshot), rules, header)
        intent = _intent(request, made, skipped)
        if isinstance(intent, Promote):
            turn = turn.after(request, intent)
        else:
            skipped += 1
        intents.append(intent)
    return WaitlistPlan(header=header, intents=tuple(intents))


def anybody_fits(snapshot: RoundSnapshot) -> bool:
    """Whether a pool has room for somebody's minimum, caps aside. Where not, nobody is promoted."""
    return any(
        _fits(request, offer, wish.minimum)
        for request in snapshot.requests
        for wish in request.wishes
        for offer in snapshot.offers
        if offer.model == wish.model
    )


def _fits(request: Request, offer: PoolOffer, minimum: int) -> bool:
    starts = range(request.earliest, request.latest + 1)
    return any(min(offer.servers[m : m + request.months]) >= minimum for m in starts)


def in_order(snapshot: RoundSnapshot) -> list[Request]:
    """Who waits, the first in line first."""
    return sorted(snapshot.requests, key=lambda request: request.rank)


def caps_of(policy: RoundPolicy) -> RoundPolicy:
    """The rules that bind a promotion: every cap, and no floor."""
    groups = tuple(
        group.model_copy(update={"least": None})
        for group in policy.groups
        if group.most is not None
    )
    return RoundPolicy(policy="strict-rank", groups=groups)


def _intent(request: Request, made: Outcome, skipped: int) -> Promote | Stay:
    if made.pool is None:
        return Stay(application=request.application, reason=_at_place(made.reason, request.rank))
    reduced = made.outcome == "reduced"
    params: dict[str, int | str] = {
        "servers": made.servers,
        "pool": made.pool,
        "place": request.rank,
        "skipped": skipped,
    }
    if reduced:
        params["asked"] = max(wish.servers for wish in request.wishes)
    return Promote(
        application=request.application,
        pool=made.pool,
        servers=made.servers,
        start=made.start,
        months=request.months,
        blocks=made.blocks,
        reduced=reduced,
        allotted=made.reason,
        reason=Reason(
            code="waitlist.promoted_reduced" if reduced else "waitlist.promoted", params=params
        ),
    )


def _at_place(reason: Reason, place: int) -> Reason:
    """The reason of a round of one, as said of a place on the list; and back."""
    if "place" not in reason.params:
        return reason
    return reason.model_copy(update={"params": {**reason.params, "place": place}})


def _less(offer: PoolOffer, promoted: Promote, when: range) -> PoolOffer:
    servers = [n - promoted.servers * (m in when) for m, n in enumerate(offer.servers)]
    placed = {share.block: share.servers for share in promoted.blocks}
    blocks = [list(block) for block in offer.blocks]
    for index, block in enumerate(blocks):
        for month in when:
            block[month] -= placed.get(index, 0)
    if not placed:
        _take_last(blocks, promoted.servers, when)
    return offer.model_copy(
        update={"servers": tuple(servers), "blocks": tuple(tuple(block) for block in blocks)}
    )


def _take_last(blocks: Sequence[list[int]], servers: int, when: range) -> None:
    """An award without a placement is counted where it does least harm: in the last blocks."""
    for month in when:
        left = servers
        for block in reversed(blocks):
            taken = min(block[month], left)
            block[month] -= taken
            left -= taken
