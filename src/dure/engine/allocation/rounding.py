"""From the relaxation's optimum to awards.

- What the optimum takes whole is given first, parted among the pools of a model (`together`).
- Then those whom a floor counts that is not reached yet; then the others: by place, and where rank
  does not count by what they bring beyond their price, for what they bring in all.
- Who is passed over without an excuse takes the place of the one it complains of, and what is free
  then is filled again: a better-placed one is served each time, so that it ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from dure.engine.allocation.excuses import complaints
from dure.engine.allocation.facts import Request
from dure.engine.allocation.fill import best_way, fill
from dure.engine.allocation.limits import Award, Awards, Round, missed, totals
from dure.engine.allocation.relaxation import Relaxation
from dure.engine.allocation.together import apart

WHOLE: Final = 0.999
"""A share from which on a column counts as taken whole."""

MENDED: Final = 8
"""How often complaints are looked for; a few times suffice, or the start was a bad one."""


def rounded(round_: Round, one: Round, relaxed: Relaxation) -> dict[str, Award] | None:
    """Awards near the optimum that keep the rules; None where that is not simple."""
    awards = apart(round_, one, _taken(one, relaxed))
    return mended(round_, filled(round_, awards, relaxed), relaxed)


def _taken(one: Round, relaxed: Relaxation) -> dict[str, Award]:
    columns = relaxed.columns
    return {
        one.requests[int(columns.request[n])].application: Award(
            pool=one.by_model[columns.models[columns.model[n]]][0].pool,
            servers=int(columns.servers[n]),
            start=int(columns.start[n]),
        )
        for n in np.flatnonzero(relaxed.share >= WHOLE).tolist()
    }


def filled(round_: Round, awards: Awards, relaxed: Relaxation) -> dict[str, Award]:
    """`awards`, and what else fits: floors first, then by place or by return."""
    order = round_.requests if round_.ranked else _by_return(round_, relaxed)
    reached = _with_floors(round_, awards, order, relaxed)
    return fill(round_, reached, order=order, prices=relaxed.prices)


def _with_floors(
    round_: Round, awards: Awards, order: Iterable[Request], relaxed: Relaxation
) -> dict[str, Award]:
    """`awards`, and so many of those whom a floor counts that it is reached, if they suffice."""
    found = dict(awards)
    lacking = {x: (x.least or 0) - n for x, n in totals(round_, awards).items()}
    lacking = {limit: servers for limit, servers in lacking.items() if servers > 0}
    if not lacking:
        return found
    room = round_.room(awards)
    for request in order:
        bound = {x for w in request.wishes for x in round_.bound(request, w.model)}
        if request.application in found or not any(n > 0 and x in bound for x, n in lacking.items()):
            continue
        award = best_way(request, round_, room, relaxed.prices)
        if award is None:
            continue
        room.take(request, award)
        found[request.application] = award
        for limit in round_.floors(request, round_.offers[award.pool]):
            if limit in lacking:
                lacking[limit] -= award.servers * request.months
    return found


def mended(round_: Round, awards: Awards, relaxed: Relaxation) -> dict[str, Award] | None:
    """`awards` without justified complaints, if that can be had so."""
    current = dict(awards)
    for _ in range(MENDED):
        held = complaints(round_, current)
        if not held:
            return None if missed(round_, current) else current
        for holder in held.values():
            current.pop(holder, None)
        current = filled(round_, current, relaxed)
    return None


def _by_return(round_: Round, relaxed: Relaxation) -> list[Request]:
    columns = relaxed.columns
    part = relaxed.profit / np.maximum(columns.worth, 1)
    best = np.maximum.reduceat(part, columns.first)
    places = columns.request[columns.first]
    return [round_.requests[n] for n in places[np.argsort(-best, kind="stable")].tolist()]
