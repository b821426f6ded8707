"""What conflicts is named with its size and with what would help."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.unit.engine.rounds import offer, policy, request, snapshot

from dure.engine.allocation import Group, RoundPolicy, RoundSnapshot, UnableToMeetFloors, plan
from dure.engine.allocation.conflict import Conflict
from dure.vocabulary.plans import Header
from dure.vocabulary.reasons import CATALOGUE

HEADER = Header(number=1, generation=1, now=datetime(2026, 2, 2, tzinfo=UTC), seed="drawn")


def conflict(facts: RoundSnapshot, rules: RoundPolicy) -> Conflict:
    with pytest.raises(UnableToMeetFloors) as error:
        plan(facts, rules, HEADER)
    return error.value.conflict


def bounds(found: Conflict) -> list[tuple[str, str, int, int | None]]:
    return [(b.kind, b.name, b.bound, b.instead) for b in found.bounds]


def sentences(found: Conflict) -> list[str]:
    return [CATALOGUE[reason.code].format_map(reason.params) for reason in found.reasons]


def test_a_floor_above_what_a_cap_lets_through() -> None:
    rules = policy(
        Group(group="universities", sectors=("university",), least=8),
        Group(group="organisation_cap", kind="organisation_cap", each="organisation", most=5),
        Group(group="elsewhere", regions=("busan",), most=1),
    )
    facts = snapshot(
        request(1, organisation="o"), request(2, organisation="o"), offers=(offer(20),)
    )
    found = conflict(facts, rules)
    assert bounds(found) == [("floor", "universities", 8, 4), ("cap", "organisation_cap", 5, 8)]
    assert sentences(found) == [
        "No plan can keep these rules together.",
        (
            "universities must take 8 server-months or more; with the others kept, 4 can be"
            " reached, 4 too few."
        ),
        "organisation_cap: servers held in any month, 5 at most.",
        "One of these changes is enough:",
        "Lower the floor of universities to 4 server-months.",
        "Raise the cap of organisation_cap; the number of servers that is enough is 8.",
    ]


def test_two_floors_that_share_too_few_servers() -> None:
    rules = policy(
        Group(group="south", regions=("busan",), least=8),
        Group(group="north", regions=("seoul",), least=8),
    )
    facts = snapshot(
        *(request(n, region="busan" if n > 2 else "seoul") for n in range(1, 5)),
        offers=(offer(12),),
    )
    found = conflict(facts, rules)
    assert bounds(found) == [
        ("floor", "north", 8, 4),
        ("floor", "south", 8, 4),
        ("supply", "H200", 12, None),
    ]
    assert sentences(found)[3] == "Servers of H200 that the round has in its best month: 12."
    assert sentences(found)[-1] == "More supply would help."


def test_a_floor_for_which_too_few_apply() -> None:
    rules = policy(Group(group="south", regions=("busan",), least=9))
    found = conflict(snapshot(request(1, region="busan"), offers=(offer(12),)), rules)
    assert bounds(found) == [("floor", "south", 9, 4)]
    assert "too few applications ask for it" in sentences(found)[2]


def test_where_two_conflicts_stand_beside_each_other_it_says_so() -> None:
    rules = policy(
        Group(group="south", regions=("busan",), least=9),
        Group(group="north", regions=("seoul",), least=9),
    )
    found = conflict(snapshot(request(1), request(2, region="busan"), offers=(offer(12),)), rules)
    assert found.others
    assert len(found.bounds) == 1
    assert sentences(found)[-1].startswith("Other rules conflict beside these")
