"""The smallest change that would have served somebody who waits, in the plan as it stands.

- A change is proposed only if the changed request fits into the room left with its minimum, or
  into that room and the servers of the one it would have come before: no new plan is guessed at.
- Size, smallest first: servers given up as a share of the minimum; months given up as a share of
  those asked; months that the start moves as a share of the round; whole blocks, a quarter; one
  more model, a half. Equal sizes go in the order of `_KINDS`.
- More points come after what leaves half of what was asked and before what leaves less: they are
  not the applicant's to choose. They are said under strict rank alone, where a better score is a
  better place.
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
from dure.engine.allocation.facts import Request, Wish
from dure.engine.allocation.limits import Award, Awards, Round, Whole
from dure.engine.allocation.overtaking import Overtaking
from dure.engine.allocation.rivals import Holder, Mask, Rivals
from dure.engine.allocation.unlisted import Unlisted
from dure.engine.allocation.windows import Windows, said
from dure.vocabulary.plans import Reason

WITHOUT_BLOCKS: Final = Fraction(1, 4)
ONE_MORE_MODEL: Final = Fraction(1, 2)
MORE_POINTS: Final = Fraction(51, 100)
"""Our choice: a project can more often do without whole blocks than port its code."""

_KINDS: Final = (
    "fewer_servers",
    "other_model",
    "later_start",
    "earlier_start",
    "shorter",
    "without_blocks",
    "more_points",
)


@dataclass(frozen=True, slots=True)
class Change:
    """A changed request and the award that fits it, once `instead_of` (if anybody) gives way."""

    reason: Reason
    request: Request
    award: Award
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """A change found: how large, of which kind, and where the changed request would stand."""

    size: Fraction
    kind: str
    wish: Wish
    row: int
    start: int
    months: int
    passed: Holder | None = None


def smallest(round_: Round, awards: Awards, request: Request) -> Reason | None:
    """The smallest change for one request; for many, keep one `Changes`."""
    return Changes(round_, awards).smallest(request)


class Changes:
    """The changes that would have served somebody in one finished plan."""

    def __init__(self, round_: Round, awards: Awards) -> None:
        self._round = round_
        self._awards = awards
        self._left = Windows(round_, round_.room(awards))
        self._overtaking = Overtaking(round_, self._left, Rivals(round_, awards))
        self._unlisted = Unlisted(round_, awards)
        self._weights = _weights(round_)
        self._conversions: dict[tuple[int, int, tuple[int, int], str], Wish] = {}

    def smallest(self, request: Request) -> Reason | None:
        """The sentence of the smallest change; None where nothing of the kind helps."""
        found = self.found(request)
        return None if found is None else found.reason

    def found(self, request: Request) -> Change | None:
        """The smallest change itself, with what it changes."""
        if request.application in self._awards or self._fits_already(request):
            return None
        steps = list(self._steps(request))
        if all(step.size >= ONE_MORE_MODEL for step in steps):
            steps += self._other_models(request)
        if all(step.size > MORE_POINTS for step in steps):
            steps = self._more_points(request) or [*steps, *self._much_shorter(request)]
        first = min(steps, key=lambda s: (s.size, _KINDS.index(s.kind)), default=None)
        return None if first is None else self._made(request, first)

    def _fits_already(self, request: Request) -> bool:
        """Room can be left on purpose (see `explain`): no change of the request is due."""
        return any(
            bool((_within(request, self._fitting(request, wish.model)) >= wish.minimum).any())
            for wish in request.wishes
            if wish.model in self._round.by_model
            and self._left.best(request, wish.model) >= wish.minimum
        )

    def _steps(self, request: Request) -> Iterator[_Step]:
        for wish in request.wishes:
            if wish.model not in self._round.by_model:
                continue
            best = self._left.best(request, wish.model)
            if best > 0:
                yield from self._fewer(request, wish)
            if best >= wish.minimum:
                yield from self._moved(request, wish)
                yield from self._shorter(request, wish)
                yield from self._without_blocks(request, wish)

    def _other_models(self, request: Request) -> Iterator[_Step]:
        for model in self._round.by_model:
            best = self._left.best(request, model)
            if best > 0 and all(wish.model != model for wish in request.wishes):
                yield from self._other_model(request, model)

    def _fitting(self, request: Request, model: str) -> Whole:
        blocks = request.contiguity == "blocks"
        return self._left.fitting(request, model, request.months, blocks=blocks)

    def _fewer(self, request: Request, wish: Wish) -> Iterator[_Step]:
        most = _within(request, self._fitting(request, wish.model))
        servers = int(most.max())
        if servers > 0:
            row, start = _first(request, most >= servers)
            less = wish.model_copy(update={"servers": servers, "minimum": servers})
            size = Fraction(wish.minimum - servers, wish.minimum)
            yield _Step(size, "fewer_servers", less, row, start, request.months)

    def _moved(self, request: Request, wish: Wish) -> Iterator[_Step]:
        fits = self._fitting(request, wish.model) >= wish.minimum
        starts = np.flatnonzero(fits.any(axis=0))
        later, earlier = starts[starts > request.latest], starts[starts < request.earliest]
        for kind, start, bound in (
            *(("later_start", int(start), request.latest) for start in later[:1]),
            *(("earlier_start", int(start), request.earliest) for start in earlier[-1:]),
        ):
            size = Fraction(abs(start - bound), self._round.snapshot.months)
            yield _Step(size, kind, wish, int(fits[:, start].argmax()), start, request.months)

    def _shorter(self, request: Request, wish: Wish) -> Iterator[_Step]:
        """The most months that fit, if they are half of what was asked or more."""
        half = (request.months + 1) // 2
        if half < request.months and self._fits_for(request, wish, half).any():
            yield from self._most_months(request, wish, half)

    def _much_shorter(self, request: Request) -> Iterator[_Step]:
        for wish in request.wishes:
            if wish.model in self._round.by_model:
                yield from self._most_months(request, wish, 0)

    def _most_months(self, request: Request, wish: Wish, fits: int) -> Iterator[_Step]:
        """The most months that fit; whatever fits for more months fits for fewer."""
        fails = request.months
        while fails - fits > 1:
            months = (fits + fails) // 2
            if self._fits_for(request, wish, months).any():
                fits = months
            else:
                fails = months
        if fits > 0:
            row, start = _first(request, self._fits_for(request, wish, fits))
            size = Fraction(request.months - fits, request.months)
            yield _Step(size, "shorter", wish, row, start, fits)

    def _fits_for(self, request: Request, wish: Wish, months: int) -> Mask:
        blocks = request.contiguity == "blocks"
        fitting = self._left.fitting(request, wish.model, months, blocks=blocks)
        fits: Mask = _within(request, fitting) >= wish.minimum
        return fits

    def _without_blocks(self, request: Request, wish: Wish) -> Iterator[_Step]:
        if request.contiguity != "blocks":
            return
        fitting = self._left.fitting(request, wish.model, request.months, blocks=False)
        fits = _within(request, fitting) >= wish.minimum
        if fits.any():
            row, start = _first(request, fits)
            yield _Step(WITHOUT_BLOCKS, "without_blocks", wish, row, start, request.months)

    def _other_model(self, request: Request, model: str) -> Iterator[_Step]:
        wish = self._converted(request.wishes[0], model)
        if self._left.best(request, model) < wish.minimum:
            return
        fits = _within(request, self._fitting(request, model)) >= wish.minimum
        for row, column in np.argwhere(fits) if fits.any() else ():
            start = request.earliest + int(column)
            step = _Step(ONE_MORE_MODEL, "other_model", wish, int(row), start, request.months)
            if self._unlisted.allow(request, model, self._award(step)):
                yield step
                return

    def _converted(self, first: Wish, model: str) -> Wish:
        """The most wanted model's servers in servers of another."""
        key = (first.servers, first.minimum, first.weight.as_integer_ratio(), model)
        if key not in self._conversions:
            weight = self._weights.get(model, first.weight)
            minimum, servers = (
                ceil(n * first.weight / weight) for n in (first.minimum, first.servers)
            )
            self._conversions[key] = Wish(
                model=model, servers=servers, minimum=minimum, weight=weight
            )
        return self._conversions[key]

    def _more_points(self, request: Request) -> list[_Step]:
        """Passing the last served of its class whose servers would do."""
        if self._round.policy.policy != "strict-rank":
            return []
        found = self._overtaking.last(request)
        if found is None:
            return []
        wish, holder, start = found
        pools = [offer.pool for offer in self._round.by_model[wish.model]]
        row = pools.index(holder.award.pool)
        return [_Step(MORE_POINTS, "more_points", wish, row, start, request.months, holder)]

    def _award(self, step: _Step) -> Award:
        pool = self._round.by_model[step.wish.model][step.row].pool
        return Award(pool, step.wish.minimum, step.start)

    def _made(self, request: Request, step: _Step) -> Change:
        award = self._award(step)
        changed, params = self._told(request, step)
        where = {
            "model": step.wish.model,
            "pool": award.pool,
            "window": said(award.start, step.months),
            "minimum": step.wish.minimum,
        }
        return Change(
            reason=Reason(code=f"change.{step.kind}", params={**where, **params}),
            request=request.model_copy(update=changed),
            award=award,
            instead_of=None if step.passed is None else step.passed.request.application,
        )

    def _told(
        self, request: Request, step: _Step
    ) -> tuple[dict[str, object], Mapping[str, int | str]]:
        """What changes in the request, and the figures that say so."""
        wish, start = step.wish, step.start
        match step.kind:
            case "fewer_servers":
                asked = next(w.minimum for w in request.wishes if w.model == wish.model)
                fewer = asked - wish.minimum
                params = {"servers": wish.minimum, "minimum": asked, "fewer": fewer}
                return {"wishes": (wish,)}, params
            case "other_model":
                return {"wishes": (*request.wishes, wish)}, {"servers": wish.minimum}
            case "later_start":
                return {"latest": start}, {"start": start + 1, "bound": request.latest + 1}
            case "earlier_start":
                return {"earliest": start}, {"start": start + 1, "bound": request.earliest + 1}
            case "shorter":
                return {"months": step.months}, {"months": step.months, "asked": request.months}
            case "without_blocks":
                return {"contiguity": "cluster"}, {}
            case _:
                return self._told_of_points(request, step)

    def _told_of_points(
        self, request: Request, step: _Step
    ) -> tuple[dict[str, object], Mapping[str, int | str]]:
        if step.passed is None:
            raise ValueError(f"{step.kind} is no change that this module knows")
        score = _just_above(step.passed.request.score)
        return {"score": score}, {
            "score": written(score),
            "points": written(_up(score - request.score)),
            "cutoff": step.passed.place,
            "places": self._round.place[request.application] - step.passed.place,
        }


def _within(request: Request, fitting: Whole) -> Whole:
    """The columns of the starts that the request allows."""
    columns: Whole = fitting[:, request.earliest : request.latest + 1]
    return columns


def _first(request: Request, fits: Mask) -> tuple[int, int]:
    """The first pool, and in it the first start, of those that fit."""
    row, column = divmod(int(fits.argmax()), fits.shape[1])
    return row, request.earliest + column


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
