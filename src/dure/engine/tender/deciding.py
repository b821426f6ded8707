"""Who is bought from, by the award rules: the order, the merits, the search, what conflicts.

- Order: more points first; equal points the cheaper first; equal prices by the draw, SHA-256 of the
  published seed and the bid's id.
- Strict order: merits are the digits of one number in which a better-placed bid outweighs all
  behind it; so nobody is passed over by a worse-placed bid unless a rule does it.
- Score-weighted: total points times public PFLOP/s; what is equal there is decided in strict order.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from itertools import combinations
from math import lcm, prod

from dure.engine.tender.facts import Bid, TenderPolicy, TenderSnapshot
from dure.engine.tender.options import Way, call_minimums, needed, ways
from dure.engine.tender.search import Choice, Problem, best
from dure.vocabulary.programme.supply_calls import SupplyAward


@dataclass(frozen=True, slots=True)
class Contender:
    """A scored bid.

    For asking what would change it: `discount` makes it cheaper, `spared` rules on one winner are
    not applied to it.
    """

    bid: Bid
    total: Fraction
    draw: str
    discount: int = 0
    spared: frozenset[str] = frozenset()

    @property
    def order(self) -> tuple[Fraction, int, str, str]:
        return -self.total, self.bid.price - self.discount, self.draw, self.bid.bid


@dataclass(frozen=True, slots=True)
class Decided:
    """What is bought of whom, and what proves it; `bound` for score-weighted volume alone."""

    ways: dict[str, Way]
    value: Fraction
    bound: Fraction | None
    proven: bool


def draw(seed: str, bid: str) -> str:
    """SHA-256 of `seed:bid` in hexadecimal; among equals the lower goes first."""
    return sha256(f"{seed}:{bid}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Rules:
    """The snapshot and rules a choice is made by; `dropped` rules are not applied."""

    snapshot: TenderSnapshot
    policy: TenderPolicy
    dropped: frozenset[str] = frozenset()

    @property
    def award(self) -> SupplyAward:
        return self.policy.award

    def without(self, rules: Collection[str]) -> Rules:
        return Rules(self.snapshot, self.policy, self.dropped.union(rules))


def call_rules(award: SupplyAward) -> tuple[str, ...]:
    """The rules on all winners together; minimums first, as they explain most."""
    minimums = tuple(minimum.id for minimum in call_minimums(award))
    winners = () if award.most_winners is None else ("most_winners",)
    return (*minimums, *winners, "budget")


def winner_rules(award: SupplyAward) -> tuple[str, ...]:
    """The rules on each winner."""
    minimums = tuple(minimum.id for minimum in award.minimums if minimum.each_winner)
    share = () if award.most_share_of_budget is None else ("most_share_of_budget",)
    return (*minimums, *share, *(("one_centre",) if award.one_centre else ()))


def decide(contenders: Collection[Contender], rules: Rules) -> Decided | None:
    """The best choice by the rules; None where none meets the minimums."""
    ordered = sorted(contenders, key=lambda contender: contender.order)
    offered = [
        ways(
            c.bid,
            snapshot=rules.snapshot,
            award=rules.award,
            dropped=rules.dropped | c.spared,
            discount=c.discount,
        )
        for c in ordered
    ]
    scale, choices = _merits(ordered, offered, rules.award)
    award, dropped = rules.award, rules.dropped
    found = best(
        Problem(
            bids=choices,
            budget=None if "budget" in dropped else award.budget,
            most_winners=None if "most_winners" in dropped else award.most_winners,
            minimums=tuple(0 if m.id in dropped else needed(m) for m in call_minimums(award)),
        )
    )
    if found is None:
        return None
    chosen = zip(ordered, found.chosen, strict=True)
    bought = {c.bid.bid: way for c, way in chosen if way is not None}
    totals = {c.bid.bid: c.total for c in ordered}
    weighted = award.objective == "score-weighted"
    return Decided(
        ways=bought,
        value=sum((volume(totals[bid], way) for bid, way in bought.items()), Fraction(0)),
        bound=Fraction(found.bound // scale[0], scale[1]) if weighted else None,
        proven=found.proven,
    )


def volume(total: Fraction, way: Way) -> Fraction:
    """Points times public PFLOP/s."""
    return total * Fraction(way.tflops, 1000)


def _merits(
    ordered: list[Contender], offered: list[tuple[Way, ...]], award: SupplyAward
) -> tuple[tuple[int, int], tuple[tuple[Choice, ...], ...]]:
    """The choices in whole numbers, and the two factors that make points out of them again."""
    places = prod(len(mine) + 1 for mine in offered)
    volumes = [[volume(c.total, w) for w in w_s] for c, w_s in zip(ordered, offered, strict=True)]
    common = lcm(*(v.denominator for mine in volumes for v in mine)) if offered else 1
    weighted = award.objective == "score-weighted"
    choices, left = [], places
    for mine, worth in zip(offered, volumes, strict=True):
        left //= len(mine) + 1
        choices.append(
            tuple(
                Choice(
                    way,
                    (int(v * common) * places if weighted else 0) + (len(mine) - index) * left,
                )
                for index, (way, v) in enumerate(zip(mine, worth, strict=True))
            )
        )
    return (places, common), tuple(choices)


def smallest_conflict(contenders: Collection[Contender], rules: Rules) -> tuple[str, ...]:
    """The fewest rules that no choice of these bids meets together."""
    active = (*call_rules(rules.award), *winner_rules(rules.award))
    for size in range(1, len(active) + 1):
        for kept in combinations(active, size):
            if decide(contenders, rules.without(set(active).difference(kept))) is None:
                return kept
    return ()
