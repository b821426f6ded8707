"""Outages at the hub: from what an agent says to an incident, its credit and its pages."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.translation import override
from tests.integration import small
from tests.integration.small import STARTED, World, cluster, pool

from dure.hub import clock
from dure.hub.allocations import desired
from dure.hub.allocations.models import Allocation
from dure.hub.audit.models import Event
from dure.hub.audit.queries import verify
from dure.hub.incidents import facts, operations, stewarding
from dure.hub.incidents.models import (
    DeviceFault,
    Incident,
    IncidentCredit,
    MaintenanceWindow,
    NodeRemoval,
    NodeStatus,
)
from dure.hub.notices.models import Notice
from dure.hub.people.gate import NotPermitted
from dure.hub.people.models import Role
from dure.hub.usage.ledger import allocation_balances
from dure.hub.usage.models import LedgerEntry
from dure.hub.usage.operations import accept_report
from dure.protocol import DeviceEvent, LostWork, NodeHealth, NodeState, Report

pytestmark = pytest.mark.django_db

Queries = Callable[[int], AbstractContextManager[object]]

NOW = STARTED + timedelta(days=40)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NODES = ("n1", "n2", "n3", "n4", "n5")


def health(name: str, state: NodeState = "up", **more: Any) -> NodeHealth:
    block = "b1" if name in {"n1", "n2"} else "b2"
    return NodeHealth(node=name, pool="pool-a", state=state, block=block, accelerators=8, **more)


def said(*nodes: NodeHealth, at: datetime, events: tuple[DeviceEvent, ...] = ()) -> None:
    """The agent of centre-a says how its nodes are; those not named are up."""
    known = {n.node: n for n in nodes}
    found = cluster()
    report = Report(
        cluster="centre-a",
        sequence=1,
        said_at=at,
        applied_revision=found.desired_revision,
        health=tuple(known.get(name, health(name)) for name in NODES),
        events=events,
    )
    accept_report(cluster=found, report=report, now=at)


def step(world: World, at: datetime) -> None:
    stewarding.review(programme=world.programme, now=at)


@pytest.fixture
def world() -> World:
    made = small.running()
    said(at=NOW - HOUR)
    return made


def lasting() -> Incident:
    return Incident.objects.get(state=Incident.State.LASTING)


def test_a_node_that_fails_is_one_incident_until_it_is_back(world: World) -> None:
    down = health("n1", "down", reason="Not responding", since=NOW - HOUR / 2)
    said(down, at=NOW)
    step(world, NOW)
    one = lasting()
    assert (one.node, one.cause, one.starts_at) == ("n1", "failed", NOW - HOUR / 2)
    said(down, at=NOW + HOUR)
    step(world, NOW + HOUR)
    said(at=NOW + 2 * HOUR)
    step(world, NOW + 2 * HOUR)
    one.refresh_from_db()
    assert (one.state, one.ends_at) == ("ended", NOW + 2 * HOUR)
    assert Incident.objects.count() == 1
    assert [e.what for e in Event.objects.filter(subject=one.subject).order_by("sequence")] == [
        "incident.opened",
        "incident.ended",
    ]
    assert verify().intact


def test_a_silent_agent_is_no_outage_and_ends_none(world: World) -> None:
    said(health("n1", "down", since=NOW), at=NOW)
    step(world, NOW)
    step(world, NOW + HOUR)  # nothing was heard for an hour
    assert lasting().node == "n1"


def test_lost_work_is_given_back_once_and_its_owner_is_told(world: World) -> None:
    mine = world.allocation("ann")
    before = allocation_balances([mine.key])[mine.key][1]
    lost = LostWork(
        job="7", attempt=1, allocation=mine.key, accelerators=16, started=NOW - 3 * HOUR, ended=NOW
    )
    stranger = lost.model_copy(update={"job": "8", "allocation": "nobody's"})
    down = health("n1", "down", since=NOW, lost=(lost, stranger))
    for minute in range(3):
        at = NOW + timedelta(minutes=minute)
        said(down, at=at)
        step(world, at)
    credit = IncidentCredit.objects.get()
    assert (credit.allocation, credit.amount) == (mine, 16 * 3 * 3600)
    entry = LedgerEntry.objects.get(key=f"incident:{credit.incident_id}:work:7/1")
    assert entry.kind == "REFUND"
    assert allocation_balances([mine.key])[mine.key][1] == before + credit.amount
    told = Notice.objects.filter(recipient=world["ann"], reason__code__startswith="incidents.")
    assert {n.reason["code"] for n in told} == {
        "incidents.node_failed",
        "incidents.credit_lost_work",
    }


def test_many_credits_of_one_step_are_one_notice(world: World) -> None:
    mine = world.allocation("ann")
    lost = [
        LostWork(
            job=job, attempt=1, allocation=mine.key, accelerators=8, started=NOW - HOUR, ended=NOW
        )
        for job in ("7", "8")
    ]
    down = [health(f"n{n}", "down", since=NOW, lost=(one,)) for n, one in enumerate(lost, 1)]
    for minute in range(2):
        said(*down, at=NOW + timedelta(minutes=minute))
        step(world, NOW + timedelta(minutes=minute))
    assert IncidentCredit.objects.count() == 2
    told = Notice.objects.get(reason__code="incidents.credits_together")
    assert (told.recipient, told.subject) == (world["ann"], mine.key)
    assert told.reason["params"] == {"outages": 2, "hours": "16.0"}


def test_missing_servers_are_credited_when_they_are_back(world: World) -> None:
    promised = sum(a.servers for a in Allocation.objects.filter(pool=pool(), state="active"))
    spare = pool().nodes - pool().own_use_nodes - promised
    assert 0 < spare < len(NODES)
    out = [health(name, "down", since=NOW) for name in NODES[: spare + 1]]
    said(*out, at=NOW)
    step(world, NOW)
    assert set(Incident.objects.values_list("severity", flat=True)) == {"medium", "high"}
    said(at=NOW + HOUR)
    step(world, NOW + HOUR)
    given = IncidentCredit.objects.all()
    assert {credit.incident.node for credit in given} == {NODES[spare]}  # the rest was spared
    assert {c.allocation.key: c.amount for c in given} == {
        world.allocation(name).key: 8 * 3600 // 2 for name in ("ann", "bob")
    }
    told = Notice.objects.filter(recipient=world["ann"], reason__code="incidents.node_failed")
    assert told.count() == 1  # of so many servers at once
    entries = LedgerEntry.objects.filter(key__startswith="incident:")
    assert {entry.kind for entry in entries} == {"CREDIT"}


def test_an_xid_keeps_its_node_out_until_it_was_started_anew(world: World) -> None:
    event = DeviceEvent(node="n2", device="3", kind="xid", code="79", at=NOW)
    mine = event.model_copy(update={"code": "31", "device": "4"})
    for _ in range(2):  # reports come at least once
        said(at=NOW, events=(event, mine))
    revision = cluster().desired_revision
    step(world, NOW)
    one = lasting()
    assert (one.node, one.cause, one.drains) == ("n2", "device", True)
    (drain,) = desired.document(cluster()).drains
    assert (drain.id, drain.node) == (str(one.pk), "n2")
    assert cluster().desired_revision > revision
    assert DeviceFault.objects.filter(judged_at=None).count() == 0
    assert DeviceFault.objects.get(incident=one).code == "79"

    kept = health("n2", "draining", reason=f"dure:{one.pk}", since=NOW)
    said(kept, at=NOW + HOUR)
    step(world, NOW + HOUR)
    assert lasting() == one
    said(kept.model_copy(update={"booted": NOW + 2 * HOUR}), at=NOW + 2 * HOUR)
    step(world, NOW + 2 * HOUR)
    one.refresh_from_db()
    assert one.ends_at == NOW + 2 * HOUR
    assert desired.document(cluster()).drains == ()


def test_a_node_needs_a_new_start_after_each_fault(world: World) -> None:
    said(at=NOW, events=(DeviceEvent(node="n2", device="3", kind="xid", code="79", at=NOW),))
    step(world, NOW)
    one = lasting()
    assert one.drains_since == NOW
    second = DeviceEvent(node="n2", device="4", kind="xid", code="79", at=NOW + 2 * HOUR)
    booted = health("n2", "draining", reason=f"dure:{one.pk}", since=NOW, booted=NOW + HOUR)
    said(booted, at=NOW + 2 * HOUR, events=(second,))
    for minute in range(2):
        step(world, NOW + 2 * HOUR + minute * HOUR / 60)
    assert lasting().drains_since == NOW + 2 * HOUR


def test_what_waited_for_the_hub_counts_from_when_it_was_said(world: World) -> None:
    """The hub was away: the agent says everything at once, later."""
    found, late = cluster(), NOW + 5 * HOUR

    def waited(node: NodeHealth, at: datetime, number: int) -> None:
        report = Report(cluster="centre-a", sequence=number, said_at=at, health=(node,))
        accept_report(cluster=found, report=report, now=late)

    waited(health("n1", "down", since=NOW), NOW, 2)
    step(world, late)
    waited(health("n1"), NOW + HOUR, 3)
    waited(health("n1", "down", since=NOW), NOW, 2)  # said again: no news
    step(world, late)
    one = Incident.objects.get(node="n1")
    assert (one.starts_at, one.ends_at) == (NOW, NOW + HOUR)


def test_of_a_node_that_a_report_names_twice_the_last_word_counts(world: World) -> None:
    twice = (health("n1"), health("n6"), health("n6", "down", since=NOW), health("n1", "down"))
    report = Report(cluster="centre-a", sequence=2, said_at=NOW, health=twice)
    accept_report(cluster=cluster(), report=report, now=NOW)
    assert dict(NodeStatus.objects.values_list("node", "state")) == {"n1": "down", "n6": "down"}


def test_an_outage_longer_than_the_lemon_window_is_charged_beside_what_it_overlapped(
    world: World,
) -> None:
    """While n1 was out for months, n2 took the last spare and came back."""
    start = NOW - 90 * DAY
    said(health("n1", "down", since=start), at=NOW)
    step(world, NOW)
    lasted = lasting()
    past = Incident.objects.create(
        pool=lasted.pool, node="n2", cause="failed", severity="medium", state="ended",
        starts_at=start, ends_at=start + DAY, decision=lasted.decision,
        spare_reason=lasted.spare_reason, reason=lasted.reason, end_reason=lasted.reason,
    )  # fmt: skip
    window = announce(world)
    MaintenanceWindow.objects.filter(pk=window.pk).update(
        starts_at=start, ends_at=start + DAY, state="over"
    )
    snapshot = facts.snapshot(world.programme, NOW)
    assert {i.number for i in snapshot.incidents} == {lasted.pk, past.pk}
    assert [w.id for w in snapshot.windows] == [window.key]
    lasted.delete()  # the node is out, and its next incident must not begin before the last ended
    assert {i.number for i in facts.snapshot(world.programme, NOW).incidents} == {past.pk}
    NodeStatus.objects.filter(node="n1").update(state="up")
    assert facts.snapshot(world.programme, NOW).incidents == ()


def test_a_provider_says_that_a_node_is_repaired(world: World) -> None:
    event = DeviceEvent(node="n2", device="3", kind="ecc", code="dbe", at=NOW)
    said(at=NOW, events=(event,))
    step(world, NOW)
    one = lasting()
    with pytest.raises(NotPermitted):
        operations.release_node(incident=one, by=world["ann"], now=NOW)
    operations.release_node(incident=one, by=world.operator, now=NOW)
    assert desired.document(cluster()).drains == ()
    step(world, NOW + HOUR / 60)
    one.refresh_from_db()
    assert one.state == "ended"
    with pytest.raises(operations.DecidedAlready):
        operations.release_node(incident=one, by=world.operator, now=NOW)


def announce(world: World, **changes: Any) -> MaintenanceWindow:
    asked: dict[str, Any] = {
        "pool": pool(), "nodes": ["n1"], "starts_at": NOW + 10 * HOUR, "ends_at": NOW + 12 * HOUR,
        "why": "new cables", "by": world.operator, "now": NOW,
    }  # fmt: skip
    return operations.announce_maintenance(**{**asked, **changes})


def test_maintenance_reaches_the_site_and_its_owners_and_ends_by_itself(world: World) -> None:
    window = announce(world)
    (wanted,) = desired.document(cluster()).maintenance
    assert (wanted.id, wanted.nodes, wanted.starts) == (window.key, ("n1",), window.starts_at)
    told = Notice.objects.filter(reason__code="incidents.maintenance_announced")
    assert {n.recipient.username for n in told} == {"ann", "bob"}
    step(world, window.ends_at)
    window.refresh_from_db()
    assert window.state == "over"
    assert desired.document(cluster()).maintenance == ()


def test_a_withdrawn_window_is_no_more(world: World) -> None:
    window = announce(world)
    operations.withdraw_maintenance(window=window, by=world.operator, now=NOW)
    assert desired.document(cluster()).maintenance == ()
    with pytest.raises(operations.DecidedAlready):
        operations.withdraw_maintenance(window=window, by=world.operator, now=NOW)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ends_at": NOW + 9 * HOUR}, "ends before it begins, or is over"),
        ({"starts_at": NOW - 2 * HOUR, "ends_at": NOW - HOUR}, "ends before it begins, or is over"),
        ({"starts_at": NOW - HOUR / 10, "ends_at": NOW + HOUR}, "it cannot begin earlier"),
        ({"ends_at": NOW + timedelta(days=90)}, "at most 60 days long"),
        ({"nodes": ["n1", "n99"]}, "no server of this name: n99$"),
    ],
)
def test_a_window_that_cannot_be_is_refused_in_words(
    world: World, changes: dict[str, Any], words: str
) -> None:
    with override("en"), pytest.raises(operations.UnableToAnnounce, match=words):
        announce(world, **changes)
    assert not MaintenanceWindow.objects.exists()


def test_a_lemon_is_removed_by_a_person_and_returned_by_one(world: World) -> None:
    for day in (1, 3, 5):
        at = NOW + timedelta(days=day)
        said(health("n4", "down", since=at), at=at)
        step(world, at)
        said(at=at + HOUR)
        step(world, at + HOUR)
    removal = NodeRemoval.objects.get()
    assert (removal.node, removal.failures, removal.state) == ("n4", 3, "proposed")
    assert desired.document(cluster()).drains == ()
    operations.decide_removal(removal=removal, verdict="approved", by=world.operator, now=NOW)
    (drain,) = desired.document(cluster()).drains
    assert drain.node == "n4"
    late = NOW + timedelta(days=6)
    said(health("n4", "draining", reason=f"dure:{drain.id}", since=late), at=late)
    step(world, late)
    assert lasting().cause == "removed"
    with pytest.raises(operations.DecidedAlready):
        operations.decide_removal(removal=removal, verdict="dismissed", by=world.operator, now=late)
    operations.decide_removal(removal=removal, verdict="returned", by=world.operator, now=late)
    assert desired.document(cluster()).drains == ()


def test_nodes_that_a_cluster_no_longer_names_are_forgotten(world: World) -> None:
    assert NodeStatus.objects.count() == len(NODES)
    report = Report(cluster="centre-a", sequence=2, said_at=NOW, health=(health("n1"),))
    accept_report(cluster=cluster(), report=report, now=NOW)
    assert [s.node for s in NodeStatus.objects.all()] == ["n1"]
    nothing_new = Report(cluster="centre-a", sequence=3, said_at=NOW)
    accept_report(cluster=cluster(), report=nothing_new, now=NOW)
    assert NodeStatus.objects.count() == 1


def test_a_node_of_a_pool_that_is_not_ours_is_said_to_differ(world: World) -> None:
    strange = health("x1").model_copy(update={"pool": "elsewhere"})
    report = Report(cluster="centre-a", sequence=2, said_at=NOW, health=(health("n1"), strange))
    accept_report(cluster=cluster(), report=report, now=NOW)
    assert "elsewhere" in {drift["found"] for drift in cluster().drift}
    assert [s.node for s in NodeStatus.objects.all()] == ["n1"]


def signed_in(world: World, name: str) -> Client:
    client = Client()
    client.force_login(world[name])
    return client


@pytest.fixture
def many(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Sixty past incidents, one that lasts, a window, a removal."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    said(health("n1", "down", since=NOW), at=NOW)
    step(world, NOW)
    first = lasting()
    past = [
        Incident(
            pool=first.pool, node="n2", cause="failed", severity="medium", state="ended",
            starts_at=NOW - (n + 1) * HOUR, ends_at=NOW - n * HOUR, decision=first.decision,
            spare_reason=first.spare_reason, reason=first.reason, end_reason=first.reason,
        )
        for n in range(60)
    ]  # fmt: skip
    Incident.objects.bulk_create(past)
    announce(world)
    NodeRemoval.objects.create(
        pool=first.pool, node="n5", failures=3, proposed_at=NOW, reason={"code": "incidents.lemon",
        "params": {"node": "n5", "failures": 3, "days": 30}},
    )  # fmt: skip
    return world


@pytest.mark.parametrize("who", ["operator", "auditor", "supplier"])
def test_the_pages_cost_few_queries(
    many: World, who: str, django_assert_max_num_queries: Queries
) -> None:
    client = signed_in(many, who)
    with django_assert_max_num_queries(12):
        page = client.get("/incidents/")
    assert page.status_code == 200
    assert "n5" in page.content.decode()
    with django_assert_max_num_queries(12):
        page = client.get(f"/incidents/{lasting().pk}/")
    assert page.status_code == 200


def test_the_operators_first_page_says_that_servers_are_missing(
    many: World, django_assert_max_num_queries: Queries
) -> None:
    client = signed_in(many, "operator")
    client.cookies["django_language"] = "en"
    words = "Promised servers that are missing"
    assert words not in client.get("/operate/").content.decode()  # a spare stands in
    Incident.objects.filter(state="lasting").update(severity="high")
    with django_assert_max_num_queries(12):
        assert words in client.get("/operate/").content.decode()


def test_another_provider_sees_nothing_of_it(many: World) -> None:
    other = small.organisation("Other", "industry", "other-number")
    many.people["other"] = small.person("other", Role.PROVIDER, other)
    client = signed_in(many, "other")
    page = client.get("/incidents/")
    assert page.status_code == 200
    assert "n5" not in page.content.decode()
    assert client.get(f"/incidents/{lasting().pk}/").status_code == 404
    removal, window = NodeRemoval.objects.get(), MaintenanceWindow.objects.get()
    assert client.post(f"/removals/{removal.pk}/approved/").status_code == 404
    assert client.post(f"/maintenance/{window.pk}/withdraw/").status_code == 404
    told = {"pool": "pool-a", **_times(20, 22)}
    assert client.post("/maintenance/new/", told).status_code == 422  # not one of its pools


def test_the_clusters_page_names_the_servers_that_are_not_in_service(
    many: World, django_assert_max_num_queries: Queries
) -> None:
    said(health("n3", "draining", reason="fan tray", since=NOW), at=NOW)
    client = signed_in(many, "supplier")
    client.cookies["django_language"] = "en"
    with django_assert_max_num_queries(12):
        page = client.get("/clusters/centre-a/").content.decode()
    assert "In service: 4 of 5" in page
    assert "fan tray" in page


def test_the_owner_sees_maintenance_ahead_and_what_was_given_back(
    many: World, django_assert_max_num_queries: Queries
) -> None:
    client = signed_in(many, "ann")
    with django_assert_max_num_queries(16):
        page = client.get(f"/allocations/{many.allocation('ann').key}/").content.decode()
    assert "new cables" in page
    assert client.get("/incidents/").status_code == 404
    assert client.get(f"/incidents/{lasting().pk}/").status_code == 404


def test_the_operator_announces_and_withdraws_on_the_page(many: World) -> None:
    client = signed_in(many, "operator")
    client.post("/i18n/setlang/", {"language": "en"})
    wrong = client.post("/maintenance/new/", {"pool": "pool-a", "nodes": "n99", **_times(20, 22)})
    assert wrong.status_code == 422
    assert "n99" in wrong.content.decode()
    backwards = client.post("/maintenance/new/", {"pool": "pool-a", **_times(22, 20)})
    assert backwards.status_code == 422
    done = client.post("/maintenance/new/", {"pool": "pool-a", "nodes": "n1, n2", **_times(20, 22)})
    assert done.status_code == 302
    made = MaintenanceWindow.objects.latest("pk")
    assert (made.nodes, made.starts_at) == (["n1", "n2"], NOW + 20 * HOUR)
    assert client.post(f"/maintenance/{made.pk}/withdraw/").status_code == 302
    made.refresh_from_db()
    assert made.state == "withdrawn"


def _times(starts: int, ends: int) -> dict[str, str]:
    local = NOW.astimezone(small.SEOUL)
    return {
        "starts_at": f"{local + starts * HOUR:%Y-%m-%dT%H:%M}",
        "ends_at": f"{local + ends * HOUR:%Y-%m-%dT%H:%M}",
    }


def test_the_operator_decides_a_removal_on_the_page(many: World) -> None:
    one = NodeRemoval.objects.get()
    path = f"/removals/{one.pk}/approved/"
    assert signed_in(many, "auditor").post(path).status_code == 404
    client = signed_in(many, "operator")
    assert client.post(path).status_code == 302
    one.refresh_from_db()
    assert (one.state, one.decided_by) == ("approved", many.operator)
    assert client.post(path).status_code == 302  # said twice, done once
    assert Event.objects.filter(what="removal.approved").count() == 1
