"""Figures computed from a bid, and the points they come to. Exact, so that ties are ties.

- All figures are of the bid as offered, whole. PFLOP/s count every accelerator that the price pays
  for, own use included: how many are the public's is a figure of its own.
- Points stay within none and all of the criterion.
- `relative` measures by the best bid of the snapshot, also where that one is out by now.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final, assert_never

from dure.engine.tender.facts import Bid, ComputedPoints, TenderSnapshot
from dure.vocabulary.programme.supply_calls import (
    LESS_IS_BETTER,
    ComputedFigure,
    Linear,
    Relative,
    SupplyCriterion,
    SupplyRubric,
)

TERA_IN_PETA: Final = 1000
BILLION: Final = 10**9


def value(figure: ComputedFigure, bid: Bid, snapshot: TenderSnapshot) -> Fraction:
    """One figure of the bid."""
    match figure:
        case "pflops_per_billion":
            return Fraction(_tflops(bid, snapshot) * BILLION, TERA_IN_PETA * bid.price)
        case "public_share":
            servers = sum(lot.servers for lot in bid.lots)
            return Fraction(sum(lot.public_servers for lot in bid.lots), servers)
        case "largest_cluster":
            return Fraction(max(lot.public_servers for lot in bid.lots))
        case "kw_per_pflops":
            power = sum(lot.power_kw for lot in bid.lots)
            return Fraction(power * TERA_IN_PETA, _tflops(bid, snapshot))
        case "months_to_service":
            return Fraction(max(lot.months for lot in bid.lots))
        case _:
            assert_never(figure)


def _tflops(bid: Bid, snapshot: TenderSnapshot) -> int:
    return snapshot.accelerators_per_server * sum(
        lot.servers * snapshot.tflops[lot.model] for lot in bid.lots
    )


def computed(
    snapshot: TenderSnapshot, rubric: SupplyRubric
) -> dict[str, tuple[ComputedPoints, ...]]:
    """Every bid's computed criteria, in the rubric's order."""
    by_bid: dict[str, list[ComputedPoints]] = {bid.bid: [] for bid in snapshot.bids}
    for criterion in rubric.computed():
        for bid, points in _criterion(criterion, snapshot).items():
            by_bid[bid].append(points)
    return {bid: tuple(points) for bid, points in by_bid.items()}


def _criterion(criterion: SupplyCriterion, snapshot: TenderSnapshot) -> dict[str, ComputedPoints]:
    figure, formula = criterion.figure, criterion.formula
    if figure is None or formula is None or not snapshot.bids:
        return {}
    values = {bid.bid: value(figure, bid, snapshot) for bid in snapshot.bids}
    best = (min if figure in LESS_IS_BETTER else max)(values.values())
    return {
        bid: ComputedPoints(
            criterion=criterion.id,
            figure=figure,
            value=found,
            points=criterion.points * _share(formula, figure, found, best),
        )
        for bid, found in values.items()
    }


def _share(
    formula: Linear | Relative, figure: ComputedFigure, found: Fraction, best: Fraction
) -> Fraction:
    if isinstance(formula, Linear):
        share = (found - formula.worst) / (formula.best - formula.worst)
    elif found == best:
        share = Fraction(1)
    else:
        share = best / found if figure in LESS_IS_BETTER else found / best
    return min(Fraction(1), max(Fraction(0), share))
