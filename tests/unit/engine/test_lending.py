"""Who is lent what is idle, and why a right ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from dure.engine.checks.lending import violations
from dure.engine.lending import (
    Borrower,
    Lend,
    LendingPlan,
    LendingSnapshot,
    PoolState,
    StopLending,
    backed_off_until,
    plan,
)
from dure.vocabulary.plans import Header
from dure.vocabulary.programme.money import Lending
from dure.vocabulary.reasons import CATALOGUE

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
HEADER = Header(number=7, generation=3, now=NOW)
POLICY = Lending()


def pool(name: str, up: int, used: int = 0, model: str = "h200") -> PoolState:
    return PoolState(pool=name, cluster=f"c-{name}", model=model, up=up, entitled=up, used=used)


def borrower(position: int, accelerators: int, **more: Any) -> Borrower:
    known = {"project": f"p{position}", "application": f"app{position}", "models": ("h200",)}
    return Borrower(position=position, accelerators=accelerators, **(known | more))


def planned(*borrowers: Borrower, policy: Lending = POLICY, **more: Any) -> LendingPlan:
    snapshot = LendingSnapshot(borrowers=borrowers, **more)
    made = plan(snapshot, policy, HEADER)
    assert violations(snapshot, policy, made) == ()
    return made


def lent(made: LendingPlan) -> list[tuple[str, str, int]]:
    return [(i.project, i.pool, i.max_accelerators) for i in made.intents if isinstance(i, Lend)]


def stopped(made: LendingPlan) -> list[tuple[str, str, str]]:
    return [(i.project, i.pool, i.reason.code) for i in made.intents if isinstance(i, StopLending)]


def test_idle_capacity_goes_down_the_waitlist_until_there_is_none() -> None:
    made = planned(borrower(3, 8), borrower(1, 8), borrower(2, 8), pools=(pool("a", 24, 12),))
    assert lent(made) == [("p1", "a", 8), ("p2", "a", 4)]


def test_a_wish_is_met_from_as_many_pools_as_it_takes() -> None:
    pools = (pool("a", 8, 4), pool("b", 16), pool("c", 99, model="b200"))
    assert lent(planned(borrower(1, 19), pools=pools)) == [("p1", "a", 4), ("p1", "b", 15)]


def test_a_wish_that_one_pool_meets_goes_to_the_idlest() -> None:
    assert lent(planned(borrower(1, 4), pools=(pool("a", 8), pool("b", 16)))) == [("p1", "b", 4)]


def test_a_borrower_stays_where_it_borrows() -> None:
    made = planned(borrower(1, 4), pools=(pool("a", 8), pool("b", 16)), lent=(("p1", "a"),))
    assert lent(made) == [("p1", "a", 4)]
    assert stopped(made) == []


def test_the_reason_says_how_much_is_idle_and_whose_turn_it_is() -> None:
    (intent,) = planned(borrower(5, 9), pools=(pool("a", 8, 2),)).intents
    assert intent.reason.params == {"idle": 6, "pool": "a", "position": 5, "offered": 6}
    assert "number 5 on the waitlist" in CATALOGUE[intent.reason.code].format(
        **intent.reason.params
    )


@pytest.mark.parametrize(
    ("take_backs", "pause_s"), [(0, 60), (1, 60), (2, 120), (4, 480), (7, 3600), (10**6, 3600)]
)
def test_the_pause_doubles_with_each_take_back_up_to_the_cap(take_backs: int, pause_s: int) -> None:
    one = borrower(1, 8, taken_back_at=NOW, take_backs=take_backs)
    assert backed_off_until(one, "a", POLICY) == NOW + timedelta(seconds=pause_s)


def test_what_was_taken_back_is_not_lent_again_to_the_same_project_before_the_pause_ends() -> None:
    taken = {"taken_back_at": NOW - timedelta(seconds=60), "taken_back_pool": "a"}
    pools = (pool("a", 8), pool("b", 8))
    paused = planned(
        borrower(1, 16, take_backs=2, **taken), pools=pools, lent=(("p1", "a"), ("p1", "b"))
    )
    assert lent(paused) == [("p1", "b", 8)]
    assert stopped(paused) == [("p1", "a", "lending.backing_off")]
    over = planned(borrower(1, 16, take_backs=1, **taken), pools=pools)
    assert lent(over) == [("p1", "a", 8), ("p1", "b", 8)]


def test_while_the_first_pauses_the_next_on_the_waitlist_borrows() -> None:
    made = planned(
        borrower(1, 8, taken_back_at=NOW, take_backs=1), borrower(2, 8), pools=(pool("a", 8),)
    )
    assert lent(made) == [("p2", "a", 8)]


@pytest.mark.parametrize(
    ("borrowers", "state", "code"),
    [
        ((borrower(1, 8),), pool("a", 8, 8), "lending.no_idle"),
        ((borrower(0, 8, project="x"), borrower(1, 8)), pool("a", 8), "lending.lent_elsewhere"),
        ((), pool("a", 8), "lending.left_waitlist"),
        ((borrower(1, 8),), pool("a", 8, model="b200"), "lending.unsuitable"),
        ((borrower(1, 8),), pool("z", 8, 8), "lending.unsuitable"),
    ],
)
def test_each_right_that_ends_says_why(
    borrowers: tuple[Borrower, ...], state: PoolState, code: str
) -> None:
    made = planned(*borrowers, pools=(state,), lent=(("p1", "a"),))
    assert stopped(made) == [("p1", "a", code)]
    for intent in made.intents:
        assert CATALOGUE[intent.reason.code].format(**intent.reason.params)


def test_a_programme_that_does_not_lend_stops_every_right() -> None:
    off = Lending(enabled=False)
    made = planned(borrower(1, 8), pools=(pool("a", 8),), lent=(("p1", "a"),), policy=off)
    assert stopped(made) == [("p1", "a", "lending.disabled")]
    assert lent(made) == []


def test_more_used_than_up_is_no_idle_capacity() -> None:
    assert lent(planned(borrower(1, 8), pools=(pool("a", 4, 6),))) == []


def test_a_project_waits_once() -> None:
    with pytest.raises(ValidationError, match="borrowing project"):
        LendingSnapshot(pools=(), borrowers=(borrower(1, 8), borrower(1, 4)))


def test_a_plan_has_one_json_form() -> None:
    made = planned(borrower(1, 8), pools=(pool("a", 4),), lent=(("p9", "a"),))
    assert LendingPlan.model_validate_json(made.model_dump_json()) == made


SNAPSHOT = LendingSnapshot(
    pools=(pool("a", 8), pool("b", 8, model="b200")),
    borrowers=(borrower(1, 4), borrower(2, 9)),
    lent=(("p9", "a"),),
)
GOOD = plan(SNAPSHOT, POLICY, HEADER)
STOP, FIRST, SECOND = GOOD.intents


@pytest.mark.parametrize(
    ("rule", "intents"),
    [
        ("lending.pool", (STOP, FIRST, SECOND.model_copy(update={"max_accelerators": 5}))),
        ("lending.wish", (STOP, FIRST.model_copy(update={"max_accelerators": 5}))),
        ("lending.suitable", (STOP, FIRST, SECOND.model_copy(update={"pool": "b"}))),
        ("lending.order", (STOP, FIRST.model_copy(update={"order": 8}), SECOND)),
        ("lending.once", (STOP, FIRST, FIRST, SECOND)),
        ("lending.undecided", (FIRST, SECOND)),
        ("lending.stop", (STOP, STOP.model_copy(update={"pool": "b"}), FIRST, SECOND)),
        ("lending.idle", (STOP, FIRST)),
    ],
)
def test_the_check_finds_each_broken_plan(rule: str, intents: tuple[Any, ...]) -> None:
    broken = GOOD.model_copy(update={"intents": intents})
    assert rule in [violation.rule for violation in violations(SNAPSHOT, POLICY, broken)]


def test_the_check_finds_a_right_given_in_a_pause_or_while_lending_is_off() -> None:
    paused = borrower(1, 4, taken_back_at=NOW, take_backs=1)
    taken = SNAPSHOT.model_copy(update={"borrowers": (paused, borrower(2, 9))})
    assert "lending.back_off" in [v.rule for v in violations(taken, POLICY, GOOD)]
    assert "lending.disabled" in [
        v.rule for v in violations(SNAPSHOT, Lending(enabled=False), GOOD)
    ]
