"""From a bid's typed answers to its clusters, and to what the document check judges.

- A cluster that is begun must be finished; what is missing or does not divide is told at its field.
- The document check is the eligibility decision over the answers and a few derived ones: whether
  each certificate is good for the call, and the bid's own sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from math import prod

from pydantic import JsonValue

from dure.engine.tender.facts import Lot
from dure.engine.tender.options import MOST_WAYS
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme.bid_questions import (
    CLUSTER_PARTS,
    DIVISIBLE,
    certificate_question,
    cluster_question,
)
from dure.vocabulary.programme.supply_calls import (
    DERIVED,
    CertificateRule,
    SupplyCall,
    good_certificate,
)

Answers = Mapping[str, JsonValue]


class Reading(Frozen):
    """The clusters offered, and for each field that stands in the way, why."""

    lots: tuple[Lot, ...]
    divisible: bool
    problems: dict[str, Reason]


def read(answers: Answers, call: SupplyCall) -> Reading:
    """The bid's clusters; with problems, those that could be read."""
    problems: dict[str, Reason] = {}
    divisible = answers.get(DIVISIBLE) is True
    lots = [
        found
        for number in range(1, call.most_clusters + 1)
        if (found := _lot(answers, number, problems, divisible=divisible)) is not None
    ]
    if divisible and prod(lot.parts + 1 for lot in lots) > MOST_WAYS:
        reason = Reason(code="tender.too_many_parts", params={"most": MOST_WAYS})
        problems[cluster_question(1, "parts")] = reason
    return Reading(lots=tuple(lots), divisible=divisible, problems=problems)


def _lot(
    answers: Answers, number: int, problems: dict[str, Reason], *, divisible: bool
) -> Lot | None:
    given = {part: answers.get(cluster_question(number, part)) for part in CLUSTER_PARTS}
    missing = [part for part, answer in given.items() if answer in (None, "")]
    if number > 1 and len(missing) == len(given):
        return None
    for part in missing:
        problems[cluster_question(number, part)] = Reason(code="answer.required")
    if missing:
        return None
    told = {part: answer for part, answer in given.items() if isinstance(answer, int)}
    parts = told["parts"] if divisible else 1
    if told["own_servers"] >= told["servers"]:
        reason = Reason(code="tender.own_use_is_all")
        problems[cluster_question(number, "own_servers")] = reason
        return None
    uneven = [part for part in ("servers", "own_servers", "price") if told[part] % parts]
    for part in uneven:
        reason = Reason(code="tender.does_not_divide", params={"parts": parts})
        problems[cluster_question(number, part)] = reason
    return None if uneven else Lot.model_validate({**given, "parts": parts})


def judged(answers: Answers, call: SupplyCall, lots: tuple[Lot, ...]) -> dict[str, JsonValue]:
    """The answers and what follows from them, as the document check sees them."""
    each = call.accelerators_per_server
    derived: dict[str, JsonValue] = {}
    if lots:
        sums = (
            max(lot.public_servers for lot in lots),
            each * sum(lot.public_servers for lot in lots),
            max(lot.months for lot in lots),
            sum(lot.price for lot in lots),
        )
        derived = dict(zip(DERIVED, sums, strict=True))
    good = {good_certificate(rule.id): is_good(answers, rule) for rule in call.certificates}
    return {**answers, **derived, **good}


def is_good(answers: Answers, rule: CertificateRule) -> bool:
    """Held and not expired on the day that counts; or planned in time, where that will do."""
    state = answers.get(certificate_question(rule.id, "state"))
    written = answers.get(certificate_question(rule.id, "date"))
    if state not in ("held", "planned") or not isinstance(written, str):
        return False
    day = date.fromisoformat(written)
    if state == "held":
        return day >= rule.valid_on
    return rule.planned_by is not None and day <= rule.planned_by
