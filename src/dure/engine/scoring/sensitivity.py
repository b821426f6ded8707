"""Whose outcome hangs on the correction, on one reviewer, on one point.

- Who is served is asked of the caller: a function from the order of rank to those served. It is
  asked once for each order that differs, so a quick one is wanted: a panel of 514 applications by
  60 reviewers gives some three thousand orders.
- The correction alone changes the whole order, and only once: there the round itself may be asked,
  where the caller gives `decided`. For one reviewer and one point a quick `served` stands for it.
- On the correction: beside the order of the raw scores, or, where the rubric corrects nothing,
  beside the order after the mixed-effects correction.
- On one reviewer: the model is fitted anew to the panel without that reviewer; an application may
  then have one review less than the rubric asks.
- On one point: one point more or less from one of the application's own reviewers, with the
  panel's variances and spreads held; a single point does not move them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from dure.engine.scoring.facts import ScoringSnapshot
from dure.engine.scoring.planning import Order, Orders, orders, orders_of
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.programme.calls import Rubric

Served = Callable[[Sequence[str]], frozenset[str]]
"""From the ranked applications, best first, to those that are served."""

Change = Literal[-1, 1]

_UNIT: Final = 10**9
"""Scores as whole numbers of billionths: means of up to 30,000 reviews stay apart."""

_THOUSANDTH: Final = _UNIT // 1000


class OnePoint(Frozen):
    """One point more (1) or less (-1) from this reviewer."""

    reviewer: str
    change: Change


class Dependence(Frozen):
    """What would turn one application's outcome, each by itself."""

    application: str
    served: bool
    on_correction: bool
    on_reviewers: tuple[str, ...]
    on_points: tuple[OnePoint, ...]


class Sensitivity(Frozen):
    """Those whose outcome hangs on something, best rank first; `served` counts all served."""

    compared: Literal["mixed-effects", "rank-based"]
    served: int
    dependent: tuple[Dependence, ...]


def until_used_up(wanted: Mapping[str, int], offered: int) -> Served:
    """Serves by rank: each application that still fits into what is left of `offered`."""

    def served(ranked: Sequence[str]) -> frozenset[str]:
        left, found = offered, []
        for application in ranked:
            if wanted[application] <= left:
                left -= wanted[application]
                found.append(application)
        return frozenset(found)

    return served


def sensitivity(
    snapshot: ScoringSnapshot,
    rubric: Rubric,
    seed: str,
    served: Served,
    *,
    decided: Served | None = None,
) -> Sensitivity:
    """Raises what `plan` raises. `decided` is asked twice, for what hangs on the correction."""
    case = _Case(snapshot, rubric, seed, served, decided or served)
    reviewers = dict(case.by_reviewer())
    points = dict(case.by_point())
    turned = case.turned_by_correction
    names = [one.application for one in case.orders.order.standings]
    return Sensitivity(
        compared=case.compared,
        served=len(case.base),
        dependent=tuple(
            Dependence(
                application=name,
                served=name in case.awarded,
                on_correction=name in turned,
                on_reviewers=tuple(r for r, changed in reviewers.items() if name in changed),
                on_points=points.get(name, ()),
            )
            for name in names
            if name in turned
            or name in points
            or any(name in changed for changed in reviewers.values())
        ),
    )


