"""The checker and brute force agree on every plan, good or bad."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.properties.oracle import Oracle, Plan
from tests.properties.small_rounds import HEADER, Case, cases, round_of, seeds, some_plans, written

from dure.engine.checks.allocation import violations

EXCEEDED = {
    "pool_exceeded",
    "blocks_exceeded",
    "quota_exceeded",
    "organisation_cap_exceeded",
    "rule_exceeded",
}
REASONS = {"reason_unfit", "reason_incomplete"}
"""Plans written for these tests say nothing sensible about why."""


Planned = tuple[Case, list[Plan]]


def planned() -> st.SearchStrategy[Planned]:
    def both(random: Random) -> Planned:
        case = round_of(random, steady=True)
        return case, some_plans(random, case)

    return seeds.map(both)


def rules(case: Case, plan: Plan) -> set[str]:
    """What the checker finds wrong."""
    found = violations(*case, written(case, plan))
    return {violation.rule for violation in found} - REASONS


@given(planned())
@settings(max_examples=200, deadline=None)
def test_capacity_floors_and_rank_are_judged_as_brute_force_judges_them(planned_: Planned) -> None:
    case, plans = planned_
    oracle = Oracle(*case, HEADER.seed)
    for plan in plans:
        found = rules(case, plan)
        assert oracle.keeps_capacity(plan) == (not found & EXCEEDED)
        assert oracle.keeps_floors(plan) == ("floor_missed" not in found)
        assert oracle.keeps_rank(plan) == ("rank_broken" not in found)


@given(planned())
@settings(max_examples=200, deadline=None)
def test_what_is_left_out_is_found_as_brute_force_finds_it(planned_: Planned) -> None:
    case, plans = planned_
    oracle = Oracle(*case, HEADER.seed)
    blocks = any(r.contiguity == "blocks" for r in case[0].requests)
    for plan in filter(oracle.keeps_all, plans):
        found = rules(case, plan) & {"unserved_but_fits", "reduced_but_fits"}
        expected = oracle.left_out(plan)
        assert found <= expected
        # whole blocks may be free in every month, and never the same ones
        assert blocks or found == expected


@given(cases())
@settings(max_examples=60, deadline=None)
def test_of_the_best_plans_of_brute_force_one_breaks_no_rule(case: Case) -> None:
    oracle = Oracle(*case, HEADER.seed)
    best = oracle.best()
    if best is not None:
        legal = (p for p in oracle.plans() if oracle.merit(p) == best and oracle.keeps_all(p))
        assert any(rules(case, plan) == set() for plan in legal)
