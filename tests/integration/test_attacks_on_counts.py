"""Months that must close and add up in odd orders of what the sites say."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.integration import small
from tests.integration.small import DECIDED, MARCH_ENDS, SEOUL, STARTED

from dure.hub.allocations import capacity, operations
from dure.hub.allocations.desired import touch
from dure.hub.people.gate import STEWARD
from dure.hub.reports import operations as reports
from dure.hub.reports.queries import statement_of
from dure.hub.usage.models import UsageSegment
from dure.metering.statement import MonthlyStatement
from dure.protocol import UsageRecord
from dure.vocabulary.plans import Reason

pytestmark = pytest.mark.django_db

WHY = Reason(code="allocation.standing", params={"holder": "test"})
APRIL_ENDS = datetime(2026, 5, 1, tzinfo=SEOUL)
HOUR = timedelta(hours=1)


def closed(month: int, at: datetime) -> MonthlyStatement:
    for key in ("centre-a", "leased-b"):
        small.say(key, at=at, through=at)
    return statement_of(
        reports.close_month(
            programme=small.cluster().provider.programme,
            year=2026,
            month_number=month,
            by=STEWARD,
            now=at,
        )
    )


def hours_of(
    world: small.World, name: str, *, start: datetime, hours: int, accelerators: int, job: str
) -> tuple[UsageRecord, ...]:
    """A long job, said in segments of an hour."""
    one = world.allocation(name)
    return tuple(
        small.work(
            one,
            start=start + HOUR * n,
            hours=1,
            job=job,
            accelerators=accelerators,
            outcome="running",
        )
        for n in range(hours)
    )


def test_work_that_began_before_the_agents_word_was_heard_was_bound_all_the_same() -> None:
    world = small.decided()
    operations.sign_agreement(allocation=world.allocation("ann"), by=world["ann"], now=DECIDED)
    bound = small.cluster().desired_revision
    operations.sign_agreement(allocation=world.allocation("bob"), by=world["bob"], now=DECIDED)
    small.say(at=STARTED + HOUR, applied=bound)  # the hub has moved on: not taken as a word
    began = STARTED + 2 * HOUR
    work = hours_of(world, "ann", start=began, hours=5, accelerators=24, job="long")
    small.say(at=began + 2 * HOUR, applied=bound, usage=work[1:2])
    small.say(at=began + 3 * HOUR, usage=work[2:3])
    assert [s.starts_at for s in world.allocation("ann").stretches.all()] == [began + HOUR]
    small.say(at=began + 5 * HOUR, usage=work)
    assert [s.starts_at for s in world.allocation("ann").stretches.all()] == [began]
    assert closed(3, MARCH_ENDS + HOUR).totals.used == 5 * 3600 * 24


def test_work_from_before_a_cut_may_run_on_into_the_next_month() -> None:
    world = small.running()
    mine = world.allocation("ann")
    began = MARCH_ENDS - 10 * HOUR
    work = hours_of(world, "ann", start=began, hours=30, accelerators=24, job="over@night/2")
    capacity.shrink(allocation=mine, to=1, reason=WHY, by=STEWARD, now=began)
    touch([small.cluster()])
    cut = began + 2 * HOUR + timedelta(minutes=1)
    small.say(at=cut)
    small.say(at=MARCH_ENDS + HOUR, usage=work[:10])
    march = closed(3, MARCH_ENDS + HOUR)
    small.say(at=APRIL_ENDS, usage=work[10:])
    april = closed(4, APRIL_ENDS + HOUR)
    used = {s.pools[0].pool: s.totals.used for s in (march, april)}
    assert used == {"pool-a": 20 * 3600 * 24}
    line = next(a for a in april.allocations if a.allocation == mine.key)
    assert line.entitled == 20 * 3600 * 24 + (30 * 24 - 20) * 3600 * 8


def test_what_runs_on_after_a_cut_is_entitled_once() -> None:
    world = small.running()
    mine = world.allocation("ann")
    cut = STARTED + 2 * HOUR
    work = hours_of(world, "ann", start=STARTED, hours=5, accelerators=24, job="long")
    capacity.shrink(allocation=mine, to=1, reason=WHY, by=STEWARD, now=cut)
    touch([small.cluster()])
    small.say(at=cut, usage=work[:2])
    small.say(at=cut + 3 * HOUR, usage=work)
    line = next(a for a in closed(3, MARCH_ENDS + HOUR).allocations if a.allocation == mine.key)
    month = (MARCH_ENDS - STARTED) // timedelta(seconds=1)
    assert line.entitled == 5 * 3600 * 24 + (month - 5 * 3600) * 8
    assert UsageSegment.objects.count() == 5
