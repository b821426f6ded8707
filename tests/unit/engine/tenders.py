"""Small supply calls for the tests: a rubric of one line, bids of one cluster."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

from dure.engine.tender import Bid, BidOutcome, Lot, TenderPlan, TenderPolicy, TenderSnapshot
from dure.vocabulary.frozen import Text
from dure.vocabulary.plans import Header
from dure.vocabulary.programme.supply_calls import (
    ComputedFigure,
    Formula,
    Minimum,
    Section,
    SupplyAward,
    SupplyCriterion,
    SupplyRubric,
)

HEADER: Final = Header(number=1, generation=1, now=datetime(2026, 4, 14, tzinfo=UTC), seed="seed")
TFLOPS: Final = {"H200": 989, "B200": 2250}


def text(said: str) -> Text:
    return Text(ko=said, en=said)


def judged(points: int = 100) -> SupplyCriterion:
    return SupplyCriterion(id="judged", label=text("judged"), points=points)


def rubric(
    *computed: tuple[ComputedFigure, int, Formula], pass_mark: Fraction | int = 0
) -> SupplyRubric:
    """The computed criteria, and the rest of the hundred points to the reviewers."""
    lines = tuple(
        SupplyCriterion(id=name, label=text(name), points=points, figure=name, formula=formula)
        for name, points, formula in computed
    )
    rest = judged(100 - sum(line.points for line in lines))
    section = Section(id="all", label=text("all"), points=100, criteria=(rest, *lines))
    return SupplyRubric(sections=(section,), pass_mark=Fraction(pass_mark))


def lot(servers: int = 32, price: int = 100, **changed: object) -> Lot:
    given = {
        "centre": "naju",
        "model": "B200",
        "servers": servers,
        "price": price,
        "power_kw": 500,
        "months": 6,
    }
    return Lot.model_validate({**given, **changed})


def bid(name: str, score: object, *lots: Lot, **changed: object) -> Bid:
    reviewed = None if score is None else Fraction(str(score))
    given = {"bid": name, "provider": name, "reviewed": reviewed, "lots": lots or (lot(),)}
    return Bid.model_validate({**given, **changed})


def call(*bids: Bid) -> TenderSnapshot:
    return TenderSnapshot(call="call", bids=bids, tflops=TFLOPS)


def policy(given: SupplyRubric | None = None, **award: object) -> TenderPolicy:
    chosen = SupplyAward.model_validate({"budget": 1000, **award})
    return TenderPolicy(rubric=given or rubric(), award=chosen)


def minimum(name: str, at_least: int, **changed: object) -> Minimum:
    given = {"id": name, "label": text(name), "kind": "accelerators", "at_least": at_least}
    return Minimum.model_validate({**given, **changed})


def winners(plan: TenderPlan) -> list[str]:
    return [one.bid for one in plan.intents if any(one.parts)]


def of(plan: TenderPlan, name: str) -> BidOutcome:
    return next(one for one in plan.intents if one.bid == name)
