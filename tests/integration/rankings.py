"""A ranking of a simulated panel, recorded on a call as if its reviews had been given there."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from tests.unit.engine.panels import Shape, rubric, simulated

from dure.engine import scoring
from dure.hub.allocations import decisions
from dure.hub.allocations.models import Decision
from dure.hub.calls.models import Call
from dure.hub.people.gate import STEWARD

SHAPE = Shape(applications=60, reviewers=30, stretch_sd=0.2)


@transaction.atomic
def rank_simulated(call: Call, now: datetime, shape: Shape = SHAPE) -> Decision:
    """Its applications are not in the call: they have numbers and no titles."""
    snapshot = simulated(1, shape).snapshot
    header = decisions.next_header(programme=call.programme, now=now, seed="s")
    return decisions.record(
        programme=call.programme,
        call=call,
        snapshot=snapshot,
        policy=rubric(),
        plan=scoring.plan(snapshot, rubric(), header),
        by=STEWARD,
        applied=True,
        moves_capacity=False,
    )
