"""Choosing among bids: `plan(snapshot, policy, header) -> TenderPlan`, and what it is made from."""

from dure.engine.tender.facts import (
    Bid,
    BidOutcome,
    ComputedPoints,
    Lot,
    Outcome,
    TenderPlan,
    TenderPolicy,
    TenderSnapshot,
)
from dure.engine.tender.planning import plan

__all__ = [
    "Bid",
    "BidOutcome",
    "ComputedPoints",
    "Lot",
    "Outcome",
    "TenderPlan",
    "TenderPolicy",
    "TenderSnapshot",
    "plan",
]