@dataclass(frozen=True)
class _Case:
    """One ranking, and who is served by it."""

    snapshot: ScoringSnapshot
    rubric: Rubric
    seed: str
    served: Served
    decided: Served

    @cached_property
    def orders(self) -> Orders:
        return orders(self.snapshot, self.rubric, self.seed)

    @cached_property
    def base(self) -> frozenset[str]:
        return self.served(tuple(self.orders.order.ranks))

    @cached_property
    def awarded(self) -> frozenset[str]:
        """Who is served by the round itself, as far as it can be asked."""
        return self.decided(tuple(self.orders.order.ranks))

    @property
    def compared(self) -> Literal["mixed-effects", "rank-based"]:
        return "mixed-effects" if self.rubric.correction == "none" else self.rubric.correction

    @cached_property
    def turned_by_correction(self) -> frozenset[str]:
        if self.rubric.correction != "none":
            other = self.orders.raw
        else:
            corrected = self.rubric.model_copy(update={"correction": self.compared})
            other = orders(self.snapshot, corrected, self.seed).order
        return self.awarded ^ self.decided(tuple(other.ranks))

    def by_reviewer(self) -> Iterator[tuple[str, frozenset[str]]]:
        """For each reviewer: whose outcome turns without that reviewer."""
        fewer = {"reviews_per_application": max(1, self.rubric.reviews_per_application - 1)}
        rubric = self.rubric.model_copy(update=fewer)
        for number, reviewer in enumerate(self.orders.panel.reviewers):
            left = self.orders.panel.without(number)
            order = orders_of(left, self.snapshot, rubric, self.seed).order
            ranked = [name for name in order.ranks if not self._had_too_few(name)]
            yield reviewer, self.base ^ self.served(ranked)

    def _had_too_few(self, application: str) -> bool:
        return _why(self.orders.order, application) == "scoring.too_few_reviews"

    def by_point(self) -> Iterator[tuple[str, tuple[OnePoint, ...]]]:
        """For each application that hangs on a point: on whose."""
        points = _Points(self.orders, self.rubric)
        for place, numbers in enumerate(self.orders.panel.of_application):
            name = self.orders.panel.applications[place]
            if self._had_too_few(name):
                continue
            found = tuple(
                OnePoint(reviewer=self.orders.panel.reviewers[reviewer], change=change)
                for number in numbers
                for reviewer in (self.orders.panel.judged[number][1],)
                for change in points.possible(number)
                if (name in self.base) != self._served_after(points, number, change, name)
            )
            if found:
                yield name, found

    def _served_after(self, points: _Points, number: int, change: Change, name: str) -> bool:
        ranked = points.order_after(number, change)
        return name in (self.base if ranked is None else self.served(ranked))


def _why(order: Order, application: str) -> str:
    reason = order.kept_out.get(application)
    return reason.code if reason else ""


class _Points:
    """The order after one point, by adding to every score what the point adds to it."""

    def __init__(self, made: Orders, rubric: Rubric) -> None:
        self.made, self.rubric, self.panel = made, rubric, made.panel
        standing = {s.application: s for s in made.order.standings}
        names = self.panel.applications
        ties = sorted(names, key=lambda name: standing[name].tie_break)
        place = {name: n for n, name in enumerate(ties)}
        self.ties = np.array([place[name] for name in names])
        self.bonus = [standing[name].bonus for name in names]
        self.scores = np.array([_units(standing[name].score) for name in names])
        self.raw = np.array([_units(standing[name].raw) for name in names])
        self.enough = np.array([_why(made.order, n) != "scoring.too_few_reviews" for n in names])
        self.before = self._order(self.scores, self.raw)

    def possible(self, number: int) -> tuple[Change, ...]:
        """The changes that leave the points within the rubric."""
        given = self.panel.points[number]
        less: tuple[Change, ...] = (-1,) if given > 0 else ()
        return (*less, 1) if given < self.rubric.total else less

    def order_after(self, number: int, change: Change) -> list[str] | None:
        """The ranked applications after the change; None where the order stays."""
        raw = self.raw.copy()
        place = self.panel.judged[number][0]
        numbers = self.panel.of_application[place]
        added = Fraction(sum(self.panel.points[n] for n in numbers) + change, len(numbers))
        raw[place] = _units(added + self.bonus[place])
        scores = raw if self.made.correction is None else self.scores + self._added(number, change)
        after = self._order(scores, raw)
        if np.array_equal(after, self.before):
            return None
        return [self.panel.applications[n] for n in after]

    def _order(self, scores: NDArray[np.int64], raw: NDArray[np.int64]) -> NDArray[np.intp]:
        judged = raw if self.rubric.correction == "rank-based" else scores
        ranked = np.flatnonzero(self.enough & (judged >= _units(self.rubric.pass_mark)))
        return ranked[np.lexsort((self.ties[ranked], -scores[ranked]))]

    def _added(self, number: int, change: Change) -> NDArray[np.int64]:
        """What the point adds to each corrected score, in whole thousandths."""
        correction = self.made.correction
        assert correction is not None  # noqa: S101  # the caller asked
        reviewer = self.panel.judged[number][1]
        own = self.panel.of_reviewer[reviewer]
        given = [self.panel.points[n] + (change if n == number else 0) for n in own]
        values = np.zeros(len(self.panel.points))
        for n, value in zip(own, correction.scale.values(reviewer, given), strict=True):
            values[n] = value - correction.values[n]
        equations = correction.fit.equations
        left = values - correction.fit.effects(values)[equations.reviewer]
        sums = np.bincount(equations.application, left, minlength=len(equations.counts))
        thousandths = np.round(sums / equations.counts).astype(np.int64)
        return np.asarray(thousandths * _THOUSANDTH, dtype=np.int64)


def _units(score: Fraction) -> int:
    return round(score * _UNIT)
