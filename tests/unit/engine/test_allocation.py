"""What a round gives each application: who is served, from which pool, from when."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError
from tests.unit.engine.rounds import offer, policy, request, snapshot

from dure.engine.allocation import (
    Group,
    Held,
    Outcome,
    RoundPolicy,
    RoundSnapshot,
    UnableToMeetFloors,
    Wish,
    plan,
)
from dure.engine.checks.allocation import violations
from dure.vocabulary.plans import Header
from dure.vocabulary.reasons import CATALOGUE

HEADER = Header(number=1, generation=1, now=datetime(2026, 2, 2, tzinfo=UTC), seed="drawn")
ALL = policy()


def decide(facts: RoundSnapshot, rules: RoundPolicy = ALL) -> dict[str, Outcome]:
    """The outcomes by application, of a proven plan that the checker has accepted."""
    decided = plan(facts, rules, HEADER)
    assert violations(facts, rules, decided) == ()
    assert decided.optimal
    for outcome in decided.intents:
        assert CATALOGUE[outcome.reason.code].format(**outcome.reason.params)
    return {outcome.application: outcome for outcome in decided.intents}


def held(outcomes: dict[str, Outcome]) -> dict[str, int]:
    """Application -> servers, of those who got any."""
    return {name: o.servers for name, o in outcomes.items() if o.servers}


def test_importing_the_round_loads_no_solver() -> None:
    script = (
        "import dure.engine.allocation, dure.engine.checks.allocation, sys;"
        " sys.exit('ortools' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_best_ranked_are_served_and_the_next_one_waits() -> None:
    facts = snapshot(request(1), request(2), request(3), offers=(offer(10),))
    assert held(decide(facts)) == {"a1": 4, "a2": 4}


def test_a_request_is_served_in_one_pool_and_not_across_two() -> None:
    facts = snapshot(request(1), offers=(offer(3, "one"), offer(3, "two")))
    assert decide(facts)["a1"].outcome == "waitlisted"


def test_more_merit_never_passes_a_better_rank_of_the_same_class() -> None:
    facts = snapshot(request(1, 4, score=1), request(2, 8, score=90), offers=(offer(8),))
    assert held(decide(facts)) == {"a1": 4}


def test_more_merit_passes_where_score_alone_decides() -> None:
    facts = snapshot(request(1, 4, score=1), request(2, 8, score=90), offers=(offer(8),))
    assert held(decide(facts, policy(name="score-weighted"))) == {"a2": 8}


def test_classes_compete_by_merit() -> None:
    large = request(2, 8, size_class="large", score=90)
    facts = snapshot(request(1, 4, score=91), large, offers=(offer(8),))
    assert held(decide(facts)) == {"a2": 8}


def test_a_smaller_request_may_fill_what_a_larger_one_cannot_use() -> None:
    facts = snapshot(request(1, 6), request(2, 4), request(3, 2), offers=(offer(8),))
    assert held(decide(facts)) == {"a1": 6, "a3": 2}


def test_a_reducible_request_takes_what_is_left_down_to_its_minimum() -> None:
    facts = snapshot(request(1, 6), request(2, 4, minimum=2), offers=(offer(8),))
    assert held(decide(facts)) == {"a1": 6, "a2": 2}


def test_a_request_starts_when_there_is_room_for_all_its_months() -> None:
    facts = snapshot(request(1, 4, months=2, latest=2), offers=(offer((4, 3, 4, 4)),))
    outcome = decide(facts)["a1"]
    assert (outcome.start, outcome.months) == (2, 2)


def test_two_share_a_pool_one_after_the_other() -> None:
    terms = [request(n, 4, months=2, latest=2) for n in (1, 2)]
    outcomes = decide(snapshot(*terms, offers=(offer((4, 4, 4, 4)),)))
    assert sorted(o.start for o in outcomes.values()) == [0, 2]


def test_the_more_wanted_model_is_given_where_both_are_worth_the_same() -> None:
    wishes = (Wish(model="B200", servers=4, minimum=4), Wish(model="H200", servers=4, minimum=4))
    facts = snapshot(request(1, wishes=wishes), offers=(offer(8), offer(8, "b200", model="B200")))
    assert decide(facts)["a1"].pool == "b200"


def test_fewer_servers_of_a_better_model_are_worth_as_much_as_their_weight_says() -> None:
    wishes = (
        Wish(model="H200", servers=8, minimum=8),
        Wish.model_validate({"model": "B200", "servers": 4, "minimum": 4, "weight": "2.5"}),
    )
    facts = snapshot(request(1, wishes=wishes), offers=(offer(8), offer(8, "b200", model="B200")))
    assert decide(facts)["a1"].pool == "b200"


def test_whole_blocks_are_whole_and_others_take_what_they_leave() -> None:
    pool = offer(8, block_servers=4, blocks=((4,), (4,)))
    blocks = request(1, 6, contiguity="blocks")
    outcomes = decide(snapshot(blocks, request(2, 2, contiguity="blocks"), offers=(pool,)))
    assert [(s.block, s.servers) for s in outcomes["a1"].blocks] == [(0, 4), (1, 2)]
    assert outcomes["a2"].outcome == "waitlisted"
    assert held(decide(snapshot(blocks, request(2, 2), offers=(pool,)))) == {"a1": 6, "a2": 2}


def test_a_cap_counts_what_is_held_already_month_by_month() -> None:
    rules = policy(Group(group="org", kind="organisation_cap", each="organisation", most=6))
    facts = snapshot(
        request(1, organisation="org", latest=1),
        request(2),
        offers=(offer((20, 20)),),
        held=(Held(organisation="org", model="B200", servers=(3, 2)),),
    )
    outcomes = decide(facts, rules)
    assert outcomes["a1"].start == 1
    assert held(outcomes) == {"a1": 4, "a2": 4}


def test_a_floor_is_reached_though_others_stand_before() -> None:
    rules = policy(Group(group="south", regions=("busan",), least=4))
    facts = snapshot(request(1), request(2), request(3, region="busan"), offers=(offer(8),))
    assert held(decide(facts, rules)) == {"a1": 4, "a3": 4}


def test_floors_that_cannot_be_met_together_are_named() -> None:
    rules = policy(
        Group(group="south", regions=("busan",), least=4),
        Group(group="north", regions=("seoul",), least=8),
        Group(group="sme", sectors=("university",), least=1),
    )
    facts = snapshot(request(1), request(2), request(3, region="busan"), offers=(offer(8),))
    with pytest.raises(UnableToMeetFloors) as error:
        plan(facts, rules, HEADER)
    assert sorted(error.value.groups) == ["north", "south"]
    assert "south" in str(error.value)


def test_a_lottery_draws_within_bands_of_scores_and_not_across_them() -> None:
    asked = [request(rank, 4, score=90 if rank > 1 else 10) for rank in range(1, 6)]
    facts = snapshot(*asked, offers=(offer(8),))
    rules = RoundPolicy.model_validate({"policy": "lottery", "lottery_bands": ["80"]})
    drawn = {
        seed: [
            o.application
            for o in plan(facts, rules, HEADER.model_copy(update={"seed": seed})).intents
        ]
        for seed in ("one", "two", "three")
    }
    assert all(order[-1] == "a1" for order in drawn.values())
    assert len({tuple(order) for order in drawn.values()}) > 1
    assert len(held(decide(facts, rules))) == 2


def test_equal_merit_goes_to_the_better_rank() -> None:
    classes = [request(n, 8, score=50, size_class=f"c{n}") for n in (2, 1)]
    assert held(decide(snapshot(*classes, offers=(offer(8),)))) == {"a1": 8}


def test_applications_without_score_are_served_while_there_is_room() -> None:
    facts = snapshot(request(1, score=0), request(2, 6, minimum=1, score=0), offers=(offer(8),))
    assert held(decide(facts)) == {"a1": 4, "a2": 4}


def test_what_would_let_a_better_placed_one_complain_is_not_added() -> None:
    """`a2` counts for the floor at two servers; at three it would be more than the floor needs."""
    facts = snapshot(
        request(1, 2, sector="institute", score=1),
        request(2, 3, minimum=2, score=0),
        offers=(offer(3),),
    )
    rules = policy(Group(group="u", sectors=("university",), least=1))
    assert held(decide(facts, rules)) == {"a2": 2}


def test_an_empty_round_has_an_empty_plan() -> None:
    assert decide(snapshot(offers=(offer(8),))) == {}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            lambda: snapshot(request(1), request(2, application="a1"), offers=(offer(),)),
            "application 'a1' more than",
        ),
        (
            lambda: snapshot(request(1), request(1, application="b"), offers=(offer(),)),
            "rank 1 more than once",
        ),
        (lambda: snapshot(offers=(offer(), offer())), "pool 'h200' more than once"),
        (lambda: snapshot(request(1, months=2), offers=(offer(),)), "'a1' could end in month 2"),
        (
            lambda: snapshot(offers=(offer(),), held=(Held(model="A", servers=(1, 1)),)),
            "held by '': 2 months, the round has 1",
        ),
        (lambda: request(1, 4, minimum=5), "'a1' needs at least 5 servers of H200 but asks for"),
        (lambda: request(1, earliest=2, latest=1), "starts at the latest in month 1, before"),
        (lambda: request(1, 0), "greater than 0"),
        (lambda: request(1, wishes=()), "at least 1 item"),
        (lambda: request(1, score=-1), "greater than or equal to 0"),
        (lambda: request(1, colour="red"), "Extra inputs"),
        (lambda: offer(blocks=((9,),), block_servers=8), "pool 'h200', block 0"),
        (lambda: Group(group="g"), "group 'g' bounds nothing"),
        (lambda: Group(group="g", each="region", least=1), "`least` is for a group taken together"),
        (lambda: policy(Group(group="g", most=1), Group(group="g", most=2)), "group 'g' more than"),
    ],
)
def test_bad_input_is_refused_by_name(facts: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        facts()


def test_an_outcome_always_has_a_reason() -> None:
    assert Outcome.model_fields["reason"].is_required()
