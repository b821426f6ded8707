"""Serving by rank whatever still fits.

- From nothing it is the spreadsheet's way: rank until the pools are empty, smaller requests after.
- It keeps strict rank: whoever does not fit now will not fit later, as room only shrinks.
- From a solver's plan it adds what adds no merit, so that nothing that fits is left out.
"""

from __future__ import annotations

from dure.engine.allocation.facts import Request
from dure.engine.allocation.limits import Award, Awards, Room, Round


def fill(round_: Round, awards: Awards) -> dict[str, Award]:
    """`awards`, enlarged and extended in order of rank until nothing more fits."""
    filled = dict(awards)
    room = round_.room(awards)
    for request in round_.requests:
        held = filled.get(request.application)
        more = _fitting(request, held, round_, room)
        if more is not None:
            room.take(more, round_.limits[request.application])
            total = more.servers + (held.servers if held else 0)
            filled[request.application] = Award(more.pool, total)
    return filled


def _fitting(request: Request, held: Award | None, round_: Round, room: Room) -> Award | None:
    """The first pool with the most it can add; the pool it holds, if it holds one."""
    application = request.application
    pools = [held.pool] if held else [offer.pool for offer in round_.pools[application]]
    wanted = request.servers - (held.servers if held else 0)
    least = 1 if held else request.minimum
    under = room.under(round_.limits[application])
    parts = [
        Award(p, min(wanted, room.pools[p], wanted if under is None else under)) for p in pools
    ]
    best = max(parts, key=lambda part: part.servers, default=None)
    return best if best is not None and best.servers >= least else None
