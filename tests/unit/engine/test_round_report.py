"""The funnel, the success of groups, the use of bounds: counted by hand on a small round."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from random import Random

import pytest
from tests.unit.engine.rounds import offer, policy, request, snapshot

from dure.engine.allocation.facts import (
    Group,
    Held,
    Outcome,
    Price,
    RoundPlan,
    RoundPolicy,
    RoundSnapshot,
    Wish,
)
from dure.engine.allocation.limits import Award
from dure.engine.allocation.report import RoundReport, round_report, wilson
from dure.vocabulary.plans import Header, Reason

HEADER = Header(number=1, generation=1, now=datetime(2026, 2, 2, tzinfo=UTC))
NEW = {"first_time": "yes"}
ROUND = snapshot(
    request(1, 4, months=2, facets=NEW),
    request(2, 4, minimum=2, region="honam", facets=NEW),
    request(3, 4, region="honam", sector="sme", size_class="large"),
    request(4, 20),
    request(5, 6),
    request(6, 1, wishes=(Wish(model="MI300X", servers=1, minimum=1),), contiguity="blocks"),
    offers=(offer((6, 8), block_servers=4), offer((2, 2), "spare", model="MI300X")),
    held=(Held(organisation="org9", sector="university", model="H200", servers=(1, 0)),),
)
ACADEMIA = Group(group="academia", sectors=("university",), most=5)
HONAM = Group(group="honam", kind="rule", regions=("honam",), least=2)
CAP = Group(group="cap", kind="organisation_cap", each="organisation", most=4)
RULES = policy(ACADEMIA, HONAM, CAP)
AWARDS = {"a1": Award("h200", 4), "a2": Award("h200", 2, 0)}
PRICE = Price(kind="quota", name="academia", month=0, merit=98)


def planned(facts: RoundSnapshot, awards: Mapping[str, Award], bound: int = 100) -> RoundPlan:
    reason = Reason(code="round.no_pool", params={"models": "-"})
    outcomes = []
    for place, one in enumerate(sorted(facts.requests, key=lambda r: r.rank), start=1):
        award = awards.get(one.application)
        if award is None:
            outcome = Outcome(
                application=one.application,
                outcome="waitlisted",
                pool=None,
                servers=0,
                place=place,
                reason=reason,
            )
        else:
            outcome = Outcome(
                application=one.application,
                outcome="awarded" if award.servers == one.wishes[0].servers else "reduced",
                pool=award.pool,
                servers=award.servers,
                start=award.start,
                months=one.months,
                place=place,
                reason=reason,
            )
        outcomes.append(outcome)
    return RoundPlan(
        header=HEADER,
        intents=tuple(outcomes),
        objective=75,
        bound=bound,
        optimal=False,
        prices=(PRICE,),
    )


def report(facts: RoundSnapshot = ROUND, rules: RoundPolicy = RULES) -> RoundReport:
    return round_report(facts, rules, planned(facts, AWARDS))


def test_the_funnel_says_where_applications_drop_out() -> None:
    funnel = report().funnel
    assert (funnel.applications, funnel.fit_a_pool, funnel.within_bounds) == (6, 4, 3)
    assert (funnel.served_whole, funnel.served_in_part, funnel.waiting) == (1, 1, 4)
    assert (funnel.servers_asked, funnel.server_months_asked) == (39, 43)
    assert funnel.server_months_given == 10
    assert (funnel.merit, funnel.bound, funnel.gap) == (75, 100, Fraction(1, 4))


def test_pools_show_what_is_left_in_each_month() -> None:
    first, second = report().pools
    assert (first.pool, first.offered, first.given, first.left) == ("h200", (6, 8), (6, 4), (0, 4))
    assert second.left == (2, 2)


def test_success_is_counted_by_every_dimension_and_facet() -> None:
    found = {(s.dimension, s.group): s for s in report().fairness}
    assert {dimension for dimension, _ in found} == {
        "sector",
        "region",
        "size_class",
        "track",
        "first_time",
    }
    honam = found["region", "honam"]
    assert (honam.applications, honam.served, honam.success) == (2, 1, Fraction(1, 2))
    assert (honam.server_months_asked, honam.server_months_given) == (8, 2)
    assert honam.given_of_asked == Fraction(1, 4)
    assert found["first_time", "yes"].success == 1


def test_bounds_show_what_was_held_what_is_given_and_the_price() -> None:
    academia, cap, honam = report().bounds
    assert (academia.held, academia.given, academia.left) == ((1, 0), (6, 4), (0, 1))
    assert academia.prices == (PRICE,)
    assert (cap.unit, cap.left) == ("org1", (0, 0))
    assert (honam.least, honam.reached, honam.left, honam.prices) == (2, 2, None, ())


def test_a_passed_over_application_counts_as_a_complaint() -> None:
    facts = snapshot(request(1), request(2), offers=(offer(4),))
    rules = policy()
    assert round_report(facts, rules, planned(facts, {"a2": Award("h200", 4)})).complaints == 1
    assert round_report(facts, rules, planned(facts, {"a1": Award("h200", 4)})).complaints == 0


@pytest.mark.parametrize(
    ("served", "of", "interval"),
    [(0, 10, (0.0, 0.2775)), (5, 10, (0.2366, 0.7634)), (10, 10, (0.7225, 1.0))],
)
def test_the_interval_is_wilsons(served: int, of: int, interval: tuple[float, float]) -> None:
    """Against the published formula's values for these counts."""
    assert wilson(served, of) == interval


def test_the_report_is_kept_as_json_and_the_order_of_the_facts_changes_nothing() -> None:
    first = report()
    assert RoundReport.model_validate_json(first.model_dump_json()) == first
    assert '"gap":"1/4"' in first.model_dump_json()
    shuffled = ROUND.model_copy(
        update={"requests": tuple(Random(1).sample(ROUND.requests, 6))}  # noqa: S311  # any order
    )
    assert report(shuffled) == first
