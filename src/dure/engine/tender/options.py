"""The ways to buy from a bid, and which of them the rules on one winner leave.

- A bid that is not divisible has one way: all of it. A divisible one has each combination of parts.
- The best way is the one with the most public PFLOP/s, then the cheapest, then more of the first
  lots: a fixed order, so that the same bids always give the same plan.
- Rules on one winner: its share of the budget, one centre, its largest cluster.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Final

from dure.engine.tender.facts import Bid, Lot, TenderSnapshot
from dure.vocabulary.programme.supply_calls import Minimum, SupplyAward

MOST_WAYS: Final = 1000
"""More ways to divide one bid serve no buyer, and cost the search its speed (our choice)."""


class TooManyWaysError(ValueError):
    """A bid divides into more parts than can be weighed against each other."""

    def __init__(self, bid: str, ways: int) -> None:
        super().__init__(
            f"bid {bid} can be bought in {ways} ways, more than {MOST_WAYS}: offer larger parts"
        )


@dataclass(frozen=True, slots=True)
class Way:
    """One way to buy from a bid; `gains` are what it adds to each minimum of the whole call."""

    parts: tuple[int, ...]
    price: int
    tflops: int
    gains: tuple[int, ...]


def call_minimums(award: SupplyAward) -> tuple[Minimum, ...]:
    """The minimums that the winners meet together."""
    return tuple(minimum for minimum in award.minimums if not minimum.each_winner)


def ways(
    bid: Bid,
    *,
    snapshot: TenderSnapshot,
    award: SupplyAward,
    dropped: Collection[str] = (),
    discount: int = 0,
) -> tuple[Way, ...]:
    """What may be bought of the bid, best first.

    Rules in `dropped` are not applied; `discount` is taken off the price of each way.
    """
    every = [_way(bid, parts, discount, snapshot, award) for parts in _combinations(bid)]
    left = [w for w in every if not set(barred_by(bid, w, award)).difference(dropped)]
    return tuple(sorted(left, key=lambda way: (-way.tflops, way.price, [-n for n in way.parts])))


def barred_by(bid: Bid, way: Way, award: SupplyAward) -> tuple[str, ...]:
    """The rules on one winner that do not let it be bought this way."""
    bought = [(lot, n) for lot, n in zip(bid.lots, way.parts, strict=True) if n]
    share, barred = award.most_share_of_budget, []
    if share is not None and way.price > share * award.budget:
        barred.append("most_share_of_budget")
    if award.one_centre and len({lot.centre for lot, _ in bought}) > 1:
        barred.append("one_centre")
    short = (m for m in award.minimums if m.each_winner and _largest(bought, m) < m.at_least)
    return (*barred, *(minimum.id for minimum in short))


def cost(bid: Bid, parts: tuple[int, ...]) -> int:
    return sum(lot.price // lot.parts * n for lot, n in zip(bid.lots, parts, strict=True))


def public_servers(bid: Bid, parts: tuple[int, ...]) -> int:
    return sum(_public(lot, n) for lot, n in zip(bid.lots, parts, strict=True))


def _public(lot: Lot, parts: int) -> int:
    return lot.public_servers // lot.parts * parts


def _combinations(bid: Bid) -> tuple[tuple[int, ...], ...]:
    if not bid.divisible:
        return (tuple(lot.parts for lot in bid.lots),)
    count = prod(lot.parts + 1 for lot in bid.lots)
    if count > MOST_WAYS:
        raise TooManyWaysError(bid.bid, count)
    every = product(*(range(lot.parts + 1) for lot in bid.lots))
    return tuple(parts for parts in every if any(parts))


def _way(
    bid: Bid,
    parts: tuple[int, ...],
    discount: int,
    snapshot: TenderSnapshot,
    award: SupplyAward,
) -> Way:
    bought = [(lot, n) for lot, n in zip(bid.lots, parts, strict=True) if n]
    each = snapshot.accelerators_per_server
    return Way(
        parts=parts,
        price=cost(bid, parts) - discount,
        tflops=each * sum(_public(lot, n) * snapshot.tflops[lot.model] for lot, n in bought),
        gains=tuple(_gain(bought, minimum, each) for minimum in call_minimums(award)),
    )


def _gain(bought: list[tuple[Lot, int]], minimum: Minimum, accelerators_per_server: int) -> int:
    """Accelerators; for a cluster 1 where one is large enough: one is all it takes."""
    if minimum.kind == "cluster":
        return int(_largest(bought, minimum) >= minimum.at_least)
    return accelerators_per_server * sum(_public(lot, n) for lot, n in _of(bought, minimum))


def needed(minimum: Minimum) -> int:
    """What the gains must add up to."""
    return 1 if minimum.kind == "cluster" else minimum.at_least


def largest_cluster(bid: Bid, minimum: Minimum) -> int:
    """The most servers for public use in one cluster of the bid that counts for the minimum."""
    return _largest([(lot, lot.parts) for lot in bid.lots], minimum)


def _largest(bought: list[tuple[Lot, int]], minimum: Minimum) -> int:
    return max((_public(lot, n) for lot, n in _of(bought, minimum)), default=0)


def _of(bought: list[tuple[Lot, int]], minimum: Minimum) -> list[tuple[Lot, int]]:
    return [(lot, n) for lot, n in bought if not minimum.models or lot.model in minimum.models]
