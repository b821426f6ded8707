"""Why each application got what it got, read off the finished plan.

- The question is always: what stops this request from being added to the plan as it stands?
- A cap that is full is named before a pool that is full: under it no pool would help. It is named
  if it stands in the way of every option, or of a better place than a worse-placed one holds.
- Of several full caps the one is named that the worse-placed of its class served are not under.
- Where a pool is full, the option is named that comes nearest: the fewest servers short.
- Numbers are of the plan: the room left for all the months asked for, and what was short.
- Whole blocks may be free in number and yet not the same ones in all the months: that is said.
- Room may be left on purpose: filling it could reach a floor, and with that end the only reason
  why a better-placed one of the class waits while a worse-placed one is served.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np

from dure.engine.allocation.excuses import Excuses
from dure.engine.allocation.facts import Request, Wish
from dure.engine.allocation.limits import Award, Awards, Limit, Round, Whole, blocks_for
from dure.engine.allocation.rivals import Holder, Mask, Rivals
from dure.engine.allocation.windows import Windows, caps_of, said
from dure.vocabulary.plans import Reason

FULL = {
    "quota": "round.quota_full",
    "organisation_cap": "round.organisation_cap",
    "rule": "round.rule_full",
}


@dataclass(frozen=True, slots=True)
class _Options:
    """A request's options of one model: rows are pools, columns its starts from the earliest.

    `possible`: the pool had room before anybody was served, caps aside.
    `allowed`: no cap stands in the way, at each start.
    """

    wish: Wish
    offered: Whole
    room: Whole
    fit: Whole
    possible: Mask
    allowed: Mask


@dataclass(frozen=True, slots=True)
class _Nearest:
    """The option that comes nearest to fitting."""

    wish: Wish
    row: int
    start: int
    room: int
    fit: int


class Explainer:
    """Reasons for one finished plan."""

    def __init__(self, round_: Round, awards: Awards) -> None:
        self._round = round_
        self._awards = awards
        self._room = round_.room(awards)
        self._left = Windows(round_, self._room)
        self._empty = Windows(round_, round_.room({}))
        self._rivals = Rivals(round_, awards)
        self._excuses = Excuses(round_, self._left, self._rivals)

    def why(self, request: Request) -> Reason:
        """The reason for what `request` gets, or for its waiting."""
        award = self._awards.get(request.application)
        if award is None:
            return self._why_waiting(request)
        model = self._round.offers[award.pool].model
        wish = next(w for w in request.wishes if w.model == model)
        params = {
            "place": self._place(request),
            "servers": award.servers,
            "model": model,
            "pool": award.pool,
            "window": said(award.start, request.months),
        }
        if award.servers == wish.servers:
            return Reason(code="round.awarded", params={**params})
        full = self._full_at(request, wish, award)
        if full is not None:
            return Reason(
                code=f"round.reduced_{full.kind}",
                params={**params, "wanted": wish.servers, "limit": _called(full)},
            )
        growing = self._room.growing(request, award)
        code = "round.reduced" if growing < 1 else "round.reduced_would_pass_over"
        return Reason(code=code, params={**params, "wanted": wish.servers})

    def _place(self, request: Request) -> int:
        return self._round.place[request.application]

    def _full_at(self, request: Request, wish: Wish, award: Award) -> Limit | None:
        """The cap that leaves an award no server more, if one does."""
        caps = [
            limit
            for limit in caps_of(self._round, request, wish.model)
            if self._left.cap(limit, request.months)[award.start] < 1
        ]
        return min(caps, key=lambda x: (self._worse_under(x, request), *_order(x)), default=None)

    def _worse_under(self, limit: Limit, request: Request) -> int:
        """How many worse-placed ones of its class are served under the limit."""
        place = self._place(request)
        found = 0
        for wish in request.wishes:
            served = self._rivals.of(request, wish.model)
            if served is not None:
                found += int((served.members(limit, self._round) & (served.place > place)).sum())
        return found

    def _why_waiting(self, request: Request) -> Reason:
        options = [o for wish in request.wishes for o in self._options(request, wish)]
        if not any(o.offered.any() for o in options):
            return Reason(code="round.no_pool", params={"models": _models(request)})
        if not any((o.offered >= o.wish.minimum).any() for o in options):
            return _too_small(request, options)
        if not any(o.possible.any() for o in options):
            return self._blocks_full(request, _nearest(request, options, large=True))
        if not any((o.possible & o.allowed).any() for o in options):
            return self._cap_full(request, options)
        return self._pool_full(request, _nearest(request, options))

    def _options(self, request: Request, wish: Wish) -> Iterator[_Options]:
        if wish.model not in self._round.by_model:
            return
        key, starts = (wish.model, request.months), slice(request.earliest, request.latest + 1)
        offered = self._empty.servers(*key)[:, starts]
        room = fit = self._left.servers(*key)[:, starts]
        possible = offered >= wish.minimum
        if request.contiguity == "blocks":
            possible = possible & (self._empty.in_blocks(*key)[:, starts] >= wish.minimum)
            fit = np.minimum(fit, self._left.in_blocks(*key)[:, starts])
        allowed = np.ones(offered.shape[1], dtype=np.bool_)
        for limit in caps_of(self._round, request, wish.model):
            allowed &= self._left.cap(limit, request.months)[starts] >= wish.minimum
        yield _Options(wish, offered, room, fit, possible, allowed)

    def _cap_full(self, request: Request, options: list[_Options]) -> Reason:
        """Caps stand in every way: the one to name, at the start where it leaves the most."""
        total = sum(int(o.possible.sum()) for o in options)
        blocked: dict[Limit, int] = {}
        nearest: dict[Limit, tuple[int, int, Wish]] = {}
        starts = slice(request.earliest, request.latest + 1)
        for o in options:
            possible = o.possible.sum(axis=0)
            for limit in caps_of(self._round, request, o.wish.model):
                left = self._left.cap(limit, request.months)[starts]
                full = (left < o.wish.minimum) & (possible > 0)
                if not full.any():
                    continue
                blocked[limit] = blocked.get(limit, 0) + int(possible[full].sum())
                start = int(np.where(full, left, -1).argmax())
                here = (o.wish.minimum - int(left[start]), request.earliest + start, o.wish)
                if limit not in nearest or here[0] < nearest[limit][0]:
                    nearest[limit] = here
        named = min(
            blocked,
            key=lambda x: (blocked[x] < total, self._worse_under(x, request), *_order(x)),
        )
        _, start, wish = nearest[named]
        return self._under(named, request, wish, start)

    def _under(self, limit: Limit, request: Request, wish: Wish, start: int) -> Reason:
        room = int(self._left.cap(limit, request.months)[start])
        return Reason(
            code=FULL[limit.kind],
            params={
                "place": self._place(request),
                "limit": _called(limit),
                "window": said(start, request.months),
                "minimum": wish.minimum,
                "room": room,
                "short": wish.minimum - room,
            },
        )

    def _pool_full(self, request: Request, nearest: _Nearest) -> Reason:
        if nearest.room >= nearest.wish.minimum:
            if request.contiguity == "blocks":
                return self._blocks_full(request, nearest)
            return self._short("round.would_pass_over", request, nearest)
        if not self._round.ranked:
            return self._outscored(request, nearest)
        return self._passed_over(request, nearest) or self._cut_off(request, nearest)

    def _passed_over(self, request: Request, nearest: _Nearest) -> Reason | None:
        """What excuses the worst placed one whose servers would do for the request."""
        found = self._worst_holding_what_would_do(request)
        if found is None:
            return None
        wish, holder = found
        excuse = self._excuses.excuse(request, wish, holder)
        if excuse is None:
            return None
        limit, start = excuse
        if limit in self._round.bound(request, wish.model):
            return self._under(limit, request, wish, start)
        return self._short(
            "round.floor_ahead",
            request,
            nearest,
            limit=_called(limit),
            least=limit.least or 0,
            cutoff=holder.place,
        )

    def _worst_holding_what_would_do(self, request: Request) -> tuple[Wish, Holder] | None:
        found: list[tuple[Wish, Holder]] = []
        for wish in request.wishes:
            served = self._rivals.of(request, wish.model)
            if served is not None:
                holding = self._excuses.worse_holders(request, wish, served)
                found += [(wish, served.holders[n]) for n in np.flatnonzero(holding)[-1:]]
        return max(found, key=lambda one: one[1].place, default=None)

    def _cut_off(self, request: Request, nearest: _Nearest) -> Reason:
        """The worst place served of its class in the pools and months it accepts."""
        last: Holder | None = None
        for wish in request.wishes:
            served = self._rivals.of(request, wish.model)
            if served is None:
                continue
            here = np.flatnonzero(served.overlapping(request))
            if here.size and (last is None or served.holders[here[-1]].place > last.place):
                last = served.holders[here[-1]]
        if last is None:
            return self._short("round.other_classes_ahead", request, nearest)
        place = self._place(request)
        if last.place > place:
            return self._short("round.pool_full", request, nearest, cutoff=last.place)
        ahead, own = rounded(last.request.score), rounded(request.score)
        return self._short(
            "round.better_ranked_ahead",
            request,
            nearest,
            cutoff=last.place,
            behind=place - last.place,
            cutoff_score=written(ahead),
            score=written(own),
            points=written(abs(ahead - own)),
        )

    def _outscored(self, request: Request, nearest: _Nearest) -> Reason:
        lowest = [self._rivals.lowest_score(request, wish.model) for wish in request.wishes]
        return self._short(
            "round.outscored",
            request,
            nearest,
            score=written(rounded(request.score)),
            cutoff_score=written(rounded(min(s for s in lowest if s is not None))),
        )

    def _blocks_full(self, request: Request, nearest: _Nearest) -> Reason:
        offer = self._round.by_model[nearest.wish.model][nearest.row]
        blocks = blocks_for(nearest.wish.minimum, offer)
        in_blocks = self._left.in_blocks(nearest.wish.model, request.months)
        room = int(in_blocks[nearest.row, nearest.start]) // offer.block_servers
        params = {
            "place": self._place(request),
            "blocks": blocks,
            "pool": offer.pool,
            "window": said(nearest.start, request.months),
        }
        if room >= blocks:
            return Reason(code="round.blocks_split", params={**params})
        return Reason(
            code="round.blocks_full", params={**params, "room": room, "short": blocks - room}
        )

    def _short(self, code: str, request: Request, nearest: _Nearest, **more: int | str) -> Reason:
        return Reason(
            code=code,
            params={
                "place": self._place(request),
                "minimum": nearest.wish.minimum,
                "model": nearest.wish.model,
                "pool": self._round.by_model[nearest.wish.model][nearest.row].pool,
                "room": nearest.room,
                "short": nearest.wish.minimum - nearest.room,
                "window": said(nearest.start, request.months),
                **more,
            },
        )


def rounded(score: Fraction) -> Fraction:
    """A score as it is said: two decimals, half up."""
    return Fraction(floor(score * 100 + Fraction(1, 2)), 100)


def written(hundredths: Fraction) -> str:
    """A number of two decimals as text."""
    whole = int(hundredths * 100)
    return f"{whole // 100}.{whole % 100:02}"


def _called(limit: Limit) -> str:
    """How a cap or floor is called in a sentence about its kind."""
    if limit.unit and limit.kind != "organisation_cap":
        return f"{limit.name} ({limit.unit})"
    return limit.unit or limit.name


def _order(limit: Limit) -> tuple[str, str, str]:
    return limit.kind, limit.name, limit.unit


def _models(request: Request) -> str:
    return ", ".join(wish.model for wish in request.wishes)


def _too_small(request: Request, options: list[_Options]) -> Reason:
    nearest = min(options, key=lambda o: o.wish.minimum - int(o.offered.max()))
    largest = int(nearest.offered.max())
    return Reason(
        code="round.pool_too_small",
        params={
            "models": _models(request),
            "minimum": nearest.wish.minimum,
            "largest": largest,
            "short": nearest.wish.minimum - largest,
        },
    )


def _nearest(request: Request, options: list[_Options], *, large: bool = False) -> _Nearest:
    """The fewest servers short; then the most wanted model, the first pool, the first start.

    `large`: of the pools with servers enough, whatever blocks and caps; else under no full cap.
    """
    best: _Nearest | None = None
    for o in options:
        allowed = o.offered >= o.wish.minimum if large else o.allowed & (o.offered >= 0)
        if not allowed.any():
            continue
        row, column = np.unravel_index(np.where(allowed, o.fit, -1).argmax(), o.fit.shape)
        fit = int(o.fit[row, column])
        if best is None or o.wish.minimum - fit < best.wish.minimum - best.fit:
            room = int(o.room[row, column])
            best = _Nearest(o.wish, int(row), request.earliest + int(column), room, fit)
    if best is None:
        raise ValueError(f"application {request.application!r} has no option to explain")
    return best
