"""Ending allocations whose period is over."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from dure.hub.allocations import capacity, decisions, desired
from dure.hub.allocations.models import Allocation
from dure.hub.people.gate import STEWARD
from dure.hub.supply.models import Programme
from dure.vocabulary.plans import Reason


@transaction.atomic
def expire(*, programme: Programme, now: datetime) -> int:
    """Ends the allocations whose period is over; returns how many."""
    decisions.hold(programme.pk)
    over = list(
        Allocation.objects.filter(
            project__programme=programme,
            state__in=[Allocation.State.ACTIVE, Allocation.State.OFFERED],
            ends_at__lte=now,
        ).select_related("pool__cluster")
    )
    reason = Reason(code="allocation.expired")
    for allocation in over:
        capacity.shrink(allocation=allocation, to=0, reason=reason, by=STEWARD, now=now)
    desired.touch([a.pool.cluster for a in over])
    if over:
        decisions.advance(programme=programme)
    return len(over)
