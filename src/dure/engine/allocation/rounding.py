"""From the relaxation's optimum to awards.

- What the optimum takes whole is given first, parted among the pools of a model (`together`).
- Then those whom a floor counts that is not reached yet; then the others: by place, and where rank
  does not count by what they bring beyond their price, for what they bring in all.
- Who is passed over without an excuse takes the place of the one it complains of, and what is free
  then is filled again: a better-placed one is served each time. More for one whom a floor counts
  can end the excuse of many others, so in the end only the others fill what is free.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
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

MENDED: Final = 16
"""How often complaints are looked for; a few times suffice, or the start was a bad one."""


FREELY: Final = 2
"""How often of these whoever fits fills what is free; after that no more whom a floor counts."""


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
        wanted = any(n > 0 and x in bound for x, n in lacking.items())
        if not wanted or request.application in found:
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
    uncounted = tuple(r for r in round_.requests if not _counts(r, round_))
    for turn in range(MENDED):
        held = complaints(round_, current)
        if not held:
            return None if missed(round_, current) else current
        current = _without(round_, current, held)
        if turn < FREELY:
            current = filled(round_, current, relaxed)
        else:
            current = _with_floors(round_, current, round_.requests, relaxed)
            current = fill(round_, current, order=uncounted, prices=relaxed.prices)
    return None


def _counts(request: Request, round_: Round) -> bool:
    bound = (x for w in request.wishes for x in round_.bound(request, w.model))
    return any(x.least is not None for x in bound)


def _without(round_: Round, awards: Awards, held: Mapping[str, str]) -> dict[str, Award]:
    """`awards` without those complained of, or with less of them, the worst-placed first.

    As much as floors allow; another whom the same floors count is no excuse.
    """
    left, reached = dict(awards), totals(round_, awards)
    complaining = {behind: ahead for ahead, behind in held.items()}
    requests = {r.application: r for r in round_.requests}
    for request in reversed(round_.requests):
        name = request.application
        if name not in complaining:
            continue
        award = left[name]
        own = round_.bound(requests[complaining[name]], round_.offers[award.pool].model)
        floors = [x for x in round_.floors(request, round_.offers[award.pool]) if x not in own]
        spare = [(reached[x] - (x.least or 0)) // request.months for x in floors]
        less = min([*spare, award.servers])
        if less < award.servers:
            less = min(less, award.servers - _minimum(request, round_.offers[award.pool].model))
        for limit in round_.floors(request, round_.offers[award.pool]):
            reached[limit] -= less * request.months
        del left[name]
        if less < award.servers:
            left[name] = replace(award, servers=award.servers - less)
    return left


def _minimum(request: Request, model: str) -> int:
    return next(w.minimum for w in request.wishes if w.model == model)


def _by_return(round_: Round, relaxed: Relaxation) -> list[Request]:
    columns = relaxed.columns
    part = relaxed.profit / np.maximum(columns.worth, 1)
    best = np.maximum.reduceat(part, columns.first)
    places = columns.request[columns.first]
    return [round_.requests[n] for n in places[np.argsort(-best, kind="stable")].tolist()]
