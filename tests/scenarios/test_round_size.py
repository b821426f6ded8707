"""Rounds of the size of Korea's first: 514 applications for 1,714 servers, 542 offered.

The applications are made from a seed; only the totals are the published ones. Proof is counted in
the solver's own effort, so a slow machine proves as much as a fast one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from tests.scenarios.round_sizes import Instance, five_thousand, korea_sized, twenty_thousand

from dure.engine.allocation import plan
from dure.engine.checks.allocation import violations
from dure.vocabulary.plans import Header

HEADER = Header(number=1, generation=1, now=datetime(2026, 2, 2, tzinfo=UTC))
PLAN_FROM_STDIN = (
    "import sys; from dure.engine.allocation import *;"
    "from dure.vocabulary.plans import Header;"
    "lines = sys.stdin.read().splitlines();"
    "print(plan(RoundSnapshot.model_validate_json(lines[0]),"
    " RoundPolicy.model_validate_json(lines[1]),"
    " Header.model_validate_json(lines[2])).model_dump_json())"
)


@pytest.mark.parametrize(
    ("made", "served"),
    [
        pytest.param(korea_sized(1), 542, id="capacity only"),
        pytest.param(korea_sized(2, pools=5, capped=True), 542, id="five pools, quota and cap"),
    ],
)
def test_a_round_of_koreas_size_is_proven_best(made: Instance, served: int) -> None:
    snapshot, policy = made
    decided = plan(snapshot, policy, HEADER)
    assert decided.optimal
    assert violations(snapshot, policy, decided) == ()
    assert sum(outcome.servers for outcome in decided.intents) == served


def test_a_round_over_twelve_months_states_how_far_it_may_be_from_the_best() -> None:
    snapshot, policy = korea_sized(3, over_months=True)
    decided = plan(snapshot, policy, HEADER)
    assert violations(snapshot, policy, decided) == ()
    assert decided.objective <= decided.bound < decided.objective * 1.005


def test_another_process_with_other_hashes_makes_the_same_plan() -> None:
    snapshot, policy = korea_sized(3, capped=True)
    stored = "\n".join(m.model_dump_json() for m in (snapshot, policy, HEADER))
    done = subprocess.run(
        [sys.executable, "-c", PLAN_FROM_STDIN],
        input=stored,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert done.stdout.strip() == plan(snapshot, policy, HEADER).model_dump_json()


@pytest.mark.parametrize("over_months", [False, True])
@pytest.mark.parametrize("pools", [3, 5])
def test_the_made_round_has_the_published_totals(pools: int, over_months: bool) -> None:  # noqa: FBT001  # a parameter of the case
    snapshot, _ = korea_sized(4, pools=3 if pools == 3 else 5, over_months=over_months)
    assert len(snapshot.requests) == 514
    assert sum(r.wishes[0].servers for r in snapshot.requests) == 1714
    assert sum(max(o.servers) for o in snapshot.offers) == 542


def test_the_large_rounds_are_as_large_as_they_say() -> None:
    for (snapshot, _), applications, pools, months in (
        (five_thousand(1), 5_000, 20, 1),
        (twenty_thousand(1), 20_000, 40, 24),
    ):
        assert (len(snapshot.requests), len(snapshot.offers)) == (applications, pools)
        assert snapshot.months == months
        asked = sum(r.wishes[0].servers * r.months for r in snapshot.requests)
        offered = sum(sum(o.servers) for o in snapshot.offers)
        assert 2.7 < asked / offered < 3.3


def test_a_seed_makes_one_round() -> None:
    assert korea_sized(5, capped=True) == korea_sized(5, capped=True)
    assert korea_sized(5) != korea_sized(6)
