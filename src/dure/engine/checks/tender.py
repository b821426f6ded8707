"""Refuses a supply call's plan that breaks a rule; written apart from the planner, no search in it.

- Each bid has exactly one outcome, with a reason from the catalogue that fits it and fills its
  sentence; the totals are the reviewers' points and the computed ones; the ranks follow from them.
- What is bought is within the bid; money, winners, shares, centres and minimums are kept.
- Strict order: no bid has a justified complaint. One is justified if it could be bought, or more of
  it, beside all winners placed before it and any of those behind it, every rule kept.
- Score-weighted: no bid can be added, grown or put in one winner's place for more; the value
  claimed is the value reached, and no more than the bound.
- Nobody wins only where no bid can be bought, or a conflict of rules is named; it is none where
  some bids, bought whole, keep every rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from itertools import chain, combinations, product
from typing import Final

from dure.engine.tender.facts import Bid, BidOutcome, TenderPlan, TenderPolicy, TenderSnapshot
from dure.vocabulary.plans import Violation
from dure.vocabulary.programme.supply_calls import SupplyAward
from dure.vocabulary.reasons import CATALOGUE

_SAID_OF: Final = {
    "won": ("tender.won",),
    "reduced": ("tender.reduced",),
    "below_pass_mark": ("tender.below_pass_mark",),
    "not_scored": ("tender.too_few_reviews",),
    "out": ("tender.failed_inspection", "tender.withdrawn"),
    "refused": (
        "tender.budget",
        "tender.budget_value",
        "tender.most_winners",
        "tender.minimum",
        "tender.cluster_too_small",
        "tender.share_of_budget",
        "tender.one_centre",
        "tender.several",
        "tender.conflict",
    ),
}

MOST_TRIED: Final = 12
"""Of as many bids every set is tried (4,096); of more, those of none and of all."""

Bought = dict[str, tuple[int, ...]]


def violations(
    snapshot: TenderSnapshot, policy: TenderPolicy, plan: TenderPlan
) -> tuple[Violation, ...]:
    """Everything wrong with the plan; empty where it may be approved."""
    bids = {bid.bid: bid for bid in snapshot.bids}
    if sorted(one.bid for one in plan.intents) != sorted(bids):
        return (Violation(rule="tender.outcomes", detail="not one outcome for each bid"),)
    case = _Case(snapshot, policy, plan, bids)
    shape = (*_reasons(case), *_points(case), *_order(case), *_figures(case))
    if wrong := (*shape, *_within_the_bids(case)):
        return wrong
    broken = (*_broken(case, case.bought), *_nobody(case))
    complaints = () if case.plan.conflict else tuple(_complaints(case))
    return (*broken, *complaints, *_proof(case))


@dataclass(frozen=True)
class _Case:
    snapshot: TenderSnapshot
    policy: TenderPolicy
    plan: TenderPlan
    bids: Mapping[str, Bid]

    @property
    def award(self) -> SupplyAward:
        return self.policy.award

    @property
    def bought(self) -> Bought:
        return {one.bid: one.parts for one in self.plan.intents if any(one.parts)}

    @property
    def placed(self) -> list[BidOutcome]:
        return [one for one in self.plan.intents if one.rank is not None]


def _reasons(case: _Case) -> Iterator[Violation]:
    for one in case.plan.intents:
        code = one.reason.code
        needed = set(re.findall(r"{(\w+)}", CATALOGUE.get(code, "")))
        if code not in _SAID_OF[one.outcome] or not needed <= one.reason.params.keys():
            yield Violation(rule="tender.reason", detail=f"{one.bid}: {code} for {one.outcome}")
        if (one.outcome in {"won", "reduced"}) != any(one.parts):
            yield Violation(rule="tender.outcome", detail=f"{one.bid}: {one.outcome}, {one.parts}")


def _points(case: _Case) -> Iterator[Violation]:
    most = {c.id: c.points for c in case.policy.rubric.criteria()}
    computed = [c.id for c in case.policy.rubric.computed()]
    reviewed = sum(most.values()) - sum(most[name] for name in computed)
    for one in case.plan.intents:
        bid = case.bids[one.bid]
        total = (bid.reviewed or 0) + sum(p.points for p in one.computed)
        named = [p.criterion for p in one.computed] == computed
        within = all(0 <= p.points <= most[p.criterion] for p in one.computed) if named else False
        if total != one.total or one.reviewed != bid.reviewed or not within:
            yield Violation(rule="tender.points", detail=f"{one.bid}: {one.total}, not {total}")
        if not 0 <= (bid.reviewed or 0) <= reviewed:
            yield Violation(rule="tender.points", detail=f"{one.bid}: {bid.reviewed} of {reviewed}")


def _order(case: _Case) -> Iterator[Violation]:
    placed = case.placed
    for one in case.plan.intents:
        bid = case.bids[one.bid]
        stands = bid.standing == "standing" and bid.reviewed is not None
        eligible = stands and one.total >= case.policy.rubric.pass_mark
        if eligible != (one.rank is not None):
            yield Violation(rule="tender.place", detail=f"{one.bid}: rank {one.rank}")
    in_order = sorted(placed, key=lambda one: _key(case, one))
    if [one.rank for one in placed] != list(range(1, len(placed) + 1)) or in_order != placed:
        yield Violation(rule="tender.order", detail=", ".join(one.bid for one in placed))


def _key(case: _Case, one: BidOutcome) -> tuple[Fraction, int, str, str]:
    drawn = sha256(f"{case.plan.header.seed}:{one.bid}".encode()).hexdigest()
    return -one.total, case.bids[one.bid].price, drawn, one.bid


def _figures(case: _Case) -> Iterator[Violation]:
    """The plan's own sums."""
    plan, each = case.plan, case.snapshot.accelerators_per_server
    for one in plan.intents:
        public, price = _public(case.bids[one.bid], one.parts), _cost(case.bids[one.bid], one.parts)
        if (one.public_servers, one.price) != (public, price):
            yield Violation(rule="tender.sums", detail=f"{one.bid}: {one.price} and not {price}")
    public = each * sum(one.public_servers for one in plan.intents)
    price = sum(one.price for one in plan.intents)
    servers = sum(
        lot.servers // lot.parts * n
        for one in plan.intents
        for lot, n in zip(case.bids[one.bid].lots, one.parts, strict=True)
    )
    if (plan.public_accelerators, plan.price, plan.accelerators) != (public, price, each * servers):
        yield Violation(rule="tender.sums", detail="the plan's totals are not those of its bids")


