"""In any round: no change, no difference; more supply, no less merit; the stored one stays."""

from __future__ import annotations

from hypothesis import given, settings
from tests.properties.small_rounds import HEADER, Case, cases
from tests.properties.test_allocation import decided

from dure.engine.allocation import plan
from dure.engine.allocation.compare import compare
from dure.engine.allocation.scenario import apply
from dure.engine.checks.allocation import violations
from dure.vocabulary.scenario import Change

NOTHING = Change(name="nothing")


@given(cases(steady=False))
@settings(max_examples=30, deadline=None)
def test_a_scenario_that_changes_nothing_is_the_stored_plan(case: Case) -> None:
    made = decided(case)
    again = plan(*apply(*case, NOTHING), HEADER)
    assert again == made
    (other,) = compare((case[0], made), {"nothing": (case[0], again)}).others
    assert (other.applications, other.groups) == ((), ())


@given(cases())
@settings(max_examples=60, deadline=None)
def test_one_server_more_in_every_pool_never_lowers_the_merit(case: Case) -> None:
    made = decided(case)
    more = Change.model_validate(
        {"name": "more", "supply": {offer.pool: {"by": 1} for offer in case[0].offers}}
    )
    changed = apply(*case, more)
    found = plan(*changed, HEADER)
    assert violations(*changed, found) == ()
    assert found.bound >= made.objective
    assert not found.optimal or found.objective >= made.objective


@given(cases())
@settings(max_examples=30, deadline=None)
def test_a_scenario_leaves_the_stored_round_as_it_was(case: Case) -> None:
    before = tuple(one.model_dump_json() for one in case)
    change = Change.model_validate(
        {
            "name": "other",
            "policy": "strict-rank",
            "organisation_cap": 1,
            "dropped": [group.group for group in case[1].groups],
            "spares": {offer.pool: 1 for offer in case[0].offers if max(offer.servers)},
        }
    )
    assert apply(*case, change) == apply(*case, change)
    assert tuple(one.model_dump_json() for one in case) == before
