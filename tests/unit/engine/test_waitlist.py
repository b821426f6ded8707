"""The waitlist: order kept over coming months, caps counted, who is skipped reads why."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.unit.engine.rounds import offer, policy, request, sentence, snapshot

from dure.engine.allocation.facts import Group, RoundPolicy, RoundSnapshot, Wish
from dure.engine.checks.waitlist import violations
from dure.engine.waitlist import Promote, WaitlistPlan, anybody_fits, plan
from dure.vocabulary.plans import Header

HEADER = Header(number=1, generation=0, now=datetime(2026, 2, 1, tzinfo=UTC))


def served(waiting: RoundSnapshot, rules: RoundPolicy | None = None) -> WaitlistPlan:
    rules = rules or policy()
    made = plan(waiting, rules, HEADER)
    assert violations(waiting, rules, made) == ()
    assert WaitlistPlan.model_validate_json(made.model_dump_json()) == made
    assert all(sentence(intent.reason) for intent in made.intents)
    return made


def told(waiting: RoundSnapshot, rules: RoundPolicy | None = None) -> list[str]:
    return [
        f"{i.application} {i.pool} {i.servers} @{i.start}"
        if isinstance(i, Promote)
        else f"{i.application} -"
        for i in served(waiting, rules).intents
    ]


def test_capacity_goes_to_the_first_in_order_whatever_its_score() -> None:
    waiting = snapshot(
        request(2, 4), request(1, 4, score=10), request(3, 4, score=90), offers=(offer(8),)
    )
    assert told(waiting) == ["a1 h200 4 @0", "a2 h200 4 @0", "a3 -"]


def test_the_order_holds_across_size_classes() -> None:
    waiting = snapshot(
        request(1, 4, size_class="large"), request(2, 8, size_class="small"), offers=(offer(8),)
    )
    assert told(waiting) == ["a1 h200 4 @0", "a2 -"]


def test_one_too_large_is_skipped_and_the_next_reads_how_many_were() -> None:
    made = served(snapshot(request(1, 9), request(2, 8), offers=(offer(8),)))
    stays, goes = made.intents
    assert not isinstance(stays, Promote)
    assert stays.reason.params["minimum"] == 9
    assert sentence(goes.reason) == (
        "Promoted from place 2 on the waitlist: all that was asked for is free in h200."
        " Servers: 8. Ahead of it, unable to use what is free: 1."
    )


def test_servers_of_two_pools_do_not_add_up() -> None:
    assert told(snapshot(request(1, 6), offers=(offer(4), offer(4, "more")))) == ["a1 -"]


def test_a_part_no_less_than_the_minimum_is_better_than_waiting() -> None:
    made = served(snapshot(request(1, 8, minimum=5), offers=(offer(5), offer(6, "wide"))))
    (goes,) = made.intents
    assert isinstance(goes, Promote)
    assert (goes.pool, goes.servers, goes.reason.code) == ("wide", 6, "waitlist.promoted_reduced")


def test_what_is_free_only_later_goes_to_who_may_start_later() -> None:
    free = offer((0, 4, 4))
    waiting = snapshot(request(1, 4, months=2), request(2, 4, months=2, latest=1), offers=(free,))
    assert told(waiting) == ["a1 -", "a2 h200 4 @1"]


def test_what_those_ahead_take_counts_against_a_cap_and_a_floor_holds_nobody_back() -> None:
    waiting = snapshot(
        request(1, 3, organisation="one"),
        request(2, 3, organisation="one"),
        request(3, 3),
        offers=(offer(9),),
    )
    rules = policy(
        Group(group="organisation_cap", kind="organisation_cap", each="organisation", most=4),
        Group(group="sme", sectors=("sme",), least=9),
    )
    assert told(waiting, rules) == ["a1 h200 3 @0", "a2 -", "a3 h200 3 @0"]
    assert served(waiting, rules).intents[1].reason.code == "round.organisation_cap"


def test_who_needs_whole_blocks_gets_those_that_the_ones_ahead_left_whole() -> None:
    free = offer(8, block_servers=4, blocks=((4,), (4,)))
    waiting = snapshot(
        request(1, 2), request(2, 4, contiguity="blocks"), request(3, 2), offers=(free,)
    )
    made = served(waiting)
    first, second, third = made.intents
    assert isinstance(first, Promote)
    assert isinstance(second, Promote)
    assert isinstance(third, Promote)
    assert [(s.block, s.servers) for s in first.blocks] == [(s.block, 2) for s in third.blocks]
    assert second.blocks[0].block != first.blocks[0].block


def test_the_most_wanted_of_two_models_of_equal_worth_is_taken() -> None:
    wishes = (
        Wish(model="B200", servers=2, minimum=2, weight=2),
        Wish(model="H200", servers=4, minimum=4),
    )
    pools = (offer(4), offer(4, "b200", model="B200"))
    assert told(snapshot(request(1, wishes=wishes), offers=pools)) == ["a1 b200 2 @0"]


def test_nothing_is_planned_where_no_pool_holds_anybodys_minimum() -> None:
    later = request(1, 4, months=2, latest=1)
    assert not anybody_fits(snapshot(request(2, 4), later, offers=(offer((3, 4, 3)),)))
    assert anybody_fits(snapshot(request(2, 4), later, offers=(offer((3, 4, 4)),)))
