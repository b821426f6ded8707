"""Why a bid won or did not, and what would have changed it.

- The rule that stands in a bid's way is one without which it would be bought: found by deciding
  again without that rule, so that the explanation is true by construction.
- What would have changed it is found the same way: the smallest whole discount, and the smallest
  hundredth of a point more, with which it would be bought, all others as they are. Neither can turn
  around: cheaper or better scored, a bid that is bought stays bought (tests/properties).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain, combinations
from typing import Final

from pydantic import JsonValue

from dure.engine.tender.deciding import (
    Contender,
    Decided,
    Rules,
    call_rules,
    decide,
    winner_rules,
)
from dure.engine.tender.options import Way, largest_cluster, ways
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme.supply_calls import TOTAL_POINTS

HUNDREDTH: Final = Fraction(1, 100)


def two_decimals(points: Fraction) -> str:
    """As people read points: cut to two decimals, so that 59.999 does not read as 60."""
    hundredths = (points * 100).__floor__()
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def cut_off(contenders: Sequence[Contender], decided: Decided) -> Fraction | None:
    """The lowest total among the winners."""
    return min((c.total for c in contenders if c.bid.bid in decided.ways), default=None)


def won(contender: Contender, rank: int, way: Way, *, servers: int) -> Reason:
    params: dict[str, JsonValue] = {
        "rank": rank,
        "score": two_decimals(contender.total),
        "servers": servers,
        "price": way.price,
    }
    return Reason(code="tender.won", params=params)


def reduced(
    contender: Contender,
    rank: int,
    way: Way,
    *,
    servers: int,
    others: Sequence[Contender],
    rules: Rules,
) -> Reason:
    """Bought in part: with the first rule without which more would be bought."""

    def more(freed: Contender, relaxed: Rules) -> bool:
        rest = [other for other in others if other.bid.bid != contender.bid.bid]
        again = decide([freed, *rest], relaxed)
        found = again.ways.get(contender.bid.bid) if again else None
        return found is not None and found.tflops > way.tflops

    award = rules.award
    freeing = {rule: (contender, rules.without((rule,))) for rule in call_rules(award)}
    sparing = {
        rule: (replace(contender, spared=frozenset({rule})), rules) for rule in winner_rules(award)
    }
    each = {**freeing, **sparing}
    rule = next((rule for rule, tried in each.items() if more(*tried)), ", ".join(each))
    whole = won(contender, rank, way, servers=servers)
    return Reason(code="tender.reduced", params={**whole.params, "rule": rule})


def refused(
    contender: Contender, rank: int, others: Sequence[Contender], decided: Decided, rules: Rules
) -> Reason:
    """`others` are all contenders, this one among them."""
    said: dict[str, JsonValue] = {"rank": rank, "score": two_decimals(contender.total)}
    if not ways(contender.bid, snapshot=rules.snapshot, award=rules.award):
        return _barred(contender, said, rules)
    match _in_its_way(contender, others, rules):
        case ("budget",):
            return _budget(contender, said, others, decided, rules)
        case ("most_winners",):
            cutoff = cut_off(others, decided) or Fraction(0)
            most = rules.award.most_winners
            params = {**said, "most": most, "cutoff": two_decimals(cutoff)}
            return Reason(code="tender.most_winners", params=params)
        case (rule,):
            needs = next(m.at_least for m in rules.award.minimums if m.id == rule)
            params = {**said, "rule": rule, "at_least": needs}
            return Reason(code="tender.minimum", params=params)
        case several:
            return Reason(code="tender.several", params={**said, "rules": ", ".join(several)})


def _in_its_way(contender: Contender, others: Sequence[Contender], rules: Rules) -> tuple[str, ...]:
    """The fewest rules on all winners without which it would be bought; without all it would."""
    every = call_rules(rules.award)
    sets = chain.from_iterable(combinations(every, size) for size in range(1, len(every)))
    return next((some for some in sets if _wins(contender, others, rules.without(some))), every)


def _budget(
    contender: Contender,
    said: dict[str, JsonValue],
    others: Sequence[Contender],
    decided: Decided,
    rules: Rules,
) -> Reason:
    price = _least_price(contender, rules)
    if rules.award.objective == "score-weighted":
        params = {**said, "price": price, "budget": rules.award.budget}
        return Reason(code="tender.budget_value", params=params)
    ahead = [c.bid.bid for c in others if c.order < contender.order]
    room = rules.award.budget - sum(way.price for bid, way in decided.ways.items() if bid in ahead)
    params = {**said, "price": price, "room": room, "short": max(0, price - room)}
    return Reason(code="tender.budget", params=params)


def _least_price(contender: Contender, rules: Rules) -> int:
    award = rules.award
    every = ways(contender.bid, snapshot=rules.snapshot, award=award, dropped=winner_rules(award))
    return min(way.price for way in every)


def _barred(contender: Contender, said: dict[str, JsonValue], rules: Rules) -> Reason:
    """No way of buying it is left by the rules on one winner."""
    award = rules.award

    def left_without(rule: str) -> bool:
        return bool(ways(contender.bid, snapshot=rules.snapshot, award=award, dropped=(rule,)))

    active = winner_rules(award)
    rule = next((rule for rule in active if left_without(rule)), None)
    minimum = next((m for m in award.minimums if m.id == rule), None)
    if minimum is not None:
        largest = largest_cluster(contender.bid, minimum)
        params = {**said, "rule": minimum.id, "at_least": minimum.at_least, "largest": largest}
        return Reason(code="tender.cluster_too_small", params=params)
    if rule == "most_share_of_budget" and award.most_share_of_budget is not None:
        most = (award.most_share_of_budget * award.budget).__floor__()
        params = {**said, "price": _least_price(contender, rules), "most": most}
        return Reason(code="tender.share_of_budget", params=params)
    if rule == "one_centre":
        centres = len({lot.centre for lot in contender.bid.lots})
        return Reason(code="tender.one_centre", params={**said, "centres": centres})
    return Reason(code="tender.several", params={**said, "rules": ", ".join(active)})


def changes(contender: Contender, others: Sequence[Contender], rules: Rules) -> tuple[Reason, ...]:
    """The least that would have won it for this bid, in price and in points."""

    def cheaper(by: int) -> bool:
        return _wins(replace(contender, discount=by), others, rules)

    def better(hundredths: int) -> bool:
        raised = contender.total + hundredths * HUNDREDTH
        return _wins(replace(contender, total=raised), others, rules)

    found = []
    discount = _least(cheaper, _least_price(contender, rules) - 1)
    if discount is not None:
        found.append(Reason(code="tender.change_price", params={"by": discount}))
    room = ((TOTAL_POINTS - contender.total) / HUNDREDTH).__floor__()
    points = _least(better, room)
    if points is not None:
        said = two_decimals(points * HUNDREDTH)
        found.append(Reason(code="tender.change_points", params={"points": said}))
    return tuple(found)


def _wins(contender: Contender, others: Sequence[Contender], rules: Rules) -> bool:
    """Whether the contender, as given, is bought from among the others as they are."""
    rest = [other for other in others if other.bid.bid != contender.bid.bid]
    decided = decide([contender, *rest], rules)
    return decided is not None and contender.bid.bid in decided.ways


def _least(enough: Callable[[int], bool], most: int) -> int | None:
    """The least number from 1 that is enough; None where not even `most` is.

    Whatever is above an enough one is enough too.
    """
    if most < 1 or not enough(most):
        return None
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle + 1
    return low
