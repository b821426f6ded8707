"""Whom a call's round serves when its applications stand in another order.

- The latest round's facts and rules are kept; the applications get other ranks, and the scores of
  the round in that order: the best score to the first. Those that the order leaves out are left
  out; those that the round never had cannot be served.
- One plan takes about a second for 514 applications, so it is asked for few orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dure.engine import allocation
from dure.hub.allocations.models import Decision
from dure.hub.calls.models import Call
from dure.vocabulary.plans import Header

if TYPE_CHECKING:  # it loads numpy
    from dure.engine.scoring.sensitivity import Served


def round_again(call: Call) -> Served | None:
    """From an order to those served; None before a round."""
    latest = Decision.objects.filter(call=call, kind="round").order_by("-number").first()
    if latest is None:
        return None
    snapshot = allocation.RoundSnapshot.model_validate(latest.snapshot)
    policy = allocation.RoundPolicy.model_validate(latest.policy)
    header = Header.model_validate(latest.plan["header"])

    def served(ranked: Sequence[str]) -> frozenset[str]:
        facts = reordered(snapshot, ranked)
        try:
            plan = allocation.plan(facts, policy, header)
        except allocation.UnableToMeetFloors:
            return frozenset()
        return frozenset(one.application for one in plan.intents if one.servers)

    return served


def reordered(
    snapshot: allocation.RoundSnapshot, ranked: Sequence[str]
) -> allocation.RoundSnapshot:
    """The same requests in this order, with the round's scores in that order too."""
    known = {request.application: request for request in snapshot.requests}
    order = [known[name] for name in ranked if name in known]
    scores = sorted((request.score for request in snapshot.requests), reverse=True)
    requests = tuple(
        request.model_copy(update={"rank": rank, "score": score})
        for rank, (request, score) in enumerate(zip(order, scores, strict=False), start=1)
    )
    return snapshot.model_copy(update={"requests": requests})
