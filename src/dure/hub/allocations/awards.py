"""Awarding: an application that won, in a round or from the waitlist, is offered an allocation."""

from __future__ import annotations

from datetime import datetime, time

from dure.hub.allocations import capacity
from dure.hub.allocations.models import Allocation, Decision, Project
from dure.hub.calls.models import Application
from dure.hub.people.gate import Actor
from dure.hub.supply import models as supply
from dure.hub.supply.queries import rules
from dure.vocabulary.months import months_later
from dure.vocabulary.plans import Reason


def award(
    *,
    application: Application,
    project: Project,
    pool: supply.Pool,
    servers: int,
    reason: Reason,
    by: Actor,
    now: datetime,
    decision: Decision,
) -> Allocation:
    """Offers an allocation to an application that won, in a round or from the waitlist."""
    document = rules(application.call.programme)
    call = next(c for c in document.calls if c.id == application.call.key)
    track = next(t for t in document.tracks if t.id == application.track)
    supply_from = datetime.combine(call.supply_from, time(), tzinfo=document.zone)
    starts = max(now, supply_from)
    asked = application.answers.get("months")
    months = min(asked if isinstance(asked, int) else call.months, track.max_months)
    allocation = capacity.promise(
        project=project,
        pool=pool,
        servers=servers,
        starts_at=starts,
        ends_at=months_later(starts, months, document.zone),
        reason=reason,
        by=by,
        now=now,
        decision=decision,
    )
    application.state = Application.State.AWARDED
    application.save(update_fields=["state"])
    return allocation
