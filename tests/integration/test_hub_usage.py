"""What agents report: each record once, nothing half taken, stretches from the agent's word."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.integration import small
from tests.integration.small import APRIL, DECIDED, MARCH_ENDS, STARTED, World, say, work

from dure.hub.allocations import capacity, operations
from dure.hub.allocations.desired import document, touch
from dure.hub.allocations.models import Stretch
from dure.hub.people.gate import STEWARD
from dure.hub.reports import operations as reports
from dure.hub.usage.models import NodeOutage, UsageSegment
from dure.hub.usage.operations import OtherCluster, ReportRefused, accept_report
from dure.protocol import Drift, Report
from dure.vocabulary.plans import Reason

pytestmark = pytest.mark.django_db

WHY = Reason(code="allocation.expired")
LATER = STARTED + timedelta(days=10)


def held(world: World, name: str = "ann") -> list[tuple[int, datetime, datetime]]:
    """The stretches of the person's allocation."""
    rows = Stretch.objects.filter(allocation=world.allocation(name))
    return list(rows.values_list("servers", "starts_at", "ends_at"))


def test_a_report_said_twice_is_taken_once() -> None:
    world = small.running()
    records = tuple(
        work(world.allocation("ann"), start=STARTED + timedelta(days=n), job=f"j{n}")
        for n in range(3)
    )
    downs = (small.outage(start=STARTED),)
    first = say(at=LATER, usage=records, nodes=downs)
    again = say(at=LATER, usage=records, nodes=downs)
    assert (first.accepted, first.known) == (4, 0)
    assert (again.accepted, again.known) == (0, 4)
    assert (UsageSegment.objects.count(), NodeOutage.objects.count()) == (3, 1)


def test_a_record_twice_in_one_report_is_taken_once() -> None:
    world = small.running()
    record, down = work(world.allocation("ann"), start=STARTED), small.outage(start=STARTED)
    receipt = say(at=LATER, usage=(record, record), nodes=(down, down))
    assert (receipt.accepted, receipt.known) == (2, 2)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"pool": "pool-z"}, "cluster centre-a has no pool pool-z"),
        ({"pool": "pool-b"}, "cluster centre-a has no pool pool-b"),
        ({"project": "nobody"}, "there is no project nobody"),
        ({"allocation": "none"}, "this cluster holds no allocation none"),
        ({"allocation": "s-team-a1"}, "this cluster holds no allocation s-team-a1"),
        ({"project": "p-first-0002"}, "allocation p-first-0001-a1 is not of project p-first-0002"),
    ],
)
def test_an_unknown_name_refuses_the_whole_report_and_names_the_record(
    changes: dict[str, object], why: str
) -> None:
    world = small.running()
    mine = world.allocation("ann")
    good = work(mine, start=STARTED, job="good")
    bad = work(mine, start=STARTED + timedelta(days=1), job="bad").model_copy(update=changes)
    heard = small.cluster().last_seen_at
    with pytest.raises(ReportRefused) as refused:
        say(at=LATER, through=LATER, usage=(good, bad), nodes=(small.outage(start=STARTED),))
    assert refused.value.why == why
    assert f"usage of job {bad.job[:50]}" in refused.value.record
    assert not UsageSegment.objects.exists()
    assert not NodeOutage.objects.exists()
    found = small.cluster()
    assert (found.last_seen_at, found.complete_through) == (heard, None)


def test_an_outage_in_an_unknown_pool_refuses_the_whole_report() -> None:
    world = small.running()
    with pytest.raises(ReportRefused, match=r"outage of n1 from .*: cluster centre-a has no pool"):
        say(
            at=LATER,
            usage=(work(world.allocation("ann"), start=STARTED),),
            nodes=(small.outage(start=STARTED, where="pool-b"),),
        )
    assert not UsageSegment.objects.exists()


def test_a_report_of_another_cluster_than_the_credentials_is_refused() -> None:
    small.running()
    report = Report(cluster="leased-b", sequence=1, said_at=LATER)
    with pytest.raises(OtherCluster):
        accept_report(cluster=small.cluster("centre-a"), report=report, now=LATER)


def test_a_known_record_said_otherwise_is_shown_and_not_taken() -> None:
    world = small.running()
    record = work(world.allocation("ann"), start=STARTED)
    say(at=LATER, usage=(record,))
    receipt = say(at=LATER, usage=(record.model_copy(update={"accelerators": 8}),))
    assert (receipt.accepted, receipt.known) == (0, 1)
    assert UsageSegment.objects.get().accelerators == 24
    shown = [Drift.model_validate(d) for d in small.cluster().drift]
    assert [(d.expected[:15], d.found[:14]) for d in shown] == [
        ("24 accelerators", "8 accelerators")
    ]


