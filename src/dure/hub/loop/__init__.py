"""The hub's own loop: one step, level-triggered, on a `now` that is given.

A crash anywhere loses nothing: every part is a transaction of its own, made from what is stored,
and the next step continues.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from dure.hub.allocations import expiry, lending, promotion, reclaiming
from dure.hub.allocations.models import Decision
from dure.hub.incidents import stewarding
from dure.hub.jobs import operations as jobs
from dure.hub.people.gate import STEWARD
from dure.hub.supply.models import Programme

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did: plans by part, and the parts that failed."""

    expired: int
    made: dict[str, Decision]
    failed: dict[str, str]


def step(*, programme: Programme, now: datetime) -> Step:
    """Expiry, incidents, reclaim, promotion, lending, in this order: what is freed is lent last.
    Old jobs are forgotten when all that counts is done."""
    made: dict[str, Decision] = {}
    failed: dict[str, str] = {}
    expired = expiry.expire(programme=programme, now=now)
    parts: dict[str, Callable[[], Decision | int | None]] = {
        "incidents": lambda: stewarding.review(programme=programme, now=now),
        "reclaim": lambda: reclaiming.review(programme=programme, now=now),
        "waitlist": lambda: promotion.promote(programme=programme, by=STEWARD, now=now),
        "lending": lambda: lending.offer(programme=programme, now=now),
        "jobs": lambda: jobs.tidy(by=STEWARD, now=now),
    }
    for name, part in parts.items():
        try:
            done = part()
        except Exception as error:  # one part stops, is reported, the loop goes on
            log.exception("step.part_failed", part=name)
            failed[name] = f"{type(error).__name__}: {error}"
        else:
            if isinstance(done, Decision):
                made[name] = done
    return Step(expired=expired, made=made, failed=failed)
