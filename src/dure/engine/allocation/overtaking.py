"""Who would have given way to a request that had scored more, under strict rank.

- The last one served of its class, before it, whose servers would do for it by the rule of rank.
- With that one gone, every cap holds for the request's minimum, and every floor is still reached.
"""

from __future__ import annotations

import numpy as np

from dure.engine.allocation.facts import Request, Wish
from dure.engine.allocation.limits import Round
from dure.engine.allocation.rivals import Holder, Mask, Rivals, Served
from dure.engine.allocation.windows import Windows, caps_of


class Overtaking:
    """Who could be overtaken in one finished plan."""

    def __init__(self, round_: Round, left: Windows, rivals: Rivals) -> None:
        self._round = round_
        self._left = left
        self._rivals = rivals

    def last(self, request: Request) -> tuple[Wish, Holder, int] | None:
        """The wish that would be served, who gives way, and the start."""
        found = [f for wish in request.wishes if (f := self._to_pass(request, wish)) is not None]
        return max(found, key=lambda one: one[1].place, default=None)

    def _to_pass(self, request: Request, wish: Wish) -> tuple[Wish, Holder, int] | None:
        served = self._rivals.of(request, wish.model)
        if served is None:
            return None
        if served.place[0] > self._round.place[request.application]:
            return None
        candidates = served.place < self._round.place[request.application]
        candidates &= served.would_do(request, wish)
        if not candidates.any():
            return None
        candidates &= self._may_give_way(request, wish, served)
        for index in np.flatnonzero(candidates)[::-1].tolist():
            holder = served.holders[index]
            start = self._start_in(request, wish, holder)
            if start is not None and holder.request.score >= request.score:
                return wish, holder, start
        return None

    def _may_give_way(self, request: Request, wish: Wish, served: Served) -> Mask:
        """Who leaves every full cap with room, and every floor reached, by giving way."""
        own = self._round.bound(request, wish.model)
        starts = slice(request.earliest, request.latest + 1)
        may = np.ones(len(served.holders), dtype=np.bool_)
        for limit in own:
            if limit.room is not None:
                left = self._left.cap(limit, request.months)[starts]
                if (left < wish.minimum).all():
                    may &= served.members(limit, self._round)
        for index, reached in self._rivals.reached.items():
            limit = self._round.limits[index]
            if limit not in own:
                may &= served.spared(limit, reached, self._round)
                continue
            gain = wish.minimum * request.months
            lost = served.servers * (served.end - served.start)
            kept = reached - lost + gain >= (limit.least or 0)
            may &= ~served.members(limit, self._round) | kept
        return may

    def _start_in(self, request: Request, wish: Wish, holder: Holder) -> int | None:
        """The first start in the holder's months at which all caps hold without the holder."""
        own = self._round.bound(holder.request, wish.model)
        caps = caps_of(self._round, request, wish.model)
        for start in self._rivals.span(request, holder):
            if all(
                self._left.cap(limit, request.months)[start]
                + (holder.award.servers if limit in own else 0)
                >= wish.minimum
                for limit in caps
            ):
                return start
        return None
