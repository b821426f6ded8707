"""The best choice among bids, exactly.

- At most one way of each bid; a budget, at most so many winners, minimums of what is gained.
- Depth first in the bids' order, each bid's best way first. A branch is left when even its most
  hopeful end is no better than the best found, or cannot reach a minimum any more.
- Most hopeful: every bid left at its best, and no more than the money left buys at each bid's best
  gain for its price.
- Whole numbers of any size: no rounding decides. Supply calls have a handful to a few dozen bids;
  the step limit is counted, not timed, so that every machine stops at the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from dure.engine.tender.options import Way

STEPS: Final = 200_000
"""Steps before the search stops with what it has. Forty random bids under a budget, a minimum and
six winners took at most 111 in strict order and 55,259 score-weighted (twelve seeds of each)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A way of buying, and its merit; more is better."""

    way: Way
    merit: int


@dataclass(frozen=True, slots=True)
class Problem:
    """`bids`: the choices of each bid, best first; None where a ceiling is not applied."""

    bids: tuple[tuple[Choice, ...], ...]
    budget: int | None
    most_winners: int | None
    minimums: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """`chosen`: for each bid the way bought, or None. `proven`: nothing is better."""

    chosen: tuple[Way | None, ...]
    merit: int
    bound: int
    proven: bool


class TooManyBidsError(ValueError):
    """No choice that meets the minimums was found within the steps, and none was ruled out."""

    def __init__(self) -> None:
        super().__init__(
            "the bids are too many, or divide too finely, to be weighed under these minimums: "
            "ask for larger parts or fewer bids at a time"
        )


def best(problem: Problem) -> Found | None:
    """The choice with the most merit; None where no choice meets the minimums."""
    search = _Search(problem)
    search.visit(0, 0, 0, problem.minimums, 0)
    if search.best is None:
        return None
    proven = search.steps < STEPS
    return Found(
        chosen=search.best,
        merit=search.merit,
        bound=search.merit if proven else search.hope(0, problem.budget),
        proven=proven,
    )


Rates = list[list[tuple[Fraction, int]]]
"""From each bid on: (best worth for its price, most worth) of each left, the best rate first."""


@dataclass(slots=True)
class _Search:
    problem: Problem
    best: tuple[Way | None, ...] | None = None
    merit: int = -1
    steps: int = 0
    taken: list[Way | None] = field(default_factory=list)
    by_price: Rates = field(init=False)
    gain_by_price: list[Rates] = field(init=False)

    def __post_init__(self) -> None:
        self.by_price = _best_rates(self.problem.bids, lambda choice: choice.merit)
        self.gain_by_price = [
            _best_rates(self.problem.bids, _gain(k)) for k in range(len(self.problem.minimums))
        ]

    def visit(
        self, at: int, spent: int, winners: int, missing: tuple[int, ...], merit: int
    ) -> None:
        self.steps += 1
        if self.steps >= STEPS:
            if self.best is None:
                raise TooManyBidsError
            return
        if at == len(self.problem.bids):
            if merit > self.merit and max(missing, default=0) <= 0:
                self.best, self.merit = tuple(self.taken), merit
            return
        budget = self.problem.budget
        left = None if budget is None else budget - spent
        if merit + self.hope(at, left) <= self.merit or not self._reachable(at, left, missing):
            return
        full = winners == self.problem.most_winners
        for choice in () if full else self.problem.bids[at]:
            way = choice.way
            if left is None or way.price <= left:
                self.taken.append(way)
                still = tuple(m - g for m, g in zip(missing, way.gains, strict=True))
                self.visit(at + 1, spent + way.price, winners + 1, still, merit + choice.merit)
                self.taken.pop()
        self.taken.append(None)
        self.visit(at + 1, spent, winners, missing, merit)
        self.taken.pop()

    def hope(self, at: int, left: int | None) -> int:
        return _most(self.by_price[at], left)

    def _reachable(self, at: int, left: int | None, missing: Sequence[int]) -> bool:
        return all(
            short <= 0 or _most(self.gain_by_price[k][at], left) >= short
            for k, short in enumerate(missing)
        )


def _gain(minimum: int) -> Callable[[Choice], int]:
    return lambda choice: choice.way.gains[minimum]


def _best_rates(bids: tuple[tuple[Choice, ...], ...], worth: Callable[[Choice], int]) -> Rates:
    suffixes: Rates = [[]]
    for choices in reversed(bids):
        own = [(Fraction(worth(c), c.way.price), worth(c)) for c in choices if worth(c) > 0]
        here = [(max(rate for rate, _ in own), max(most for _, most in own))] if own else []
        suffixes.append(sorted([*suffixes[-1], *here], reverse=True))
    return suffixes[::-1]


def _most(rates: list[tuple[Fraction, int]], left: int | None) -> int:
    """What the money left buys at most, each bid at its best rate up to its most."""
    if left is None:
        return sum(most for _, most in rates)
    total, money = Fraction(0), Fraction(left)
    for rate, most in rates:
        bought = min(Fraction(most), rate * money)
        total += bought
        money -= bought / rate
        if money <= 0:
            break
    return total.__floor__()
