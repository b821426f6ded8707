"""The checker and brute force agree on every plan, good or bad."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.properties.oracle import Oracle, Plan
from tests.properties.small_rounds import HEADER, Case, cases, plans, written

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


@st.composite
def planned(draw: st.DrawFn, *, steady: bool = True) -> tuple[Case, Plan]:
    case = draw(cases(steady=steady))
    return case, draw(plans(case))


def rules(case: Case, plan: Plan) -> set[str]:
    """What the checker finds wrong."""
    found = violations(*case, written(case, plan))
    return {violation.rule for violation in found} - REASONS


@given(planned())
@settings(max_examples=400, deadline=None)
def test_capacity_floors_and_rank_are_judged_as_brute_force_judges_them(
    planned_: tuple[Case, Plan],
) -> None:
    case, plan = planned_
    oracle = Oracle(*case, HEADER.seed)
    found = rules(case, plan)
    assert oracle.keeps_capacity(plan) == (not found & EXCEEDED)
    assert oracle.keeps_floors(plan) == ("floor_missed" not in found)
    assert oracle.keeps_rank(plan) == ("rank_broken" not in found)


@given(planned())
@settings(max_examples=400, deadline=None)
def test_what_is_left_out_is_found_as_brute_force_finds_it(planned_: tuple[Case, Plan]) -> None:
    case, plan = planned_
    oracle = Oracle(*case, HEADER.seed)
    if not oracle.keeps_all(plan):
        return
    found = rules(case, plan) & {"unserved_but_fits", "reduced_but_fits"}
    expected = oracle.left_out(plan)
    if any(r.contiguity == "blocks" for r in case[0].requests):
        assert found <= expected  # blocks may be free each month and never the same ones
    else:
        assert found == expected


@given(cases())
@settings(max_examples=150, deadline=None)
def test_the_best_plan_of_brute_force_breaks_no_rule(case: Case) -> None:
    oracle = Oracle(*case, HEADER.seed)
    best = oracle.best()
    legal = [p for p in oracle.plans() if oracle.merit(p) == best and oracle.keeps_all(p)]
    if best is None:
        assert not any(oracle.keeps_all(p) for p in oracle.plans())
        return
    assert any(rules(case, plan) == set() for plan in legal)
