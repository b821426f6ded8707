"""Scenarios side by side: who wins and loses, and by how much each group."""

from __future__ import annotations

from tests.unit.engine.rounds import offer, request, snapshot
from tests.unit.engine.test_round_report import planned

from dure.engine.allocation.compare import Comparison, Place, compare
from dure.engine.allocation.limits import Award

FACTS = snapshot(
    request(1, months=2),
    request(2, region="honam"),
    request(3, sector="sme"),
    request(4, minimum=2),
    offers=(offer((8, 8)), offer((4, 4), "spare")),
)
BASE = (FACTS, planned(FACTS, {"a1": Award("h200", 4), "a3": Award("h200", 4)}))
MORE_HONAM = {"a1": Award("spare", 4), "a2": Award("h200", 4, 1), "a4": Award("h200", 2)}


def compared(awards: dict[str, Award]) -> Comparison:
    return compare(BASE, {"other": (FACTS, planned(FACTS, awards))})


def test_a_scenario_shows_who_won_lost_and_moved() -> None:
    changes = {d.application: d for d in compared(MORE_HONAM).others[0].applications}
    assert {name: d.change for name, d in changes.items()} == {
        "a1": "moved",
        "a2": "won",
        "a3": "lost",
        "a4": "won",
    }
    assert changes["a2"].after == Place(pool="h200", servers=4, start=1, months=1)


def test_more_and_fewer_count_servers_times_months() -> None:
    fewer = compared({"a1": Award("h200", 3), "a3": Award("h200", 5)}).others[0].applications
    assert [(d.application, d.change) for d in fewer] == [("a1", "fewer"), ("a3", "more")]


def test_totals_say_what_is_served_and_what_lies_idle() -> None:
    comparison = compared(MORE_HONAM)
    base, other = comparison.base, comparison.others[0].totals
    assert (base.served, base.whole, base.servers) == (2, 2, 8)
    assert (base.server_months, base.server_months_idle) == (12, 12)
    assert (other.served, other.whole, other.server_months, other.server_months_idle) == (
        3,
        2,
        14,
        10,
    )


def test_groups_show_the_difference_and_only_where_there_is_one() -> None:
    groups = {
        (g.dimension, g.group): (g.served, g.server_months)
        for g in compared(MORE_HONAM).others[0].groups
    }
    assert groups == {
        ("sector", "sme"): (-1, -4),
        ("sector", "university"): (2, 6),
        ("region", "honam"): (1, 4),
        ("region", "seoul"): (0, -2),
        ("size_class", "medium"): (1, 2),
    }


def test_the_base_against_itself_differs_in_nothing_and_scenarios_come_by_name() -> None:
    comparison = compare(BASE, {"b": BASE, "a": BASE})
    assert [o.scenario for o in comparison.others] == ["a", "b"]
    assert all(o.applications == () and o.groups == () for o in comparison.others)
    assert Comparison.model_validate_json(comparison.model_dump_json()) == comparison


def test_an_application_of_one_scenario_alone_is_won_there() -> None:
    wider = FACTS.model_copy(update={"requests": (*FACTS.requests, request(5))})
    plan = planned(wider, {"a5": Award("spare", 4)})
    found = {
        d.application: d.change for d in compare(BASE, {"o": (wider, plan)}).others[0].applications
    }
    assert found == {"a1": "lost", "a3": "lost", "a5": "won"}
