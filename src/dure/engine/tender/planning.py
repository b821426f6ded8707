"""The supply call's decision: totals, places, winners, and why.

- Total = the reviewers' score + the points of the computed criteria; out of exactly 100.
- A bid without enough reviews, below the pass mark, or out, has no place. A single bid is judged
  like several; that nobody is chosen is an outcome like any other.
- Where the rules cannot be met together, nobody wins and the plan names a smallest conflicting set.
"""

from __future__ import annotations

from fractions import Fraction

from dure.engine.tender import explain
from dure.engine.tender.deciding import (
    Contender,
    Decided,
    Rules,
    decide,
    draw,
    smallest_conflict,
)
from dure.engine.tender.facts import (
    Bid,
    BidOutcome,
    ComputedPoints,
    Outcome,
    TenderPlan,
    TenderPolicy,
    TenderSnapshot,
)
from dure.engine.tender.figures import computed
from dure.engine.tender.options import public_servers
from dure.vocabulary.plans import Header, Reason

NOTHING = Decided(ways={}, value=Fraction(0), bound=None, proven=True)


def plan(snapshot: TenderSnapshot, policy: TenderPolicy, header: Header) -> TenderPlan:
    """Decides the supply call; `header.seed` is the published seed of its draws.

    Raises TooManyWaysError or TooManyBidsError where the bids are beyond what can be weighed.
    """
    points = computed(snapshot, policy.rubric)
    totals = {bid.bid: total(bid, points[bid.bid]) for bid in snapshot.bids}
    rules = Rules(snapshot, policy)
    contenders = sorted(
        (
            Contender(bid, totals[bid.bid], draw(header.seed, bid.bid))
            for bid in snapshot.bids
            if _why_placeless(bid, totals[bid.bid], policy) is None
        ),
        key=lambda contender: contender.order,
    )
    found = decide(contenders, rules) if contenders else NOTHING
    conflict = () if found else smallest_conflict(contenders, rules)
    decided = found or NOTHING
    telling = _Telling(tuple(contenders), decided, conflict, rules)
    placed = [
        telling.outcome(contender, rank, points[contender.bid.bid])
        for rank, contender in enumerate(contenders, start=1)
    ]
    others = [
        _placeless(bid, totals[bid.bid], points[bid.bid], why)
        for bid in sorted(snapshot.bids, key=lambda bid: bid.bid)
        if (why := _why_placeless(bid, totals[bid.bid], policy)) is not None
    ]
    return _plan(snapshot, header, (*placed, *others), decided, conflict)


def total(bid: Bid, points: tuple[ComputedPoints, ...]) -> Fraction:
    """All of a bid's points."""
    return (bid.reviewed or Fraction(0)) + sum((p.points for p in points), Fraction(0))


def _plan(
    snapshot: TenderSnapshot,
    header: Header,
    intents: tuple[BidOutcome, ...],
    decided: Decided,
    conflict: tuple[str, ...],
) -> TenderPlan:
    bids = {bid.bid: bid for bid in snapshot.bids}
    servers = sum(_all_servers(bids[bid], way.parts) for bid, way in decided.ways.items())
    each = snapshot.accelerators_per_server
    return TenderPlan(
        header=header,
        intents=intents,
        price=sum(one.price for one in intents),
        public_accelerators=each * sum(one.public_servers for one in intents),
        accelerators=each * servers,
        value=decided.value,
        bound=decided.bound,
        optimal=decided.proven,
        conflict=conflict,
    )


def _all_servers(bid: Bid, parts: tuple[int, ...]) -> int:
    return sum(lot.servers // lot.parts * n for lot, n in zip(bid.lots, parts, strict=True))


def _why_placeless(
    bid: Bid, points: Fraction, policy: TenderPolicy
) -> tuple[Outcome, Reason] | None:
    if bid.standing != "standing":
        return "out", Reason(code=f"tender.{bid.standing}")
    if bid.reviewed is None:
        return "not_scored", Reason(code="tender.too_few_reviews")
    mark = policy.rubric.pass_mark
    if points < mark:
        said = {"score": explain.two_decimals(points), "pass_mark": explain.two_decimals(mark)}
        return "below_pass_mark", Reason(code="tender.below_pass_mark", params={**said})
    return None


def _placeless(
    bid: Bid,
    points: Fraction,
    computed_points: tuple[ComputedPoints, ...],
    why: tuple[Outcome, Reason],
) -> BidOutcome:
    return BidOutcome(
        bid=bid.bid,
        provider=bid.provider,
        outcome=why[0],
        rank=None,
        total=points,
        reviewed=bid.reviewed,
        computed=computed_points,
        parts=tuple(0 for _ in bid.lots),
        price=0,
        public_servers=0,
        reason=why[1],
    )


class _Telling:
    """What is said to each contender of one choice."""

    def __init__(
        self,
        contenders: tuple[Contender, ...],
        decided: Decided,
        conflict: tuple[str, ...],
        rules: Rules,
    ) -> None:
        self.contenders, self.decided = contenders, decided
        self.conflict, self.rules = conflict, rules

    def outcome(
        self, contender: Contender, rank: int, points: tuple[ComputedPoints, ...]
    ) -> BidOutcome:
        bid, way = contender.bid, self.decided.ways.get(contender.bid.bid)
        parts = way.parts if way else tuple(0 for _ in bid.lots)
        outcome, reason = self._reason(contender, rank)
        changed = outcome == "refused" and not self.conflict
        return BidOutcome(
            bid=bid.bid,
            provider=bid.provider,
            outcome=outcome,
            rank=rank,
            total=contender.total,
            reviewed=bid.reviewed,
            computed=points,
            parts=parts,
            price=way.price if way else 0,
            public_servers=public_servers(bid, parts),
            reason=reason,
            changes=explain.changes(contender, self.contenders, self.rules) if changed else (),
        )

    def _reason(self, contender: Contender, rank: int) -> tuple[Outcome, Reason]:
        if self.conflict:
            params = {"rules": ", ".join(self.conflict)}
            return "refused", Reason(code="tender.conflict", params={**params})
        bid, way = contender.bid, self.decided.ways.get(contender.bid.bid)
        if way is None:
            args = (contender, rank, self.contenders, self.decided, self.rules)
            return "refused", explain.refused(*args)
        servers = public_servers(bid, way.parts)
        if way.parts == tuple(lot.parts for lot in bid.lots):
            return "won", explain.won(contender, rank, way, servers=servers)
        return "reduced", explain.reduced(
            contender, rank, way, servers=servers, others=self.contenders, rules=self.rules
        )
