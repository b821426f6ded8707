"""Serving in order of place whatever still fits.

- From nothing it is the spreadsheet's way, done with care: best place first, smaller ones after.
- It keeps strict rank: whoever does not fit now will not fit later, as room only shrinks.
- From a solver's plan it adds what adds no merit, so that nothing that fits is left out.
- Of the ways that fit, the one of most gain: merit less the price of what it uses. Without prices
  that is the most merit. Then the more wanted model, the earlier start, the pool with least room.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dure.engine.allocation.facts import Request, Wish
from dure.engine.allocation.limits import Award, Awards, Room, Round, Whole
from dure.engine.allocation.prices import Prices


def fill(
    round_: Round,
    awards: Awards,
    *,
    order: Iterable[Request] | None = None,
    prices: Prices | None = None,
) -> dict[str, Award]:
    """`awards`, enlarged and extended in this order (else of place) until nothing more fits."""
    filled = dict(awards)
    room = round_.room(awards)
    roomy = _Roomy(round_, room)
    for request in order if order is not None else round_.requests:
        held = filled.get(request.application)
        if held is not None:
            filled[request.application] = _enlarged(request, held, round_, room)
            roomy.forget(held)
        elif roomy.may_fit(request) and (award := best_way(request, round_, room, prices)):
            room.take(request, award)
            roomy.forget(award)
            filled[request.application] = award
    return filled


class _Roomy:
    """Who surely fits nowhere: in a filling round that is nearly everybody."""

    def __init__(self, round_: Round, room: Room) -> None:
        self._round = round_
        self._room = room
        self._most: dict[str, dict[int, Whole]] = {model: {} for model in round_.by_model}

    def forget(self, award: Award) -> None:
        """What was known of the pools of this award's model."""
        self._most[self._round.offers[award.pool].model] = {}

    def may_fit(self, request: Request) -> bool:
        """Whether some pool has the servers of a wish in all months of some start, caps aside."""
        for wish in request.wishes:
            known = self._most.get(wish.model)
            if known is None:
                continue
            if request.months not in known:
                known[request.months] = self._windows(wish.model, request.months)
            most = known[request.months][request.earliest : request.latest + 1]
            if int(most.max(initial=0)) >= wish.minimum:
                return True
        return False

    def _windows(self, model: str, months: int) -> Whole:
        servers = self._room.servers[self._round.rows_of(model)]
        windows = np.lib.stride_tricks.sliding_window_view(servers, months, axis=1)
        most: Whole = windows.min(axis=2).max(axis=0)
        return most


def _enlarged(request: Request, held: Award, round_: Round, room: Room) -> Award:
    offer = round_.offers[held.pool]
    wish = next(w for w in request.wishes if w.model == offer.model)
    if held.servers >= wish.servers:
        return held
    more = min(wish.servers - held.servers, room.growing(request, held))
    if more <= 0:
        return held
    grown = Award(held.pool, held.servers + more, held.start)
    room.grow(request, held, more)
    return grown


@dataclass(frozen=True, slots=True)
class _Gain:
    gain: float
    award: Award


def best_way(
    request: Request,
    round_: Round,
    room: Room,
    prices: Prices | None = None,
) -> Award | None:
    """How the request is best served in this room; None if in no way."""
    best: _Gain | None = None
    for wish in request.wishes:
        found = _best_of(request, wish, round_, room, prices)
        if found is not None and (best is None or found.gain > best.gain):
            best = found
    return best.award if best is not None else None


def _best_of(
    request: Request,
    wish: Wish,
    round_: Round,
    room: Room,
    prices: Prices | None,
) -> _Gain | None:
    offers = round_.by_model.get(wish.model, ())
    if not offers:
        return None
    fits = room_for(request, wish, round_, room)
    amount = np.minimum(fits, wish.servers)
    can = amount >= wish.minimum
    if not can.any():
        return None
    unit = np.full(fits.shape[1], float(request.merit(wish)))
    if prices is not None:
        unit -= prices.of(request, wish.model)
    gain = np.where(can, amount * unit[None, :], -np.inf)
    start = int(gain.max(axis=0).argmax())
    best = np.flatnonzero(gain[:, start] == gain[:, start].max())
    row = int(best[fits[best, start].argmin()])
    award = Award(offers[row].pool, int(amount[row, start]), request.earliest + start)
    return _Gain(float(gain[row, start]), award)


def room_for(request: Request, wish: Wish, round_: Round, room: Room) -> Whole:
    """For each pool of the model and each start, the most servers in all the months."""
    rows = round_.rows_of(wish.model)
    fits = _least(room.servers[rows], request)
    offers = round_.by_model[wish.model]
    if request.contiguity == "blocks":
        sizes = np.array([[o.block_servers] for o in offers], dtype=np.int64)
        fits = np.minimum(fits, _least(room.blocks[rows], request) * sizes)
    for limit in round_.bound(request, wish.model):
        if limit.room is not None:
            fits = np.minimum(fits, _least(room.most[limit.index][None, :], request))
    return np.minimum(fits, _open(request, wish, round_, fits.shape[1])) if round_.closed else fits


def _least(table: Whole, request: Request) -> Whole:
    """The least of each row over the request's months, for each of its starts."""
    first, last = request.earliest, request.latest + request.months
    if request.months == 1:
        return table[:, first:last]
    windows = np.lib.stride_tricks.sliding_window_view(table[:, first:last], request.months, axis=1)
    least: Whole = windows.min(axis=2)
    return least


def _open(request: Request, wish: Wish, round_: Round, starts: int) -> Whole:
    """For each pool and start, the servers that a way closed beyond them leaves open."""
    every = np.iinfo(np.int64).max
    return np.array(
        [
            [
                round_.closed.get((request.application, o.pool, request.earliest + n), every)
                for n in range(starts)
            ]
            for o in round_.by_model[wish.model]
        ],
        dtype=np.int64,
    )
