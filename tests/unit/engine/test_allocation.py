"""What a round gives each application, and the reason it says."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from dure.engine.allocation import (
    Outcome,
    PoolOffer,
    QuotaRoom,
    Request,
    RoundPlan,
    RoundPolicy,
    RoundSnapshot,
    plan,
)
from dure.engine.checks.allocation import violations
from dure.vocabulary.plans import Header
from dure.vocabulary.reasons import CATALOGUE

HEADER = Header(number=1, generation=1, now=datetime(2026, 2, 2, tzinfo=UTC))
NO_CAP = RoundPolicy()


def request(rank: int, servers: int = 4, **changes: Any) -> Request:
    facts: dict[str, Any] = {
        "application": f"a{rank}",
        "organisation": f"org{rank}",
        "region": "seoul",
        "sector": "university",
        "track": "academia",
        "size_class": "medium",
        "models": ("H200",),
        "servers": servers,
        "minimum": servers,
        "rank": rank,
        "score": 100 - rank,
    }
    return Request(**facts | changes)


def snapshot(*requests: Request, servers: int = 8, **changes: Any) -> RoundSnapshot:
    offers = (PoolOffer(pool="h200", cluster="one", model="H200", servers=servers),)
    return RoundSnapshot(**{"call": "r1", "requests": requests, "offers": offers} | changes)


def decide(facts: RoundSnapshot, policy: RoundPolicy = NO_CAP) -> dict[str, Outcome]:
    """The outcomes by application, of a plan that the checker has accepted."""
    decided = plan(facts, policy, HEADER)
    assert violations(facts, policy, decided) == ()
    assert decided.optimal
    for outcome in decided.intents:
        assert CATALOGUE[outcome.reason.code].format(**outcome.reason.params)
    return {outcome.application: outcome for outcome in decided.intents}


def test_importing_the_round_loads_no_solver() -> None:
    script = (
        "import dure.engine.allocation, dure.engine.checks.allocation, sys;"
        " sys.exit('ortools' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_best_ranked_are_served_and_the_next_one_is_told_its_gap_and_the_cut_off() -> None:
    outcomes = decide(snapshot(request(1), request(2), request(3), servers=10))
    assert [o.outcome for o in outcomes.values()] == ["awarded", "awarded", "waitlisted"]
    assert outcomes["a1"].reason.params == {"servers": 4, "pool": "h200", "rank": 1}
    assert outcomes["a3"].reason.code == "round.better_ranked_ahead"
    assert outcomes["a3"].reason.params == {
        "rank": 3,
        "minimum": 4,
        "limit": "h200",
        "room": 2,
        "short": 2,
        "cutoff": 2,
    }


def test_a_request_is_served_in_one_pool_and_not_across_two() -> None:
    offers = tuple(
        PoolOffer(pool=f"h200-{name}", cluster=name, model="H200", servers=3) for name in "ab"
    )
    outcome = decide(snapshot(request(1, 4), offers=offers))["a1"]
    assert outcome.reason.code == "round.pool_too_small"
    assert outcome.reason.params["short"] == 1


def test_more_merit_never_passes_a_better_rank_of_the_same_class() -> None:
    many = decide(snapshot(request(1, 4, score=1), request(2, 8, score=90)))
    assert many["a1"].outcome == "awarded"
    assert many["a2"].reason.params["cutoff"] == 1


def test_classes_compete_by_merit_and_the_loser_is_told_so() -> None:
    large = request(2, 8, size_class="large", score=90)
    outcomes = decide(snapshot(request(1, 4, score=91), large))
    assert outcomes["a2"].outcome == "awarded"
    assert outcomes["a1"].reason.code == "round.other_classes_ahead"


def test_a_smaller_request_may_fill_what_a_larger_one_cannot_use() -> None:
    outcomes = decide(snapshot(request(1, 6), request(2, 4), request(3, 2)))
    assert [o.outcome for o in outcomes.values()] == ["awarded", "waitlisted", "awarded"]
    assert outcomes["a2"].reason.code == "round.pool_full"
    assert outcomes["a2"].reason.params["cutoff"] == 3


def test_a_reducible_request_takes_what_is_left_down_to_its_minimum() -> None:
    outcomes = decide(snapshot(request(1, 6), request(2, 4, minimum=2)))
    assert (outcomes["a2"].outcome, outcomes["a2"].servers) == ("reduced", 2)
    assert outcomes["a2"].reason.code == "round.reduced"


def test_a_full_quota_is_named_and_lets_another_sector_pass() -> None:
    quota = QuotaRoom(quota="academia-share", sectors=("university",), servers_left=5)
    facts = snapshot(
        request(1), request(2), request(3, sector="institute"), quotas=(quota,), servers=20
    )
    outcomes = decide(facts)
    assert outcomes["a2"].reason.code == "round.quota_full"
    assert outcomes["a2"].reason.params["limit"] == "academia-share"
    assert outcomes["a2"].reason.params["short"] == 3
    assert outcomes["a3"].outcome == "awarded"


def test_a_full_quota_between_two_ranks_excuses_only_the_one_it_binds() -> None:
    quota = QuotaRoom(quota="share", sectors=("university",), servers_left=0)
    first, last = (request(rank, n, sector="institute") for rank, n in ((1, 2), (3, 4)))
    outcomes = decide(snapshot(first, request(2, 2), last, quotas=(quota,), servers=4))
    assert [o.outcome for o in outcomes.values()] == ["awarded", "waitlisted", "waitlisted"]


def test_a_quota_reduces_what_may_be_reduced() -> None:
    quota = QuotaRoom(quota="share", sectors=("university",), servers_left=3)
    outcome = decide(snapshot(request(1, 4, minimum=1), quotas=(quota,)))["a1"]
    assert (outcome.servers, outcome.reason.code) == (3, "round.reduced_quota")


def test_the_organisation_cap_counts_what_is_already_held() -> None:
    facts = snapshot(
        request(1, organisation="org"), request(2), servers=20, organisation_used={"org": 3}
    )
    outcomes = decide(facts, RoundPolicy(organisation_cap=6))
    assert outcomes["a1"].reason.code == "round.organisation_cap"
    assert outcomes["a1"].reason.params["room"] == 3
    assert outcomes["a2"].outcome == "awarded"


def test_an_unoffered_model_is_said_to_be_so() -> None:
    assert decide(snapshot(request(1, models=("MI300X",))))["a1"].reason.code == "round.no_pool"


def test_the_more_wanted_model_is_given_where_both_would_do() -> None:
    offers = tuple(
        PoolOffer(pool=model.lower(), cluster=model, model=model, servers=8)
        for model in ("B200", "H200")
    )
    facts = snapshot(request(1, models=("H200", "B200")), offers=offers)
    assert decide(facts)["a1"].pool == "h200"


def test_equal_merit_goes_to_the_better_rank() -> None:
    facts = snapshot(
        request(2, 8, score=50, size_class="x"), request(1, 8, score=50, size_class="y")
    )
    assert decide(facts)["a1"].outcome == "awarded"


def test_applications_without_score_are_served_while_there_is_room() -> None:
    outcomes = decide(snapshot(request(1, score=0), request(2, 6, minimum=1, score=0)))
    assert [o.servers for o in outcomes.values()] == [4, 4]


def test_an_empty_round_has_an_empty_plan() -> None:
    assert decide(snapshot()) == {}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (lambda: snapshot(request(1), request(2, application="a1")), "application 'a1' more than"),
        (lambda: snapshot(request(1), request(1, application="b")), "rank 1 more than once"),
        (lambda: request(1, 4, minimum=5), "'a1' needs at least 5 servers but asks for only 4"),
        (lambda: request(1, 0), "greater than 0"),
        (lambda: request(1, models=()), "at least 1 item"),
        (lambda: request(1, models=("H200", "H200")), "'a1' names model 'H200' more than once"),
        (lambda: request(1, score=-1), "greater than or equal to 0"),
        (lambda: request(1, colour="red"), "Extra inputs"),
        (lambda: QuotaRoom(quota="q", sectors=(), servers_left=1), "at least 1 item"),
        (lambda: RoundPolicy(organisation_cap=0), "greater than 0"),
    ],
)
def test_bad_input_is_refused_by_name(facts: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        facts()


def tampered(facts: RoundSnapshot, changes: dict[str, dict[str, Any]], **claims: Any) -> RoundPlan:
    decided = plan(facts, NO_CAP, HEADER)
    intents = tuple(
        Outcome.model_validate(o.model_dump() | changes.get(o.application, {}))
        for o in decided.intents
    )
    return RoundPlan.model_validate(decided.model_dump() | {"intents": intents} | claims)


FREED = {
    "outcome": "waitlisted",
    "pool": None,
    "servers": 0,
    "reason": {"code": "round.no_pool", "params": {"models": "H200"}},
}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"a1": {"servers": 5}}, "amount_wrong"),
        ({"a1": {"servers": 5}}, "pool_exceeded"),
        ({"a1": {"servers": 5}}, "quota_exceeded"),
        ({"a1": {"outcome": "reduced", "servers": 3}}, "amount_wrong"),
        ({"a1": {"pool": "moon"}}, "pool_unknown"),
        ({"a1": {"pool": "b200"}}, "model_not_accepted"),
        ({"a1": FREED}, "unserved_but_fits"),
        ({"a1": FREED, "a3": {"outcome": "awarded", "pool": "h200", "servers": 4}}, "rank_broken"),
        ({"a3": {"servers": 4}}, "waitlisted_holds_servers"),
        ({"a3": {"application": "a1"}}, "outcome_repeated"),
        ({"a3": {"application": "a1"}}, "outcome_missing"),
        ({"a3": {"application": "a9"}}, "application_unknown"),
        ({"a1": {"reason": {"code": ""}}}, "reason_unknown"),
        ({"a1": {"reason": {"code": "round.no_pool", "params": {"models": ""}}}}, "reason_unfit"),
        ({"a1": {"reason": {"code": "round.awarded"}}}, "reason_incomplete"),
    ],
)
def test_the_checker_names_what_was_broken(changes: dict[str, dict[str, Any]], rule: str) -> None:
    quota = QuotaRoom(quota="share", sectors=("university",), servers_left=8)
    offers = (
        PoolOffer(pool="h200", cluster="one", model="H200", servers=8),
        PoolOffer(pool="b200", cluster="two", model="B200", servers=8),
    )
    facts = snapshot(request(1), request(2), request(3), offers=offers, quotas=(quota,))
    found = violations(facts, NO_CAP, tampered(facts, changes))
    assert rule in {violation.rule for violation in found}


def test_the_checker_refuses_an_exceeded_organisation_cap() -> None:
    facts = snapshot(request(1))
    rules = {
        v.rule for v in violations(facts, RoundPolicy(organisation_cap=3), tampered(facts, {}))
    }
    assert rules == {"organisation_exceeded"}


def test_the_checker_refuses_a_reduction_without_need() -> None:
    facts = snapshot(request(1, 4, minimum=2))
    said = {"code": "round.reduced", "params": {"servers": 3, "wanted": 4, "pool": "", "rank": 1}}
    change = {"a1": {"outcome": "reduced", "servers": 3, "reason": said}}
    rules = {v.rule for v in violations(facts, NO_CAP, tampered(facts, change, objective=297_000))}
    assert rules == {"reduced_but_fits", "bound_wrong"}


@pytest.mark.parametrize(
    ("claims", "rule"),
    [
        ({"objective": 1}, "objective_wrong"),
        ({"bound": 1}, "bound_wrong"),
        ({"optimal": False}, "bound_wrong"),
    ],
)
def test_the_checker_refuses_false_claims(claims: dict[str, Any], rule: str) -> None:
    facts = snapshot(request(1))
    found = violations(facts, NO_CAP, tampered(facts, {}, **claims))
    assert rule in {violation.rule for violation in found}


def test_a_solver_out_of_effort_leaves_a_valid_plan_with_an_honest_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = [request(rank, 3 + rank % 5, size_class=f"c{rank % 4}") for rank in range(1, 60)]
    facts = snapshot(*asked, servers=61)
    best = plan(facts, NO_CAP, HEADER)
    for step in ("MERIT_EFFORT", "TIE_EFFORT"):
        monkeypatch.setattr(f"dure.engine.allocation.solve.{step}", 0.0)
    stopped = plan(facts, NO_CAP, HEADER)
    assert violations(facts, NO_CAP, stopped) == ()
    assert not stopped.optimal
    assert stopped.objective <= best.objective <= stopped.bound