def _close_march(world: World) -> None:
    for key in ("centre-a", "leased-b"):
        say(key, at=APRIL, through=MARCH_ENDS)
    reports.close_month(
        programme=world.programme, year=2026, month_number=3, by=world.operator, now=APRIL
    )


def test_a_new_record_of_a_closed_month_is_refused_and_a_known_one_is_known() -> None:
    world = small.running()
    mine = world.allocation("ann")
    known = work(mine, start=STARTED)
    say(at=LATER, usage=(known,))
    _close_march(world)
    late = work(mine, start=MARCH_ENDS - timedelta(seconds=1), job="late")
    with pytest.raises(ReportRefused, match=r"usage of job late.*its month is closed"):
        say(at=APRIL, usage=(known, late))
    assert say(at=APRIL, usage=(known,)).known == 1
    assert say(at=APRIL, usage=(work(mine, start=MARCH_ENDS, job="next"),)).accepted == 1


def test_a_new_outage_of_a_closed_month_is_refused_too() -> None:
    world = small.running()
    known = small.outage(start=STARTED)
    say(at=LATER, nodes=(known,))
    _close_march(world)
    with pytest.raises(ReportRefused, match=r"outage of n1.*its month is closed"):
        say(at=APRIL, nodes=(known, small.outage(start=MARCH_ENDS - timedelta(hours=1))))
    assert say(at=APRIL, nodes=(known,)).known == 1
    assert say(at=APRIL, nodes=(small.outage(start=MARCH_ENDS),)).accepted == 1


def test_what_an_agent_has_said_all_until_never_goes_back() -> None:
    small.running()
    say(at=LATER, through=LATER)
    say(at=LATER, through=STARTED)
    assert small.cluster().complete_through == LATER


def test_a_stretch_begins_when_the_agent_has_bound_it_and_twice_is_once() -> None:
    world = small.decided()
    mine = world.allocation("ann")
    say(at=DECIDED)
    operations.sign_agreement(allocation=mine, by=world["ann"], now=DECIDED)
    assert held(world) == []
    say(at=LATER)
    say(at=LATER + timedelta(minutes=1))
    assert held(world) == [(3, LATER, mine.ends_at)]


def test_a_binding_ahead_of_its_period_counts_from_the_periods_start() -> None:
    world = small.decided()
    mine = world.allocation("ann")
    operations.sign_agreement(allocation=mine, by=world["ann"], now=DECIDED)
    say(at=DECIDED)
    assert held(world) == [(3, STARTED, mine.ends_at)]


def test_a_cut_counts_from_when_the_agent_has_lowered_it() -> None:
    world = small.running()
    mine = world.allocation("ann")
    capacity.shrink(allocation=mine, to=1, reason=WHY, by=STEWARD, now=LATER)
    touch([small.cluster()])
    assert held(world) == [(3, STARTED, mine.ends_at)]
    lowered = LATER + timedelta(minutes=2)
    say(at=lowered)
    say(at=lowered + timedelta(minutes=1))
    assert held(world) == [(3, STARTED, lowered), (1, lowered, mine.ends_at)]


def test_an_agent_at_an_older_revision_changes_no_stretch() -> None:
    world = small.running()
    before = small.cluster().desired_revision
    capacity.shrink(allocation=world.allocation("ann"), to=1, reason=WHY, by=STEWARD, now=LATER)
    touch([small.cluster()])
    say(at=LATER, applied=before)
    assert held(world)[0][0] == 3
    assert small.cluster().applied_revision == before


def test_an_instant_is_counted_in_whole_seconds_whatever_the_agents_clock_says() -> None:
    world = small.decided()
    mine = world.allocation("ann")
    operations.sign_agreement(allocation=mine, by=world["ann"], now=DECIDED)
    say(at=LATER + timedelta(microseconds=7))
    assert held(world) == [(3, LATER, mine.ends_at)]


def test_a_hub_restored_from_a_backup_counts_on_from_what_its_agent_holds() -> None:
    world = small.running()
    say(at=LATER, applied=90)
    found = small.cluster()
    assert (found.applied_revision, found.desired_revision) == (90, 91)
    wanted = document(found)
    assert wanted.revision == 91
    assert {b.allocation for b in wanted.bindings} == {
        world.allocation("ann").key,
        world.allocation("bob").key,
    }
    say(at=LATER)
    assert small.cluster().desired_revision == 91


def test_an_award_without_an_agreement_is_not_in_the_desired_document() -> None:
    world = small.decided()
    operations.sign_agreement(allocation=world.allocation("bob"), by=world["bob"], now=DECIDED)
    bound = document(small.cluster()).bindings
    assert [(b.allocation, b.servers, b.accelerators) for b in bound] == [
        (world.allocation("bob").key, 3, 24)
    ]
    assert [m.username for m in bound[0].members] == ["bob"]