def _within_the_bids(case: _Case) -> Iterator[Violation]:
    for one in case.plan.intents:
        bid = case.bids[one.bid]
        if any(one.parts) and one.parts not in _ways(bid):
            yield Violation(rule="tender.parts", detail=f"{one.bid}: {one.parts} is not on offer")
        whole = one.parts == tuple(lot.parts for lot in bid.lots)
        if any(one.parts) and whole != (one.outcome == "won"):
            yield Violation(rule="tender.outcome", detail=f"{one.bid}: {one.outcome}, {one.parts}")
        if any(one.parts) and one.rank is None:
            yield Violation(rule="tender.place", detail=f"{one.bid} has no place and is bought")


def _broken(case: _Case, bought: Bought) -> tuple[Violation, ...]:
    """The award rules that a purchase breaks. Nothing bought breaks none: no award is allowed."""
    return tuple(chain(_ceilings(case, bought), _minimums(case, bought))) if bought else ()


def _ceilings(case: _Case, bought: Bought) -> Iterator[Violation]:
    award = case.award
    prices = {bid: _cost(case.bids[bid], parts) for bid, parts in bought.items()}
    if sum(prices.values()) > award.budget:
        yield Violation(rule="tender.budget", detail=f"{sum(prices.values())} of {award.budget}")
    if award.most_winners is not None and len(bought) > award.most_winners:
        yield Violation(rule="tender.most_winners", detail=f"{len(bought)}")
    share = award.most_share_of_budget
    for bid, parts in bought.items():
        if share is not None and prices[bid] > share * award.budget:
            yield Violation(rule="tender.most_share_of_budget", detail=f"{bid}: {prices[bid]}")
        lots = zip(case.bids[bid].lots, parts, strict=True)
        if award.one_centre and len({lot.centre for lot, n in lots if n}) > 1:
            yield Violation(rule="tender.one_centre", detail=bid)


def _minimums(case: _Case, bought: Bought) -> Iterator[Violation]:
    each = case.snapshot.accelerators_per_server
    for minimum in case.award.minimums:
        clusters = {
            bid: [
                lot.public_servers // lot.parts * n
                for lot, n in zip(case.bids[bid].lots, parts, strict=True)
                if not minimum.models or lot.model in minimum.models
            ]
            for bid, parts in bought.items()
        }
        largest = {bid: max(mine, default=0) for bid, mine in clusters.items()}
        if minimum.kind == "accelerators":
            met = each * sum(map(sum, clusters.values())) >= minimum.at_least
        elif minimum.each_winner:
            met = all(one >= minimum.at_least for one in largest.values())
        else:
            met = max(largest.values(), default=0) >= minimum.at_least
        if not met:
            yield Violation(rule=f"tender.minimum.{minimum.id}", detail=f"{clusters}")


