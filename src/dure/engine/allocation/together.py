"""The pools of one model taken as one, and awards parted among them again.

- What is best with one pool of each model is no worse than with several, so its bound holds; and a
  solver that need not say which of eight alike pools is meant is done much sooner.
- Parted by start, whole blocks and large ones first, each to the pool with the least room that has
  it: at its start whatever came before is there already and whatever comes later is not.
- What finds no room so is left out, for others to fill.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dure.engine.allocation.facts import Monthly, PoolOffer, Request
from dure.engine.allocation.fill import room_for
from dure.engine.allocation.limits import Award, Awards, Room, Round


def together(round_: Round) -> Round:
    """The round with one pool of each model, named after it; itself where that changes nothing."""
    if all(len(offers) == 1 for offers in round_.by_model.values()):
        return round_
    offers = {model: _one(model, offers) for model, offers in sorted(round_.by_model.items())}
    return replace(round_, offers=offers, closed={})


def _one(model: str, offers: tuple[PoolOffer, ...]) -> PoolOffer:
    """Whole blocks add up; those of the largest size stand for all."""
    servers = tuple(map(sum, zip(*(o.servers for o in offers), strict=True)))
    size = max(o.block_servers for o in offers)
    whole = [sum(o.whole_blocks(m) for o in offers) for m in range(len(servers))]
    blocks = tuple(_block(n, whole, size) for n in range(max(whole, default=0)))
    return PoolOffer(
        pool=model,
        cluster=model,
        model=model,
        servers=servers,
        block_servers=size,
        blocks=blocks,
    )


def _block(number: int, whole: list[int], size: int) -> Monthly:
    return tuple(size if number < count else 0 for count in whole)


def as_one(round_: Round, one: Round, awards: Awards) -> dict[str, Award]:
    """Awards of the round as awards of the pools that stand for its own."""
    if one is round_:
        return dict(awards)
    return {
        name: replace(award, pool=round_.offers[award.pool].model) for name, award in awards.items()
    }


def apart(round_: Round, one: Round, awards: Awards) -> dict[str, Award]:
    """Awards of pools that stand for others, parted among those: nearly always all of them."""
    found: dict[str, Award] = {}
    room = round_.room({})
    for request, award in _in_order(round_, awards):
        parted = _parted(request, award, one.offers[award.pool].model, round_, room)
        if parted is not None:
            room.take(request, parted)
            found[request.application] = parted
    return found


def _in_order(round_: Round, awards: Awards) -> Iterator[tuple[Request, Award]]:
    held = [(r, awards[r.application]) for r in round_.requests if r.application in awards]

    def key(entry: tuple[Request, Award]) -> tuple[int, bool, int]:
        request, award = entry
        return award.start, request.contiguity != "blocks", -award.servers

    yield from sorted(held, key=key)


def _parted(request: Request, award: Award, model: str, round_: Round, room: Room) -> Award | None:
    """The award in the pool with the least room that has its servers, else as many as it can."""
    wish = next(w for w in request.wishes if w.model == model)
    fits = room_for(request, wish, round_, room)[:, award.start - request.earliest].tolist()
    offers = round_.by_model[model]
    enough = [n for n, servers in enumerate(fits) if servers >= award.servers]
    if enough:
        best = min(enough, key=lambda n: fits[n])
        return replace(award, pool=offers[best].pool)
    best = max(range(len(fits)), key=lambda n: fits[n])
    if fits[best] < wish.minimum:
        return None
    return replace(award, pool=offers[best].pool, servers=fits[best])
