"""Where a job should run: one rule a test, the words it gives, and what the check finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dure.engine.checks.routing import violations
from dure.engine.routing import Estimate, Place, Route, RoutingSnapshot, Wish, choose
from dure.vocabulary.reasons import CATALOGUE

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def grant(pool: str, **changes: object) -> Place:
    """Sixteen accelerators of an allocation, none in use."""
    place = Place(
        cluster=f"c-{pool}",
        pool=pool,
        model="H200",
        memory_gb=141,
        allocation=f"a-{pool}",
        limit=16,
    )
    return place.model_copy(update=changes)


def loan(pool: str, **changes: object) -> Place:
    """The right to borrow up to 64, with nothing known of the pool."""
    return grant(pool, allocation=None, limit=64).model_copy(update=changes)


def route(*places: Place, **wish: object) -> Route:
    """The route, which the check has passed."""
    asked = Wish.model_validate({"accelerators": 8, **wish})
    snapshot = RoutingSnapshot(wish=asked, places=places, now=NOW)
    made = choose(snapshot)
    assert violations(snapshot, made) == ()
    assert all(one.reason.code in CATALOGUE for one in made.verdicts)
    assert all(one.why_not.code in CATALOGUE for one in made.verdicts if one.why_not is not None)
    return made


def chosen(made: Route) -> tuple[str, str]:
    assert made.chosen is not None
    return made.chosen.pool, made.chosen.reason.code


def why_not(made: Route, pool: str) -> str:
    found = next(one for one in made.verdicts if one.pool == pool)
    return (found.why_not or found.reason).code


def test_what_is_free_in_the_guarantee_starts_at_once_within_the_sites_bound() -> None:
    made = route(grant("a", take_back_bound_s=1.5, idle=0))
    assert chosen(made) == ("a", "routing.free_within")
    assert made.chosen is not None
    assert made.chosen.reason.params == {"left": 16, "seconds": 2}


def test_beyond_the_guarantee_a_job_waits_for_its_own() -> None:
    made = route(grant("a", in_use=8, queued=4))
    assert chosen(made) == ("a", "routing.after_own")
    assert made.verdicts[0].start == "after_own"


def test_a_free_guarantee_goes_before_one_that_waits_and_before_what_is_idle() -> None:
    made = route(grant("a", in_use=16), loan("b", idle=64), grant("c"), lent="also")
    assert chosen(made) == ("c", "routing.free")
    assert why_not(made, "a") == "routing.starts_later"
    assert why_not(made, "b") == "routing.may_be_taken_back"


def test_who_will_be_preempted_goes_to_what_is_idle_before_waiting_for_its_own() -> None:
    made = route(grant("a", in_use=16), loan("b", idle=8), lent="also")
    assert chosen(made) == ("b", "routing.idle")


def test_who_will_not_be_preempted_waits() -> None:
    made = route(grant("a", in_use=16), loan("b", idle=64), lent="no")
    assert chosen(made) == ("a", "routing.after_own")
    assert why_not(made, "b") == "routing.lent_not_wanted"


def test_on_loan_the_sites_estimate_for_the_next_larger_size_counts() -> None:
    soon, late = NOW + timedelta(minutes=5), NOW + timedelta(hours=3)
    small, large = Estimate(accelerators=4, at=NOW), Estimate(accelerators=16, at=late)
    made = route(
        loan("a", idle=4, estimates=(small, large)),
        loan("b", idle=4, estimates=(Estimate(accelerators=8, at=soon),)),
        lent="only",
    )
    assert chosen(made) == ("b", "routing.estimated")
    assert made.verdicts[1].at == late
    assert why_not(made, "a") == "routing.starts_later"


@pytest.mark.parametrize(
    ("estimates", "code"),
    [
        ((), "routing.no_estimate"),
        ((Estimate(accelerators=8, at=None),), "routing.no_time"),
    ],
)
def test_where_the_site_says_no_time_none_is_made_up(
    estimates: tuple[Estimate, ...], code: str
) -> None:
    made = route(loan("a", idle=0, estimates=estimates), lent="only")
    assert chosen(made) == ("a", code)
    assert made.verdicts[0].at is None


def test_the_model_that_was_named_first_goes_first() -> None:
    made = route(
        grant("a", model="B200", memory_gb=192), grant("b"), grant("c", model="A100"),
        models=("H200", "B200"),
    )  # fmt: skip
    assert chosen(made) == ("b", "routing.free")
    assert why_not(made, "a") == "routing.model_less_wanted"
    assert why_not(made, "c") == "routing.other_model"


def test_the_smallest_memory_that_is_enough_goes_first() -> None:
    made = route(
        grant("a", model="B200", memory_gb=192), grant("b"), grant("c", memory_gb=80), memory_gb=100
    )
    assert chosen(made) == ("b", "routing.free")
    assert why_not(made, "a") == "routing.larger_than_needed"
    assert why_not(made, "c") == "routing.little_memory"


def test_among_equals_the_place_with_more_left_then_the_name() -> None:
    made = route(grant("a"), grant("b", limit=24), grant("c"))
    assert [one.pool for one in made.verdicts] == ["b", "a", "c"]
    assert why_not(made, "a") == "routing.less_left"
    assert why_not(route(grant("a"), grant("c")), "c") == "routing.by_name"


@pytest.mark.parametrize(
    ("place", "code"),
    [
        (grant("a", limit=4), "routing.beyond_allocation"),
        (loan("a", limit=4), "routing.beyond_loan"),
        (grant("a", starts=NOW + timedelta(days=1)), "routing.not_begun"),
        (grant("a", ends=NOW), "routing.over"),
        (grant("a", ends=NOW + timedelta(minutes=59)), "routing.outlasts"),
        (grant("a", heard=False), "routing.silent"),
        (grant("a", up=4), "routing.down"),
    ],
)
def test_a_place_that_cannot_run_the_job_says_why(place: Place, code: str) -> None:
    made = route(place, lent="also", time_limit_s=3600)
    assert made.chosen is None
    assert made.verdicts[0].start == "never"
    assert made.verdicts[0].reason.code == code


def test_a_job_that_shall_only_borrow_leaves_the_guarantee_alone() -> None:
    made = route(grant("a"), lent="only")
    assert made.chosen is None
    assert made.verdicts[0].reason.code == "routing.guarantee_not_wanted"


def test_who_has_no_right_anywhere_is_told_nothing_can_run_it() -> None:
    assert route() == Route(chosen=None, verdicts=())


def test_the_check_finds_a_route_past_a_free_guarantee() -> None:
    snapshot = RoutingSnapshot(
        wish=Wish(accelerators=8, lent="also"), places=(grant("a"), loan("b", idle=64)), now=NOW
    )
    made = choose(snapshot)
    wrong = Route(chosen=made.verdicts[1], verdicts=made.verdicts[::-1])
    assert [one.rule for one in violations(snapshot, wrong)] == ["guarantee"]
    nowhere = Route(chosen=None, verdicts=made.verdicts)
    assert [one.rule for one in violations(snapshot, nowhere)] == ["none"]
    half = Route(chosen=made.verdicts[0], verdicts=made.verdicts[:1])
    assert [one.rule for one in violations(snapshot, half)] == ["complete"]
    second = Route(chosen=made.verdicts[0], verdicts=made.verdicts[::-1])
    assert [one.rule for one in violations(snapshot, second)] == ["first"]
