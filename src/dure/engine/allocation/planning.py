"""One round: read the facts, find the awards, place them, give each its outcome and reason.

- A round is proven, or served by place in milliseconds (`by_place`), as the twin's monthly rounds
  are; where serving by place would break a rule, it is solved all the same.
- `alone` is a round of one request, as the waitlist makes hundreds of: nothing is solved, and no
  change is looked for.
- Whole blocks that cannot stand anywhere close that way for so many, and the round is solved
  again; the bound of the first solution holds for all, as closing a way only takes away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from dure.engine.allocation.by_place import by_place
from dure.engine.allocation.change import Changes
from dure.engine.allocation.explain import Explainer
from dure.engine.allocation.facts import Outcome, Request, RoundPlan, RoundPolicy, RoundSnapshot
from dure.engine.allocation.limits import Award, Awards, Round, Way, blocks_for, read
from dure.engine.allocation.solution import Solution
from dure.engine.allocation.solve import solve
from dure.engine.placement import BlockShare, Holding, place
from dure.vocabulary.plans import Header

Shares = dict[str, tuple[BlockShare, ...]]
Effort = Literal["proven", "by_place"]


def plan(
    snapshot: RoundSnapshot, policy: RoundPolicy, header: Header, *, effort: Effort = "proven"
) -> RoundPlan:
    """The round's plan: one outcome per request, in order of place.

    The order of the snapshot's entries changes nothing; the same inputs give the same plan.
    Raises UnableToMeetFloors.
    """
    round_ = read(snapshot, policy, header.seed)
    solution, shares = _placed(round_, solve if effort == "proven" else _by_place)
    explainer = Explainer(round_, solution.awards)
    changes = Changes(round_, solution.awards)
    return RoundPlan(
        header=header,
        intents=tuple(
            _outcome(r, round_, solution.awards, shares, explainer=explainer, changes=changes)
            for r in round_.requests
        ),
        objective=solution.merit,
        bound=solution.bound,
        optimal=solution.merit == solution.bound,
        prices=solution.prices,
    )


def alone(snapshot: RoundSnapshot, policy: RoundPolicy, header: Header) -> Outcome:
    """The outcome of the one request of a round without floors; as good as `plan`, no change."""
    round_ = read(snapshot, policy, header.seed)
    (request,) = round_.requests
    awards, shares = _placed_alone(round_, request)
    return _outcome(request, round_, awards, shares, explainer=Explainer(round_, awards))


def _placed_alone(round_: Round, request: Request) -> tuple[Awards, Shares]:
    if not _fits(round_, request):
        return {}, {}
    solution, shares = _placed(round_, _by_place)
    return solution.awards, shares


def _fits(round_: Round, request: Request) -> bool:
    """Whether there is room for the request's minimum while nobody is served."""
    room = round_.room({})
    return any(
        room.fitting(request, offer, start) >= wish.minimum
        for wish, offer in round_.choices(request)
        for start in range(request.earliest, request.latest + 1)
    )


def _by_place(round_: Round) -> Solution:
    return by_place(round_) or solve(round_)


def _placed(round_: Round, search: Callable[[Round], Solution]) -> tuple[Solution, Shares]:
    """The awards, and the blocks they stand in."""
    solution = first = search(round_)
    closed: dict[Way, int] = {}
    while True:
        shares = _shares(round_, solution.awards)
        homeless = {
            (r.application, award.pool, award.start): _fewer(round_, award)
            for r in round_.requests
            if r.contiguity == "blocks"
            and (award := solution.awards.get(r.application)) is not None
            and r.application not in shares
        }
        if not homeless:
            return replace(solution, bound=first.bound), shares
        closed = closed | homeless
        solution = search(replace(round_, closed=closed))


def _fewer(round_: Round, award: Award) -> int:
    """The servers that one whole block less holds."""
    offer = round_.offers[award.pool]
    return (blocks_for(award.servers, offer) - 1) * offer.block_servers


def _shares(round_: Round, awards: Awards) -> Shares:
    holdings: dict[str, list[Holding]] = {pool: [] for pool in round_.offers}
    for request in round_.requests:
        award = awards.get(request.application)
        if award is not None:
            holdings[award.pool].append(_holding(request, award))
    return {
        application: shares
        for pool, held in holdings.items()
        for application, shares in place(round_.offers[pool], held).items()
    }


def _holding(request: Request, award: Award) -> Holding:
    return Holding(
        application=request.application,
        servers=award.servers,
        start=award.start,
        months=request.months,
        whole_blocks=request.contiguity == "blocks",
    )


def _outcome(
    request: Request,
    round_: Round,
    awards: Awards,
    shares: Shares,
    *,
    explainer: Explainer,
    changes: Changes | None = None,
) -> Outcome:
    application = request.application
    reason, standing = explainer.why(request), round_.place[application]
    award = awards.get(application)
    if award is None:
        return Outcome(
            application=application,
            outcome="waitlisted",
            pool=None,
            servers=0,
            place=standing,
            reason=reason,
            change=changes.smallest(request) if changes else None,
        )
    model = round_.offers[award.pool].model
    wanted = next(w.servers for w in request.wishes if w.model == model)
    return Outcome(
        application=application,
        outcome="awarded" if award.servers == wanted else "reduced",
        pool=award.pool,
        servers=award.servers,
        start=award.start,
        months=request.months,
        place=standing,
        blocks=shares.get(application, ()),
        reason=reason,
    )
