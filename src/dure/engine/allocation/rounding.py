"""From the relaxation's optimum to awards, where rank does not count.

- What the optimum takes whole is given first, the largest first: large ones fit worst later; each
  in the pool it leaves with the least room.
- Then the others in the order of what they bring beyond their price, for what they bring in all;
  where a floor is not reached yet, those first whom it counts.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dure.engine.allocation.columns import Index
from dure.engine.allocation.facts import Request
from dure.engine.allocation.fill import fill, room_for
from dure.engine.allocation.limits import Award, Limit, Room, Round, missed
from dure.engine.allocation.relaxation import Relaxation

WHOLE: Final = 0.999
"""A share from which on a column counts as taken whole."""


def rounded(round_: Round, relaxed: Relaxation) -> dict[str, Award]:
    """Awards near the optimum; capacity and caps are kept, floors where that is simple."""
    columns = relaxed.columns
    awards: dict[str, Award] = {}
    room = round_.room({})
    for column in _taken(relaxed).tolist():
        request = round_.requests[int(columns.request[column])]
        award = _fullest(request, column, round_, relaxed, room)
        if award is not None:
            room.take(request, award)
            awards[request.application] = award
    lacking = missed(round_, awards)
    order = _by_return(round_, relaxed)
    order.sort(key=lambda r: not any(_counts(r, limit, round_) for limit in lacking))
    return fill(round_, awards, order=order, prices=relaxed.prices)


def _counts(request: Request, limit: Limit, round_: Round) -> bool:
    return any(limit in round_.bound(request, wish.model) for wish in request.wishes)


def _taken(relaxed: Relaxation) -> Index:
    columns = relaxed.columns
    whole = np.flatnonzero(relaxed.share >= WHOLE)
    size = columns.servers[whole] * (columns.end[whole] - columns.start[whole])
    return whole[np.argsort(-size, kind="stable")]


def _fullest(
    request: Request, column: int, round_: Round, relaxed: Relaxation, room: Room
) -> Award | None:
    """The column's servers in the pool with the least room that has them."""
    columns = relaxed.columns
    wish = request.wishes[int(columns.wish[column])]
    start, servers = int(columns.start[column]), int(columns.servers[column])
    fits = room_for(request, wish, round_, room)[:, start - request.earliest]
    rows = np.flatnonzero(fits >= servers)
    if not len(rows):
        return None
    row = int(rows[fits[rows].argmin()])
    return Award(round_.by_model[wish.model][row].pool, servers, start)


def _by_return(round_: Round, relaxed: Relaxation) -> list[Request]:
    columns = relaxed.columns
    part = relaxed.profit / np.maximum(columns.worth, 1)
    best = np.maximum.reduceat(part, columns.first)
    places = columns.request[columns.first]
    return [round_.requests[n] for n in places[np.argsort(-best, kind="stable")].tolist()]
