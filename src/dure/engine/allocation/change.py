"""The smallest change that would have served somebody who waits, in the plan as it stands.

- A change is proposed only if the changed request fits into the room left with its minimum, or
  into that room and the servers of the one it would have come before: no new plan is guessed at.
- Size, smallest first: servers given up as a share of the minimum; months given up as a share of
  those asked; months that the start moves as a share of the round; whole blocks, a quarter; one
  more model, a half. Equal sizes go in the order of `_KINDS`.
- More points come last: they are not the applicant's to choose. They are said under strict rank
  alone, where a better score is a better place.
- Another model is counted with the weights that wishes of this round give it; the same number
  where nobody names it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Final

import numpy as np

from dure.engine.allocation.explain import written
from dure.engine.allocation.facts import Group, Monthly, Request, Wish
from dure.engine.allocation.limits import Award, Awards, Round, Whole
from dure.engine.allocation.matching import holds, unit, wants
from dure.engine.allocation.rivals import Holder, Mask, Rivals, Served
from dure.engine.allocation.windows import Windows, caps_of, said
from dure.vocabulary.plans import Reason

WITHOUT_BLOCKS: Final = Fraction(1, 4)
ONE_MORE_MODEL: Final = Fraction(1, 2)
"""Our choice: a project can more often do without whole blocks than port its code."""

_KINDS: Final = (
    "fewer_servers",
    "other_model",
    "later_start",
    "earlier_start",
    "shorter",
    "without_blocks",
)


@dataclass(frozen=True, slots=True)
class Change:
    """A changed request and the award that fits it, once `instead_of` (if anybody) gives way."""

    reason: Reason
    request: Request
    award: Award
    size: Fraction
    instead_of: str | None = None


def smallest(round_: Round, awards: Awards, request: Request) -> Reason | None:
    """The smallest change for one request; for many, keep one `Changes`."""
    return Changes(round_, awards).smallest(request)


class Changes:
    """The changes that would have served somebody in one finished plan."""

    def __init__(self, round_: Round, awards: Awards) -> None:
        self._round = round_
        self._awards = awards
        self._left = Windows(round_, round_.room(awards))
        self._rivals = Rivals(round_, awards)
        self._weights = _weights(round_)
        self._unlisted: dict[tuple[str, str], Monthly] = {}

    def smallest(self, request: Request) -> Reason | None:
        """The sentence of the smallest change; None where nothing of the kind helps."""
        found = self.found(request)
        return None if found is None else found.reason

    def found(self, request: Request) -> Change | None:
        """The smallest change itself, with what it changes."""
        if request.application in self._awards:
            return None
        candidates = [c for c in self._candidates(request) if c is not None]
        first = min(
            candidates, key=lambda c: (c.size, _KINDS.index(c.reason.code[7:])), default=None
        )
        return first or self._more_points(request)

    def _candidates(self, request: Request) -> Iterator[Change | None]:
        for wish in request.wishes:
            if wish.model in self._round.by_model:
                fitting = self._fitting(request, wish.model)
                yield self._fewer(request, wish, fitting)
                yield from self._moved(request, wish, fitting)
                yield self._shorter(request, wish)
                yield self._without_blocks(request, wish)
        for model in self._round.by_model:
            if all(wish.model != model for wish in request.wishes):
                yield self._other_model(request, model)

    def _fitting(self, request: Request, model: str) -> Whole:
        blocks = request.contiguity == "blocks"
        return self._left.fitting(request, model, request.months, blocks=blocks)

    def _fewer(self, request: Request, wish: Wish, fitting: Whole) -> Change | None:
        most = _within(request, fitting)
        servers = int(most.max())
        if not 0 < servers < wish.minimum:
            return None
        row, column = np.unravel_index(most.argmax(), most.shape)
        fewer = wish.minimum - servers
        changed = wish.model_copy(update={"servers": servers, "minimum": servers})
        return self._change(
            "fewer_servers",
            request.model_copy(update={"wishes": (changed,)}),
            self._award(wish.model, int(row), servers, request.earliest + int(column)),
            size=Fraction(fewer, wish.minimum),
            params={"servers": servers, "minimum": wish.minimum, "fewer": fewer},
        )

    def _moved(self, request: Request, wish: Wish, fitting: Whole) -> Iterator[Change | None]:
        starts = np.flatnonzero((fitting >= wish.minimum).any(axis=0))
        later, earlier = starts[starts > request.latest], starts[starts < request.earliest]
        if later.size:
            yield self._start_at(int(later[0]), "later_start", request, wish, fitting)
        if earlier.size:
            yield self._start_at(int(earlier[-1]), "earlier_start", request, wish, fitting)

    def _start_at(
        self, start: int, kind: str, request: Request, wish: Wish, fitting: Whole
    ) -> Change:
        bound = request.latest if kind == "later_start" else request.earliest
        end = "latest" if kind == "later_start" else "earliest"
        row = int((fitting[:, start] >= wish.minimum).argmax())
        return self._change(
            kind,
            request.model_copy(update={end: start}),
            self._award(wish.model, row, wish.minimum, start),
            size=Fraction(abs(start - bound), self._round.snapshot.months),
            params={"start": start + 1, "bound": bound + 1, "minimum": wish.minimum},
        )

    def _shorter(self, request: Request, wish: Wish) -> Change | None:
        """The most months that fit; whatever fits for more months fits for fewer."""
        fits, fails = 0, request.months
        while fails - fits > 1:
            months = (fits + fails) // 2
            if self._fits_for(request, wish, months).any():
                fits = months
            else:
                fails = months
        if fits == 0:
            return None
        row, column = np.argwhere(self._fits_for(request, wish, fits))[0]
        return self._change(
            "shorter",
            request.model_copy(update={"months": fits}),
            self._award(wish.model, int(row), wish.minimum, request.earliest + int(column)),
            size=Fraction(request.months - fits, request.months),
            params={"months": fits, "asked": request.months, "minimum": wish.minimum},
        )

    def _fits_for(self, request: Request, wish: Wish, months: int) -> Mask:
        blocks = request.contiguity == "blocks"
        fitting = self._left.fitting(request, wish.model, months, blocks=blocks)
        fits: Mask = _within(request, fitting) >= wish.minimum
        return fits

    def _without_blocks(self, request: Request, wish: Wish) -> Change | None:
        if request.contiguity != "blocks":
            return None
        fitting = self._left.fitting(request, wish.model, request.months, blocks=False)
        fits = np.argwhere(_within(request, fitting) >= wish.minimum)
        if not len(fits):
            return None
        row, column = fits[0]
        return self._change(
            "without_blocks",
            request.model_copy(update={"contiguity": "cluster"}),
            self._award(wish.model, int(row), wish.minimum, request.earliest + int(column)),
            size=WITHOUT_BLOCKS,
            params={"minimum": wish.minimum},
        )

    def _other_model(self, request: Request, model: str) -> Change | None:
        first = request.wishes[0]
        weight = self._weights.get(model)
        rate = Fraction(1) if weight is None else first.weight / weight
        needed = ceil(first.minimum * rate)
        fits = np.argwhere(_within(request, self._fitting(request, model)) >= needed)
        for row, column in fits:
            award = self._award(model, int(row), needed, request.earliest + int(column))
            if self._under_unlisted(request, model, award):
                wish = Wish(
                    model=model,
                    servers=max(needed, ceil(first.servers * rate)),
                    minimum=needed,
                    weight=weight or first.weight,
                )
                return self._change(
                    "other_model",
                    request.model_copy(update={"wishes": (*request.wishes, wish)}),
                    award,
                    size=ONE_MORE_MODEL,
                    params={"servers": needed},
                )
        return None

    def _under_unlisted(self, request: Request, model: str, award: Award) -> bool:
        """Whether caps hold that only this further wish could fill, which the round left out."""
        listed = {(x.name, x.unit) for x in caps_of(self._round, request, model)}
        months = range(award.start, award.start + request.months)
        return all(
            self._room_unlisted(group, unit(group, request))[month] >= award.servers
            for group in self._round.policy.groups
            if group.most is not None
            and wants(group, request, model)
            and (group.group, unit(group, request)) not in listed
            for month in months
        )

    def _room_unlisted(self, group: Group, name: str) -> Monthly:
        key = (group.group, name)
        if key not in self._unlisted:
            self._unlisted[key] = self._count_room(group, name)
        return self._unlisted[key]

    def _count_room(self, group: Group, name: str) -> Monthly:
        room = [group.most or 0] * self._round.snapshot.months
        for held in self._round.snapshot.held:
            if holds(group, held) and unit(group, held) == name:
                room = [left - servers for left, servers in zip(room, held.servers, strict=True)]
        for request in self._round.requests:
            award = self._awards.get(request.application)
            if award is None or unit(group, request) != name:
                continue
            if wants(group, request, self._round.offers[award.pool].model):
                for month in range(award.start, award.start + request.months):
                    room[month] -= award.servers
        return tuple(room)

    def _more_points(self, request: Request) -> Change | None:
        """The last served of its class whose servers would do, and what it takes to pass it."""
        if self._round.policy.policy != "strict-rank":
            return None
        found = [f for wish in request.wishes if (f := self._to_pass(request, wish)) is not None]
        if not found:
            return None
        wish, holder, start = max(found, key=lambda one: one[1].place)
        place = self._round.place[request.application]
        score = _just_above(holder.request.score)
        return self._change(
            "more_points",
            request.model_copy(update={"score": score}),
            Award(holder.award.pool, wish.minimum, start),
            size=Fraction(place - holder.place),
            params={
                "score": written(score),
                "points": written(_up(score - request.score)),
                "cutoff": holder.place,
                "places": place - holder.place,
                "minimum": wish.minimum,
            },
            instead_of=holder.request.application,
        )

    def _to_pass(self, request: Request, wish: Wish) -> tuple[Wish, Holder, int] | None:
        served = self._rivals.of(request, wish.model)
        if served is None:
            return None
        candidates = served.place < self._round.place[request.application]
        candidates &= served.would_do(request, wish)
        if candidates.any():
            candidates &= self._may_give_way(request, wish, served)
        for index in np.flatnonzero(candidates)[::-1]:
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
            gain = wish.minimum * request.months if limit in own else 0
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

    def _award(self, model: str, row: int, servers: int, start: int) -> Award:
        return Award(self._round.by_model[model][row].pool, servers, start)

    def _change(
        self,
        kind: str,
        request: Request,
        award: Award,
        *,
        size: Fraction,
        params: Mapping[str, int | str],
        instead_of: str | None = None,
    ) -> Change:
        where = {
            "model": self._round.offers[award.pool].model,
            "pool": award.pool,
            "window": said(award.start, request.months),
        }
        reason = Reason(code=f"change.{kind}", params={**where, **params})
        return Change(reason, request, award, size, instead_of)


def _within(request: Request, fitting: Whole) -> Whole:
    """The columns of the starts that the request allows."""
    columns: Whole = fitting[:, request.earliest : request.latest + 1]
    return columns


def _weights(round_: Round) -> Mapping[str, Fraction]:
    """The weight that most wishes of the round give each model; of equals the smallest."""
    seen: dict[str, Counter[Fraction]] = {}
    for request in round_.requests:
        for wish in request.wishes:
            seen.setdefault(wish.model, Counter())[wish.weight] += 1
    return {
        model: min(counts, key=lambda weight: (-counts[weight], weight))
        for model, counts in seen.items()
    }


def _just_above(score: Fraction) -> Fraction:
    """The least number of two decimals that is more than the score."""
    return Fraction(floor(score * 100) + 1, 100)


def _up(points: Fraction) -> Fraction:
    """Two decimals, rounded up: never less than it takes."""
    return Fraction(ceil(points * 100), 100)
