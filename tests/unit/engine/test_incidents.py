"""An incident from its first sign to its credit, as the operator reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from dure.engine import incidents
from dure.engine.checks.incidents import violations
from dure.engine.incidents import (
    Close,
    Credit,
    Fault,
    Incident,
    IncidentPlan,
    IncidentSnapshot,
    Join,
    Lost,
    NodeFacts,
    Open,
    PoolFacts,
    Promise,
    Propose,
    Window,
)
from dure.vocabulary.plans import Header
from dure.vocabulary.programme.incidents import IncidentRules

NOW = datetime(2026, 4, 3, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
RULES = IncidentRules()
HEADER = Header(number=1, generation=1, now=NOW)


def node(name: str, state: incidents.facts.NodeState = "up", **more: object) -> NodeFacts:
    block = "b1" if name in {"n1", "n2"} else "b2"
    facts = NodeFacts(
        pool="p", node=name, state=state, since=NOW - HOUR, block=block,
        in_service_since=NOW - 100 * DAY,
    )  # fmt: skip
    return facts.model_copy(update=more)


def promise(servers: int, allocation: str = "a") -> Promise:
    return Promise(
        allocation=allocation, pool="p", servers=servers, starts=NOW - 30 * DAY, ends=NOW + 30 * DAY
    )


def snapshot(*nodes: NodeFacts, **more: object) -> IncidentSnapshot:
    """Four nodes of two blocks with eight accelerators each, three of them promised."""
    said = {n.node: n for n in nodes}
    whole = IncidentSnapshot(
        pools=(PoolFacts(pool="p", accelerators_per_node=8, programme_nodes=4),),
        nodes=tuple(said.get(name, node(name)) for name in ("n1", "n2", "n3", "n4")),
        promises=(promise(3),),
    )
    return whole.model_copy(update=more)


def planned(given: IncidentSnapshot, rules: IncidentRules = RULES) -> IncidentPlan:
    """The plan, which its check accepts."""
    plan = incidents.plan(given, rules, HEADER)
    assert violations(given, rules, plan) == ()
    return plan


def codes(plan: IncidentPlan) -> list[str]:
    return [intent.reason.code for intent in plan.intents]


def running(number: int = 1, name: str = "n1", **more: object) -> Incident:
    one = Incident(number=number, pool="p", node=name, cause="failed", starts=NOW - HOUR)
    return one.model_copy(update=more)


def lost(**more: object) -> Lost:
    one = Lost(
        job="7", attempt=1, allocation="a", accelerators=16,
        started=NOW - 10 * HOUR, ended=NOW - HOUR,
    )  # fmt: skip
    return one.model_copy(update=more)


def test_a_node_that_fails_opens_an_incident_and_a_server_of_its_block_stands_in() -> None:
    plan = planned(snapshot(node("n1", "down", reason="Not responding")))
    (opened,) = plan.intents
    assert isinstance(opened, Open)
    assert (opened.node, opened.cause, opened.severity) == ("n1", "failed", "medium")
    assert opened.starts == NOW - HOUR
    assert (opened.spare, opened.spare_reason.code) == ("n2", "incidents.spare_same_block")


def test_where_the_block_has_none_left_a_server_of_another_stands_in() -> None:
    one, other = node("n1", "down"), node("n2", "down")
    first, second = planned(snapshot(one, other, promises=(promise(2),))).intents
    assert isinstance(first, Open)
    assert isinstance(second, Open)
    assert (first.spare, first.spare_reason.code) == ("n3", "incidents.spare_elsewhere")
    assert second.spare == "n4"


def test_where_everything_is_promised_no_spare_stands_in_and_the_incident_is_grave() -> None:
    (opened,) = planned(snapshot(node("n1", "down"), promises=(promise(4),))).intents
    assert isinstance(opened, Open)
    assert (opened.spare, opened.spare_reason.code) == ("", "incidents.no_spare")
    assert opened.severity == "high"


def test_an_outage_that_lasts_stays_one_incident() -> None:
    known = running(spare="n2")
    assert planned(snapshot(node("n1", "down"), incidents=(known,))).intents == ()


def test_a_node_that_is_back_ends_its_incident_when_it_came_back() -> None:
    back = node("n1", since=NOW - 5 * MINUTE)
    (ended,) = planned(snapshot(back, incidents=(running(),))).intents
    assert isinstance(ended, Close)
    assert ended.ends == NOW - 5 * MINUTE
    assert ended.reason.code == "incidents.returned"


def test_a_node_of_which_nothing_is_known_neither_opens_nor_ends_one() -> None:
    silent = node("n1", "unknown")
    assert planned(snapshot(silent)).intents == ()
    assert planned(snapshot(silent, incidents=(running(),))).intents == ()


def test_an_xid_that_asks_for_a_reset_keeps_the_node_out_until_it_was_started_anew() -> None:
    fault = Fault(id=4, pool="p", node="n1", device="3", kind="xid", code="79", at=NOW - MINUTE)
    (opened,) = planned(snapshot(faults=(fault,))).intents
    assert isinstance(opened, Open)
    assert (opened.cause, opened.drains, opened.faults) == ("device", True, (4,))
    assert opened.reason.params["code"] == "79"

    known = running(cause="device", drains=True)
    drained = node("n1", "draining", reason="dure:1")
    assert planned(snapshot(drained, incidents=(known,))).intents == ()
    restarted = node("n1", "draining", reason="dure:1", booted=NOW - 2 * MINUTE)
    (ended,) = planned(snapshot(restarted, incidents=(known,))).intents
    assert isinstance(ended, Close)
    assert (ended.ends, ended.reason.code) == (NOW - 2 * MINUTE, "incidents.restarted")
    # The site has not let it go yet: that is no new outage.
    assert planned(snapshot(restarted)).intents == ()


def test_a_node_started_anew_is_out_as_long_as_its_provider_or_maintenance_keeps_it_out() -> None:
    known = running(cause="device", drains=True)
    kept = {"booted": NOW - 20 * MINUTE, "since": NOW - 50 * MINUTE}
    theirs = node("n1", "draining", reason="fan tray", **kept)
    assert planned(snapshot(theirs, incidents=(known,))).intents == ()
    window = Window(
        id="m1", pool="p", nodes=("n1",), starts=NOW - HOUR, ends=NOW + HOUR, announced=NOW - DAY
    )
    ours = node("n1", "draining", reason="dure:1", **kept)
    assert planned(snapshot(ours, incidents=(known,), windows=(window,))).intents == ()
    back = node("n1", booted=NOW - 20 * MINUTE, since=NOW - 5 * MINUTE)
    (ended,) = planned(snapshot(back, incidents=(known,))).intents
    assert isinstance(ended, Close)
    assert ended.ends == NOW - 5 * MINUTE


def test_the_next_incident_of_a_node_begins_when_the_last_one_ended() -> None:
    """The site gave the node a reason of its own after it had let our drain stand for long."""
    past = running(ends=NOW - 20 * MINUTE, cause="device", drains=True)
    theirs = node("n1", "draining", reason="fan tray", since=NOW - 50 * MINUTE)
    (opened,) = planned(snapshot(theirs, incidents=(past,))).intents
    assert isinstance(opened, Open)
    assert opened.starts == NOW - 20 * MINUTE
    early = IncidentPlan(
        header=HEADER,
        intents=(opened.model_copy(update={"starts": NOW - 30 * MINUTE}),),
    )
    found = violations(snapshot(theirs, incidents=(past,)), RULES, early)
    assert [v.rule for v in found] == ["incidents.overlaps"]


def test_a_new_start_before_the_last_fault_mends_nothing() -> None:
    fault = Fault(id=5, pool="p", node="n1", device="3", kind="xid", code="79", at=NOW - 9 * MINUTE)
    drained = node("n1", "draining", reason="dure:1", booted=NOW - 30 * MINUTE)
    known = running(cause="device", drains=True, drains_since=NOW - HOUR)
    (joined,) = planned(snapshot(drained, incidents=(known,), faults=(fault,))).intents
    assert isinstance(joined, Join)
    again = known.model_copy(update={"drains_since": joined.drains_since})
    assert planned(snapshot(drained, incidents=(again,))).intents == ()
    restarted = drained.model_copy(update={"booted": NOW - 8 * MINUTE})
    assert codes(planned(snapshot(restarted, incidents=(again,)))) == ["incidents.restarted"]


def test_a_fault_of_a_node_that_was_out_before_needs_a_new_start_after_the_fault() -> None:
    """It went down, came up by itself, and then reported the fault that asks for another start."""
    fault = Fault(id=5, pool="p", node="n1", device="3", kind="xid", code="79", at=NOW - 9 * MINUTE)
    up = node("n1", "down", booted=NOW - 30 * MINUTE)
    (opened,) = planned(snapshot(up, faults=(fault,))).intents
    assert isinstance(opened, Open)
    assert (opened.starts, opened.drains_since) == (NOW - HOUR, NOW - 9 * MINUTE)


def test_a_window_that_was_announced_afterwards_takes_nothing_out_before() -> None:
    window = Window(
        id="m1", pool="p", nodes=("n1",), starts=NOW - HOUR, ends=NOW + HOUR,
        announced=NOW - 4 * MINUTE,
    )  # fmt: skip
    (opened,) = planned(snapshot(windows=(window,))).intents
    assert isinstance(opened, Open)
    assert opened.starts == NOW - 4 * MINUTE


@pytest.mark.parametrize("late", [{"announced": NOW - 9 * MINUTE}, {"starts": NOW - 9 * MINUTE}])
def test_an_outage_that_began_before_maintenance_or_its_announcement_is_no_maintenance(
    late: dict[str, datetime],
) -> None:
    early = NOW - 11 * MINUTE
    window = Window(
        id="m1", pool="p", starts=early, ends=NOW + HOUR, announced=early, nodes=("n1",)
    ).model_copy(update=late)
    fault = Fault(
        id=5, pool="p", node="n1", device="3", kind="xid", code="79", at=NOW - 10 * MINUTE
    )
    signs = {
        "failed": snapshot(node("n1", "down", since=fault.at)),
        "drained": snapshot(node("n1", "draining", since=fault.at)),
        "device": snapshot(node("n1", "up"), faults=(fault,)),
    }
    for cause, given in signs.items():
        (opened,) = planned(given.model_copy(update={"windows": (window,)})).intents
        assert isinstance(opened, Open)
        assert (opened.cause, opened.window) == (cause, "")
        assert opened.starts == fault.at
        in_time = window.model_copy(update={"starts": fault.at, "announced": fault.at})
        (opened,) = planned(given.model_copy(update={"windows": (window, in_time)})).intents
        assert isinstance(opened, Open)
        assert (opened.cause, opened.starts) == ("drained", fault.at)


@pytest.mark.parametrize(("kind", "code"), [("xid", "31"), ("xid", "94"), ("link", "replay")])
def test_the_works_own_fault_and_what_the_device_mended_stop_nothing(kind: str, code: str) -> None:
    fault = Fault.model_validate(
        {"id": 4, "pool": "p", "node": "n1", "device": "3", "kind": kind, "code": code, "at": NOW}
    )
    plan = planned(snapshot(faults=(fault,)))
    assert (plan.intents, plan.application_faults) == ((), (4,))


def test_work_that_ended_with_the_node_is_given_back_once_up_to_the_rules_hours() -> None:
    failed = node("n1", "down", lost=(lost(),))
    (joined, credit) = planned(snapshot(failed, incidents=(running(),))).intents
    assert isinstance(joined, Join)
    assert isinstance(credit, Credit)
    assert (credit.allocation, credit.amount) == ("a", 16 * 240 * 60)  # four of its nine hours
    again = running(lost=(lost(),), credited=(credit.key,))
    assert planned(snapshot(failed, incidents=(again,))).intents == ()


def test_a_gang_that_ended_with_one_node_is_not_given_back_for_another() -> None:
    mine, other = running(1, "n1", lost=(lost(),)), running(2, "n3")
    both = (node("n1", "down"), node("n3", "down", lost=(lost(),)))
    plan = planned(snapshot(*both, incidents=(mine, other), promises=(promise(1),)))
    assert [i.incident for i in plan.intents if isinstance(i, Credit)] == [1]


def test_work_that_ended_with_maintenance_announced_in_time_is_not_given_back() -> None:
    failed = node("n1", "down", lost=(lost(ended=NOW - 30 * MINUTE),))
    starts = NOW - 40 * MINUTE
    window = Window(
        id="m1", pool="p", starts=starts, ends=NOW + HOUR, announced=starts - 7 * DAY, nodes=("n1",)
    )
    late = window.model_copy(update={"announced": starts - 6 * DAY})

    def given(one: Window) -> list[str]:
        plan = planned(snapshot(failed, incidents=(running(),), windows=(one,)))
        return [c.key for c in plan.intents if isinstance(c, Credit)]

    assert (given(window), given(late)) == ([], ["work:7/1"])


def test_missing_capacity_is_given_back_to_all_owners_in_proportion() -> None:
    owners = (promise(3, "a"), promise(1, "b"))
    back = node("n1", since=NOW)
    plan = planned(snapshot(back, incidents=(running(),), promises=owners))
    given = {c.allocation: c.amount for c in plan.intents if isinstance(c, Credit)}
    assert given == {"a": 8 * 3600 * 3 // 4, "b": 8 * 3600 // 4}


def test_an_outage_that_a_spare_made_good_gives_nothing_back() -> None:
    plan = planned(snapshot(node("n1", since=NOW), incidents=(running(),)))
    assert codes(plan) == ["incidents.returned"]


def test_of_two_outages_the_one_known_later_is_charged_for_the_missing_server() -> None:
    first, second = running(1, "n1"), running(2, "n2")
    both = snapshot(node("n1", since=NOW), node("n2", since=NOW), incidents=(first, second))
    found = [c for c in planned(both).intents if isinstance(c, Credit)]
    assert [(c.incident, c.amount) for c in found] == [(2, 8 * 3600)]


def test_a_short_outage_gives_nothing_back() -> None:
    short = running(starts=NOW - 9 * MINUTE)
    full = snapshot(node("n1", since=NOW), incidents=(short,), promises=(promise(4),))
    assert codes(planned(full)) == ["incidents.returned"]
    assert "incidents.credit_capacity" in codes(
        planned(full, IncidentRules(credit_after_minutes=5))
    )


def test_only_maintenance_announced_in_time_gives_no_credit() -> None:
    full = snapshot(node("n1", since=NOW), incidents=(running(),), promises=(promise(4),))
    starts, ends = NOW - 30 * MINUTE, NOW
    window = Window(id="m1", pool="p", starts=starts, ends=ends, announced=starts - 7 * DAY)
    late = window.model_copy(update={"announced": starts - 6 * DAY})
    elsewhere = window.model_copy(update={"nodes": ("n4",)})

    def given(*windows: Window) -> int:
        plan = planned(full.model_copy(update={"windows": windows}))
        return sum(c.amount for c in plan.intents if isinstance(c, Credit))

    assert given() == given(late) == given(elsewhere) == 8 * 3600
    assert given(window) == 8 * 1800  # the half hour before it began


def test_a_node_under_maintenance_opens_a_low_incident_that_names_it() -> None:
    window = Window(
        id="m1",
        pool="p",
        nodes=("n1",),
        starts=NOW - HOUR,
        ends=NOW + HOUR,
        announced=NOW - 9 * DAY,
    )
    (opened,) = planned(snapshot(node("n1", "down"), windows=(window,))).intents
    assert isinstance(opened, Open)
    assert (opened.severity, opened.window) == ("low", "m1")
    assert opened.reason.code == "incidents.planned"


def test_a_node_under_maintenance_is_out_though_it_runs_and_back_when_it_is_over() -> None:
    window = Window(
        id="m1", pool="p", nodes=("n1",), starts=NOW - HOUR, ends=NOW + HOUR, announced=NOW - HOUR
    )
    (opened,) = planned(snapshot(windows=(window,))).intents
    assert isinstance(opened, Open)
    assert (opened.node, opened.cause, opened.starts) == ("n1", "drained", NOW - HOUR)
    known = running(cause="drained")
    assert planned(snapshot(incidents=(known,), windows=(window,))).intents == ()
    over = window.model_copy(update={"ends": NOW - 20 * MINUTE})
    (ended,) = planned(
        snapshot(node("n1", since=NOW - 9 * HOUR), incidents=(known,), windows=(over,))
    ).intents
    assert isinstance(ended, Close)
    assert ended.ends == NOW - 20 * MINUTE


def test_a_node_that_fails_far_more_often_than_the_others_is_proposed_for_removal() -> None:
    past = tuple(
        running(n, "n1", starts=NOW - n * DAY, ends=NOW - n * DAY + HOUR) for n in (1, 2, 3)
    )
    (proposed,) = planned(snapshot(incidents=past)).intents
    assert isinstance(proposed, Propose)
    assert (proposed.node, proposed.failures) == ("n1", 3)
    assert planned(snapshot(incidents=past, standing=(("p", "n1"),))).intents == ()
    # Said afterwards, maintenance excuses no failure; said before, it does.
    later = Window(id="m1", pool="p", starts=NOW - 4 * DAY, ends=NOW, announced=NOW - HOUR)
    before = later.model_copy(update={"announced": NOW - 5 * DAY})
    found = {
        one: [type(i) for i in planned(snapshot(incidents=past, windows=(one,))).intents]
        for one in (later, before)
    }
    assert Propose in found[later]
    assert Propose not in found[before]
    # The others are no better: it is the pool, not the node.
    bad_week = (*past, *(running(n + 3, f"n{n}", starts=NOW - DAY, ends=NOW) for n in (2, 3, 4)))
    strict = IncidentRules(lemons=RULES.lemons.model_copy(update={"times_pool": Fraction(4)}))
    assert planned(snapshot(incidents=bad_week), strict).intents == ()


def test_a_node_that_the_cluster_no_longer_has_ends_its_incident() -> None:
    gone = running(name="n9")
    (ended,) = planned(snapshot(incidents=(gone,))).intents
    assert ended.reason.code == "incidents.gone"


def test_what_the_check_refuses() -> None:
    full = snapshot(node("n1", since=NOW), incidents=(running(),), promises=(promise(4),))
    plan = planned(full)
    credit = next(c for c in plan.intents if isinstance(c, Credit))
    said_late = Window(
        id="m1", pool="p", nodes=("n1",), starts=NOW - HOUR, ends=NOW + HOUR, announced=NOW
    )
    spoilt = {
        "more_than_lost": credit.model_copy(update={"amount": 8 * 3600 + 1}),
        "not_open": Close(incident=99, ends=NOW, reason=credit.reason),
        "unfounded": Open(
            pool="p", node="n2", cause="failed", severity="low", starts=NOW,
            spare_reason=credit.reason, reason=credit.reason,
        ),
        "twice": Open(
            pool="p", node="n1", cause="failed", severity="low", starts=NOW,
            spare_reason=credit.reason, reason=credit.reason,
        ),
        "lemon": Propose(pool="p", node="n2", failures=3, reason=credit.reason),
    }  # fmt: skip
    down = snapshot(node("n1", "down"), windows=(said_late,))
    (opened,) = planned(down).intents
    named = IncidentPlan(header=HEADER, intents=(opened.model_copy(update={"window": "m1"}),))
    assert [v.rule for v in violations(down, RULES, named)] == ["incidents.not_announced"]
    for rule, intent in spoilt.items():
        others = tuple(i for i in plan.intents if i is not credit)
        wrong = plan.model_copy(update={"intents": (*others, intent)})
        assert f"incidents.{rule}" in {v.rule for v in violations(full, RULES, wrong)}
    twice = plan.model_copy(update={"intents": (*plan.intents, credit)})
    assert "incidents.credited_twice" in {v.rule for v in violations(full, RULES, twice)}