def _nobody(case: _Case) -> Iterator[Violation]:
    if case.bought and case.plan.conflict:
        yield Violation(rule="tender.conflict", detail="a conflict is named, and bids are bought")
    whole = {one.bid: tuple(lot.parts for lot in case.bids[one.bid].lots) for one in case.placed}
    for some in _sets(list(whole)) if case.plan.conflict else ():
        if some and not _broken(case, {bid: whole[bid] for bid in some}):
            detail = f"{sorted(some)} together keep every rule"
            yield Violation(rule="tender.conflict", detail=detail)
            break
    known = {"budget", "most_winners", "most_share_of_budget", "one_centre"}
    named = {minimum.id for minimum in case.award.minimums} | known
    if unknown := sorted(set(case.plan.conflict) - named):
        yield Violation(rule="tender.conflict", detail=f"no such rules: {', '.join(unknown)}")


def _complaints(case: _Case) -> Iterator[Violation]:
    strict = case.award.objective == "strict-order"
    for place, one in enumerate(case.placed):
        for parts in _ways(case.bids[one.bid]):
            if _volume(case, one.bid, parts) <= _volume(case, one.bid, one.parts):
                continue
            rivals = _beside(case, place) if strict else _exchanges(case, one)
            here = {**case.bought, one.bid: parts}
            for gone in rivals:
                tried = {bid: bought for bid, bought in here.items() if bid not in gone}
                better = strict or _value(case, tried) > _value(case, case.bought)
                if better and not _broken(case, tried):
                    detail = f"{one.bid} could be bought as {parts} without {sorted(gone)}"
                    yield Violation(rule="tender.passed_over", detail=detail)
                    break


def _beside(case: _Case, place: int) -> Iterator[frozenset[str]]:
    """Every set of winners behind the place that might have to go."""
    return _sets([one.bid for one in case.placed[place + 1 :] if any(one.parts)])


def _sets(bids: list[str]) -> Iterator[frozenset[str]]:
    """Every set of the bids, the smaller first."""
    if len(bids) > MOST_TRIED:
        return iter((frozenset(), frozenset(bids)))
    sizes = range(len(bids) + 1)
    return (frozenset(some) for size in sizes for some in combinations(bids, size))


def _exchanges(case: _Case, one: BidOutcome) -> Iterator[frozenset[str]]:
    """Nobody gone, or one other winner."""
    others = [frozenset({bid}) for bid in case.bought if bid != one.bid]
    return iter([frozenset[str](), *others])


def _proof(case: _Case) -> Iterator[Violation]:
    plan, reached = case.plan, _value(case, case.bought)
    if plan.value != reached:
        yield Violation(rule="tender.value", detail=f"{plan.value} claimed, {reached} reached")
    if case.award.objective == "score-weighted" and case.bought:
        if plan.bound is None or plan.bound < plan.value:
            yield Violation(rule="tender.bound", detail=f"{plan.bound} below {plan.value}")
        elif plan.optimal and plan.bound != plan.value:
            yield Violation(rule="tender.bound", detail="called optimal below its bound")


def _value(case: _Case, bought: Bought) -> Fraction:
    totals = {one.bid: one.total for one in case.plan.intents}
    return sum((totals[b] * _volume(case, b, p) for b, p in bought.items()), Fraction(0))


def _volume(case: _Case, bid: str, parts: Sequence[int]) -> Fraction:
    """Public PFLOP/s."""
    return sum(
        (
            Fraction(
                lot.public_servers // lot.parts
                * n
                * case.snapshot.accelerators_per_server
                * case.snapshot.tflops[lot.model],
                1000,
            )
            for lot, n in zip(case.bids[bid].lots, parts, strict=True)
        ),
        Fraction(0),
    )  # fmt: skip


def _ways(bid: Bid) -> tuple[tuple[int, ...], ...]:
    whole = tuple(lot.parts for lot in bid.lots)
    if not bid.divisible:
        return (whole,)
    return tuple(product(*(range(lot.parts + 1) for lot in bid.lots)))[1:]


def _cost(bid: Bid, parts: Sequence[int]) -> int:
    return sum(lot.price // lot.parts * n for lot, n in zip(bid.lots, parts, strict=True))


def _public(bid: Bid, parts: Sequence[int]) -> int:
    return sum(lot.public_servers // lot.parts * n for lot, n in zip(bid.lots, parts, strict=True))
