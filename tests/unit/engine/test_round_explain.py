"""What stands in the way of each application, in figures that the plan bears out."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.engine.rounds import offer, policy, request, sentence, snapshot

from dure.engine.allocation.explain import Explainer
from dure.engine.allocation.facts import Group, Held, Request, RoundPolicy, RoundSnapshot, Wish
from dure.engine.allocation.limits import Award, read
from dure.vocabulary.plans import Reason

NONE = policy()


def said(
    facts: RoundSnapshot, rules: RoundPolicy, awards: dict[str, Award], of: Request
) -> tuple[Reason, dict[str, Any]]:
    reason = Explainer(read(facts, rules, "seed"), awards).why(of)
    assert "{" not in sentence(reason)
    return reason, dict(reason.params)


def test_an_award_names_pool_place_and_months() -> None:
    one = request(1, months=2, latest=1)
    facts = snapshot(one, offers=(offer((4, 4, 4)),))
    reason, params = said(facts, NONE, {"a1": Award("h200", 4, 1)}, one)
    assert reason.code == "round.awarded"
    assert params == {"place": 1, "servers": 4, "model": "H200", "pool": "h200", "window": "2-3"}


def test_who_misses_the_cut_off_is_told_by_how_many_places_points_and_servers() -> None:
    ranks = [request(1), request(2, score="92.375"), request(4, score="91.25")]
    facts = snapshot(*ranks, offers=(offer(10),))
    reason, params = said(facts, NONE, {"a1": Award("h200", 4), "a2": Award("h200", 4)}, ranks[2])
    assert reason.code == "round.better_ranked_ahead"
    assert params == {
        "place": 3,
        "minimum": 4,
        "model": "H200",
        "pool": "h200",
        "room": 2,
        "short": 2,
        "window": "1",
        "cutoff": 2,
        "behind": 1,
        "cutoff_score": "92.38",
        "score": "91.25",
        "points": "1.13",
    }


def test_room_is_that_of_the_whole_term_and_names_the_months_that_come_nearest() -> None:
    first = request(1, 5, months=2)
    second = request(2, 4, months=2, latest=2)
    facts = snapshot(first, second, offers=(offer((5, 5, 3, 9)),))
    reason, params = said(facts, NONE, {"a1": Award("h200", 5)}, second)
    assert (reason.code, params["room"], params["window"]) == (
        "round.better_ranked_ahead",
        3,
        "3-4",
    )


def test_only_smaller_ones_were_served_after_it() -> None:
    first, large, small = request(1, 3), request(2, 6), request(3, 4)
    facts = snapshot(first, large, small, offers=(offer(8),))
    awards = {"a1": Award("h200", 3), "a3": Award("h200", 4)}
    reason, params = said(facts, NONE, awards, large)
    assert (reason.code, params["cutoff"], params["room"]) == ("round.pool_full", 3, 1)


def test_other_classes_hold_what_nobody_of_its_class_was_given() -> None:
    large = request(1, 8, size_class="large")
    small = request(2, 4)
    facts = snapshot(large, small, offers=(offer(8),))
    reason, params = said(facts, NONE, {"a1": Award("h200", 8)}, small)
    assert (reason.code, params["room"], params["short"]) == ("round.other_classes_ahead", 0, 4)


def test_a_full_quota_is_named_before_the_full_pool() -> None:
    one, two = request(1), request(2)
    quota = Group(group="academia", sectors=("university",), most=6)
    held = Held(sector="university", model="H200", servers=(1,))
    facts = snapshot(one, two, offers=(offer(4),), held=(held,))
    reason, params = said(facts, policy(quota), {"a1": Award("h200", 4)}, two)
    assert reason.code == "round.quota_full"
    assert (params["limit"], params["room"], params["short"]) == ("academia", 1, 3)


def test_of_two_full_caps_the_one_is_named_that_the_served_worse_placed_are_not_under() -> None:
    ones = [request(1, organisation="kaist"), request(2, organisation="kaist"), request(3)]
    quota = Group(group="academia", sectors=("university",), most=8)
    cap = Group(group="cap", kind="organisation_cap", each="organisation", most=4)
    facts = snapshot(*ones, offers=(offer(20),))
    awards = {"a1": Award("h200", 4), "a3": Award("h200", 4)}
    reason, params = said(facts, policy(quota, cap), awards, ones[1])
    assert (reason.code, params["limit"]) == ("round.organisation_cap", "kaist")


def test_a_rule_of_each_region_names_rule_and_region() -> None:
    ones = [request(1), request(2)]
    rule = Group(group="spread", kind="rule", each="region", most=4)
    facts = snapshot(*ones, offers=(offer(20),))
    reason, params = said(facts, policy(rule), {"a1": Award("h200", 4)}, ones[1])
    assert (reason.code, params["limit"]) == ("round.rule_full", "spread (seoul)")


def test_a_cap_on_one_model_is_named_where_it_lets_a_worse_placed_one_pass() -> None:
    """Its B200 pool is full for everybody; its H200 pool has servers that it may not have."""
    both = (Wish(model="B200", servers=4, minimum=4), Wish(model="H200", servers=4, minimum=4))
    first = request(1, wishes=both[:1], organisation="kaist")
    second = request(2, wishes=both, organisation="kaist")
    third = request(3)
    rule = Group(group="h", kind="organisation_cap", each="organisation", models=("H200",), most=3)
    offers = (offer(4, "b200", model="B200"), offer(4))
    facts = snapshot(first, second, third, offers=offers)
    awards = {"a1": Award("b200", 4), "a3": Award("h200", 4)}
    reason, params = said(facts, policy(rule), awards, second)
    assert (reason.code, params["limit"], params["short"]) == ("round.organisation_cap", "kaist", 1)


def test_a_floor_is_named_where_it_serves_a_worse_placed_one() -> None:
    better = request(1)
    needed = request(2, region="honam")
    floor = Group(group="regions", kind="rule", regions=("honam",), least=4)
    facts = snapshot(better, needed, offers=(offer(4),))
    reason, params = said(facts, policy(floor), {"a2": Award("h200", 4)}, better)
    assert reason.code == "round.floor_ahead"
    assert (params["limit"], params["least"], params["cutoff"]) == ("regions", 4, 2)


def test_blocks_are_named_where_servers_alone_would_do() -> None:
    first, second = request(1, 5), request(2, 4, contiguity="blocks")
    pool = offer(12, block_servers=4, blocks=((4,), (4,), (4,)))
    narrow = offer(12, block_servers=4, blocks=((2,), (2,), (2,)))
    first = first.model_copy(update={"contiguity": "blocks"})
    facts = snapshot(first, second, offers=(pool.model_copy(update={"blocks": ((4,), (4,))}),))
    reason, params = said(facts, NONE, {"a1": Award("h200", 5)}, second)
    assert reason.code == "round.blocks_full"
    assert (params["blocks"], params["room"], params["short"]) == (1, 0, 1)
    reason, params = said(snapshot(second, offers=(narrow,)), NONE, {}, second)
    assert (reason.code, params["short"]) == ("round.blocks_full", 1)


def test_blocks_that_are_free_in_number_but_not_the_same_ones_are_said_so() -> None:
    one = request(1, 4, contiguity="blocks", months=2)
    pool = offer((4, 4), block_servers=4, blocks=((4, 0), (0, 4)))
    reason, _ = said(snapshot(one, offers=(pool,)), NONE, {}, one)
    assert reason.code == "round.blocks_split"


def test_by_score_alone_the_lowest_score_served_is_told_and_no_rank() -> None:
    one, two = request(1, 4), request(2, 8)
    facts = snapshot(one, two, offers=(offer(8),))
    rules = policy(name="score-weighted")
    reason, params = said(facts, rules, {"a2": Award("h200", 8)}, one)
    assert reason.code == "round.outscored"
    assert (params["score"], params["cutoff_score"]) == ("99.00", "98.00")


def test_no_pool_at_all_and_no_pool_large_enough_are_told_apart() -> None:
    one, other = request(1, 9), request(2, wishes=(Wish(model="MI300X", servers=1, minimum=1),))
    facts = snapshot(one, other, offers=(offer(4, "x"), offer(8, "y")))
    reason, params = said(facts, NONE, {}, one)
    assert reason.code == "round.pool_too_small"
    assert (params["largest"], params["short"]) == (8, 1)
    assert said(facts, NONE, {}, other)[0].code == "round.no_pool"


@pytest.mark.parametrize(
    ("group", "code", "limit"),
    [
        (None, "round.reduced", None),
        (
            Group(group="academia", sectors=("university",), most=3),
            "round.reduced_quota",
            "academia",
        ),
        (
            Group(group="cap", kind="organisation_cap", each="organisation", most=3),
            "round.reduced_organisation_cap",
            "org1",
        ),
        (Group(group="r", kind="rule", tracks=("academia",), most=3), "round.reduced_rule", "r"),
    ],
)
def test_a_part_says_what_leaves_no_more(group: Group | None, code: str, limit: str | None) -> None:
    one = request(1, 4, minimum=2)
    facts = snapshot(one, offers=(offer(3 if group is None else 8),))
    rules = NONE if group is None else policy(group)
    reason, params = said(facts, rules, {"a1": Award("h200", 3)}, one)
    assert (reason.code, params["wanted"], params.get("limit")) == (code, 4, limit)


def test_room_left_on_purpose_is_not_called_full() -> None:
    """Serving a3 would reach the floor without a2, and a1 would be passed over without a reason."""
    ones = [
        request(1, 4),
        request(2, 4, region="honam"),
        request(3, 2, minimum=1, region="honam", size_class="small"),
    ]
    floor = Group(group="regions", kind="rule", regions=("honam",), least=2)
    facts = snapshot(*ones, offers=(offer(6),))
    awards = {"a2": Award("h200", 4)}
    assert said(facts, policy(floor), awards, ones[2])[0].code == "round.would_pass_over"
    assert said(facts, policy(floor), awards, ones[0])[0].code == "round.floor_ahead"
    awards["a3"] = Award("h200", 1)
    assert said(facts, policy(floor), awards, ones[2])[0].code == "round.reduced_would_pass_over"
