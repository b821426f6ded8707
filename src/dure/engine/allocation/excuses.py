"""Why a worse-placed one may hold servers that would do for one who waits.

- A cap that binds the one who waits and not the holder, and has less room left than it needs.
- A floor that the holder counts for and the other does not, and that would be missed without it.
- Neither: the complaint of the one who waits is justified. A plan under strict rank has none.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from dure.engine.allocation.facts import Request, Wish
from dure.engine.allocation.limits import Awards, Limit, Round
from dure.engine.allocation.rivals import Holder, Mask, Rivals, Served
from dure.engine.allocation.windows import Windows, caps_of


class Excuses:
    """The excuses that one finished plan has."""

    def __init__(self, round_: Round, left: Windows, rivals: Rivals) -> None:
        self._round = round_
        self._left = left
        self._rivals = rivals
        self._floors = [limit for limit in round_.limits if limit.least is not None]

    def worse_holders(self, request: Request, wish: Wish, served: Served) -> Mask:
        """Worse-placed ones whose servers would do for the request, limits aside."""
        worse: Mask = served.place > self._round.place[request.application]
        return worse & served.would_do(request, wish) if worse.any() else worse

    def excuse(self, request: Request, wish: Wish, holder: Holder) -> tuple[Limit, int] | None:
        """What allows the holder its place, a cap before a floor, and the start it forbids."""
        span = self._rivals.span(request, holder)
        caps = self._caps_against(request, wish, holder)
        for start in span:
            for limit in caps:
                if self._left.cap(limit, request.months)[start] < wish.minimum:
                    return limit, start
        floor = self._floor_for(request, holder)
        return None if floor is None else (floor, span.start)

    def complaint(self, request: Request, spare: Collection[str]) -> Holder | None:
        """The worst-placed one of whom it complains unexcused; others before those to spare."""
        worst: Holder | None = None
        for wish in request.wishes:
            served = self._rivals.of(request, wish.model)
            if served is None:
                continue
            holding = self.worse_holders(request, wish, served)
            holding &= ~self._surely_excused(request, wish, served)
            for index in np.flatnonzero(holding)[::-1].tolist():
                holder: Holder = served.holders[index]
                if not self._complains(request, wish, holder):
                    continue
                if holder.request.application not in spare:
                    return holder
                worst = worst or holder
        return worst

    def _complains(self, request: Request, wish: Wish, holder: Holder) -> bool:
        if self._floor_for(request, holder) is not None:
            return False
        caps = self._caps_against(request, wish, holder)
        return any(
            all(self._left.cap(x, request.months)[start] >= wish.minimum for x in caps)
            for start in self._rivals.span(request, holder)
        )

    def _caps_against(self, request: Request, wish: Wish, holder: Holder) -> list[Limit]:
        """The caps that bind the request and not the holder."""
        own = self._round.bound(holder.request, wish.model)
        return [x for x in caps_of(self._round, request, wish.model) if x not in own]

    def _floor_for(self, request: Request, holder: Holder) -> Limit | None:
        own = self._round.bound(request, holder.wish.model)
        worth = holder.wish.minimum * holder.request.months
        for limit in self._round.bound(holder.request, holder.wish.model):
            if limit.least is None or limit in own:
                continue
            if self._rivals.reached[limit.index] - worth < limit.least:
                return limit
        return None

    def _surely_excused(self, request: Request, wish: Wish, served: Served) -> Mask:
        """Those excused at whatever start: most, and found without a loop over them."""
        own = self._round.bound(request, wish.model)
        starts = slice(request.earliest, request.latest + 1)
        excused = np.zeros(len(served.holders), dtype=np.bool_)
        for limit in own:
            if limit.room is None:
                continue
            if (self._left.cap(limit, request.months)[starts] < wish.minimum).all():
                excused |= ~served.members(limit, self._round)
        for limit in self._floors:
            if limit not in own:
                worth = served.minimum * (served.end - served.start)
                missed = self._rivals.reached[limit.index] - worth < (limit.least or 0)
                excused |= served.members(limit, self._round) & missed
        return excused


def complaints(round_: Round, awards: Awards) -> dict[str, str]:
    """Who waits with a justified complaint, and of whom; no one where rank does not count.

    Where it can be, each complains of another one.
    """
    if not round_.ranked:
        return {}
    rivals = Rivals(round_, awards)
    excuses = Excuses(round_, Windows(round_, round_.room(awards)), rivals)
    found: dict[str, str] = {}
    spare: set[str] = set()
    for request in round_.requests:
        if request.application not in awards:
            holder = excuses.complaint(request, spare)
            if holder is not None:
                found[request.application] = holder.request.application
                spare.add(holder.request.application)
    return found


def justified_complaints(round_: Round, awards: Awards) -> tuple[str, ...]:
    """Who waits with a justified complaint."""
    return tuple(complaints(round_, awards))
