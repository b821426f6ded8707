"""The smallest change that would have served somebody: one case of every kind."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.engine.rounds import offer, policy, request, sentence, snapshot

from dure.engine.allocation.change import Changes, smallest
from dure.engine.allocation.facts import Group, PoolOffer, Request, RoundPolicy, Wish
from dure.engine.allocation.limits import Award, read

NONE = policy()
LARGE = request(1, 8, months=2, size_class="large")
"""Holds the first eight servers for two months, in a class of its own: nobody can pass it."""


def found(
    one: Request,
    *offers: PoolOffer,
    rules: RoundPolicy = NONE,
    others: tuple[Request, ...] = (),
    awards: dict[str, Award] | None = None,
) -> tuple[str, dict[str, Any]]:
    facts = snapshot(LARGE, one, *others, offers=offers)
    given = {"a1": Award("h200", 8)} if awards is None else awards
    reason = smallest(read(facts, rules, "seed"), given, one)
    if reason is None:
        return "", {}
    assert "{" not in sentence(reason)
    return reason.code, dict(reason.params)


def test_fewer_servers_are_the_most_that_fit() -> None:
    code, params = found(request(2, 4), offer((11, 11)))
    assert (code, params["servers"], params["fewer"]) == ("change.fewer_servers", 3, 1)


def test_a_later_start_is_the_first_that_fits() -> None:
    code, params = found(request(2, 4), offer((8, 8, 3, 4, 4)))
    assert (code, params["start"], params["bound"]) == ("change.later_start", 4, 1)


def test_an_earlier_start_is_the_last_that_fits() -> None:
    one = request(2, 4, months=1, earliest=1, latest=1)
    code, params = found(one, offer((12, 8)))
    assert (code, params["start"], params["bound"]) == ("change.earlier_start", 1, 2)


def test_a_shorter_term_is_the_longest_that_fits() -> None:
    one = request(2, 4, months=3)
    code, params = found(one, offer((12, 12, 2, 2)))
    assert (code, params["months"], params["asked"]) == ("change.shorter", 2, 3)


def test_servers_outside_whole_blocks_are_offered_without_them() -> None:
    one = request(2, 4, contiguity="blocks")
    pool = offer((12, 12), block_servers=8, blocks=((7, 7), (5, 5)))
    code, params = found(one, pool)
    assert (code, params["pool"]) == ("change.without_blocks", "h200")


def both(h200: int, b200: int) -> tuple[Wish, Wish]:
    return (
        Wish(model="H200", servers=h200, minimum=h200),
        Wish(model="B200", servers=b200, minimum=b200, weight=2),
    )


@pytest.mark.parametrize(("free", "needed"), [(3, 3), (2, None)])
def test_another_model_is_counted_with_the_weights_of_the_round(
    free: int, needed: int | None
) -> None:
    """Five servers of weight 1 are two and a half of weight 2: three."""
    other = request(3, wishes=both(9, 9), size_class="small")
    offers = (offer((8, 8)), offer((free, free), "b200", model="B200"))
    code, params = found(request(2, 5), *offers, others=(other,))
    assert (code, params.get("servers")) == (("change.other_model", 3) if needed else ("", None))


def test_another_model_under_a_cap_that_nobody_could_fill_before_is_held_to_it() -> None:
    rule = Group(group="b", kind="rule", models=("B200",), most=2)
    offers = (offer((8, 8)), offer((4, 4), "b200", model="B200"))
    assert found(request(2, 3), *offers)[0] == "change.other_model"
    assert found(request(2, 3), *offers, rules=policy(rule))[0] == ""


def test_more_points_name_the_last_served_whose_servers_would_do() -> None:
    small = request(2, 2, minimum=1, score="90.004")
    good, last = request(3, 4, score=85), request(4, 3, score="80.5")
    facts = snapshot(small, good, last, request(5, 3, score=70), offers=(offer(9),))
    awards = {"a2": Award("h200", 2), "a3": Award("h200", 4), "a4": Award("h200", 3)}
    reason = smallest(read(facts, NONE, "seed"), awards, facts.requests[3])
    assert reason is not None
    assert (reason.code, reason.params["score"], reason.params["points"]) == (
        "change.more_points",
        "80.51",
        "10.51",
    )
    assert (reason.params["cutoff"], reason.params["places"]) == (3, 1)


def test_nobody_gives_way_where_a_floor_would_be_missed() -> None:
    held, one = request(1, 4, region="honam"), request(2, 4)
    floor = Group(group="honam", kind="rule", regions=("honam",), least=4)
    facts = snapshot(held, one, offers=(offer(4),))
    awards = {"a1": Award("h200", 4)}
    assert smallest(read(facts, policy(floor), "seed"), awards, one) is None
    free = smallest(read(facts, NONE, "seed"), awards, one)
    assert free is not None
    assert free.code == "change.more_points"


@pytest.mark.parametrize("name", ["score-weighted", "lottery"])
def test_points_are_said_under_strict_rank_alone(name: str) -> None:
    facts = snapshot(request(1), request(2), offers=(offer(4),))
    round_ = read(facts, policy(name=name), "seed")
    awards = {round_.requests[0].application: Award("h200", 4)}
    assert smallest(round_, awards, round_.requests[1]) is None


def test_giving_up_less_is_the_smaller_change() -> None:
    """One month of three (a third) comes before two servers of four (a half)."""
    one = request(2, 4, months=3)
    assert found(one, offer((12, 12, 2)))[0] == "change.shorter"
    assert found(one, offer((12, 12, 3)))[0] == "change.fewer_servers"


def test_who_is_served_needs_no_change() -> None:
    facts = snapshot(LARGE, offers=(offer((8, 8)),))
    changes = Changes(read(facts, NONE, "seed"), {"a1": Award("h200", 8)})
    assert changes.found(LARGE) is None
