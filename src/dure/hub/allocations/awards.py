"""Awarding: an application that won, in a round or from the waitlist, is offered an allocation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dure.hub.allocations import capacity
from dure.hub.allocations.models import Allocation, Decision, Project
from dure.hub.calls.models import Application
from dure.hub.people.gate import Actor
from dure.hub.supply import models as supply
from dure.vocabulary.plans import Reason


@dataclass(frozen=True, slots=True)
class Award:
    """What a plan gives: servers of a pool for a half-open period, and where they stand."""

    pool: supply.Pool
    servers: int
    starts_at: datetime
    ends_at: datetime
    blocks: Sequence[tuple[int, int]] = ()


def award(
    *,
    application: Application,
    project: Project,
    given: Award,
    reason: Reason,
    by: Actor,
    now: datetime,
    decision: Decision,
) -> Allocation:
    """Offers an allocation to an application that won; it begins no earlier than now."""
    allocation = capacity.promise(
        project=project,
        pool=given.pool,
        servers=given.servers,
        starts_at=max(now, given.starts_at),
        ends_at=given.ends_at,
        blocks=given.blocks,
        reason=reason,
        by=by,
        now=now,
        decision=decision,
    )
    application.state = Application.State.AWARDED
    application.save(update_fields=["state"])
    return allocation
