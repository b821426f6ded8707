"""Who may borrow what is idle, in which turn, and why a right ends."""

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


def pool(name: str, accelerators: int, model: str = "h200") -> PoolState:
    return PoolState(pool=name, model=model, accelerators=accelerators)


def waits(position: int, **more: Any) -> Borrower:
    known = {"project": f"w{position}", "models": ("h200",), "asked": 8}
    return Borrower(position=position, **(known | more))


def holds(project: str, **more: Any) -> Borrower:
    return Borrower(
        **({"project": project, "position": None, "models": ("h200",), "asked": 8} | more)
    )


def planned(*borrowers: Borrower, policy: Lending = POLICY, **more: Any) -> LendingPlan:
    snapshot = LendingSnapshot(borrowers=borrowers, **more)
    made = plan(snapshot, policy, HEADER)
    assert violations(snapshot, policy, made) == ()
    for intent in made.intents:
        assert CATALOGUE[intent.reason.code].format(**intent.reason.params)
    return made


def turns(made: LendingPlan) -> list[tuple[str, str, int]]:
    return [(i.pool, i.project, i.order) for i in made.intents if isinstance(i, Lend)]


def stopped(made: LendingPlan) -> list[tuple[str, str, str]]:
    return [(i.project, i.pool, i.reason.code) for i in made.intents if isinstance(i, StopLending)]


def reasons(made: LendingPlan) -> list[str]:
    return [i.reason.code for i in made.intents]


def test_who_waits_comes_before_who_holds_and_in_the_order_of_the_waitlist() -> None:
    made = planned(holds("a"), waits(2), waits(1), pools=(pool("x", 24),))
    assert turns(made) == [("x", "w1", 0), ("x", "w2", 1), ("x", "a", 2)]
    assert reasons(made) == [
        "lending.while_waiting", "lending.while_waiting", "lending.beyond_allocation",
    ]  # fmt: skip


def test_a_right_reaches_over_the_whole_pool_whoever_else_has_one() -> None:
    made = planned(waits(1), waits(2), holds("a", asked=999), pools=(pool("x", 24),))
    assert {i.max_accelerators for i in made.intents if isinstance(i, Lend)} == {24}


def test_a_project_may_borrow_on_every_pool_that_it_can_use() -> None:
    pools = (pool("x", 8), pool("y", 16), pool("z", 99, model="b200"), pool("none", 0))
    assert turns(planned(waits(1), pools=pools)) == [("x", "w1", 0), ("y", "w1", 0)]


def test_who_borrowed_least_for_what_was_asked_comes_first_among_equals() -> None:
    much, little = waits(1, borrowed=900), waits(2, borrowed=900, asked=16)
    made = planned(much, little, holds("a", borrowed=10), holds("b"), pools=(pool("x", 8),))
    assert [project for _, project, _ in turns(made)] == ["w2", "w1", "b", "a"]


@pytest.mark.parametrize(
    ("take_backs", "pause_s"), [(0, 60), (1, 60), (2, 120), (4, 480), (7, 3600), (10**6, 3600)]
)
def test_the_pause_doubles_with_each_take_back_up_to_the_cap(take_backs: int, pause_s: int) -> None:
    one = waits(1, taken_back_at=NOW, take_backs=take_backs)
    assert backed_off_until(one, "x", POLICY) == NOW + timedelta(seconds=pause_s)


def test_after_a_take_back_a_project_keeps_its_right_and_comes_last_there_for_a_while() -> None:
    taken = {"taken_back_at": NOW - timedelta(seconds=60), "taken_back_pool": "x"}
    pools = (pool("x", 8), pool("y", 8))
    paused = planned(waits(1, take_backs=2, **taken), holds("a"), pools=pools, lent=(("w1", "x"),))
    assert turns(paused) == [("x", "a", 0), ("x", "w1", 1), ("y", "w1", 0), ("y", "a", 1)]
    assert reasons(paused)[1] == "lending.after_take_back"
    over = planned(waits(1, take_backs=1, **taken), holds("a"), pools=pools)
    assert turns(over)[:2] == [("x", "w1", 0), ("x", "a", 1)]


@pytest.mark.parametrize(
    ("borrowers", "state", "code"),
    [
        ((), pool("x", 8), "lending.left"),
        ((waits(1, project="p"),), pool("x", 8, model="b200"), "lending.unsuitable"),
        ((waits(1, project="p"),), pool("y", 8), "lending.unsuitable"),
        ((holds("p"),), pool("x", 0), "lending.unsuitable"),
    ],
)
def test_each_right_that_ends_says_why(
    borrowers: tuple[Borrower, ...], state: PoolState, code: str
) -> None:
    made = planned(*borrowers, pools=(state,), lent=(("p", "x"),))
    assert stopped(made) == [("p", "x", code)]


def test_a_programme_that_does_not_lend_stops_every_right() -> None:
    off = Lending(enabled=False)
    made = planned(waits(1), pools=(pool("x", 8),), lent=(("w1", "x"),), policy=off)
    assert stopped(made) == [("w1", "x", "lending.disabled")]
    assert turns(made) == []


def test_a_project_borrows_under_one_name() -> None:
    with pytest.raises(ValidationError, match="borrowing project"):
        LendingSnapshot(pools=(), borrowers=(waits(1), waits(1)))


def test_a_plan_has_one_json_form() -> None:
    made = planned(waits(1), pools=(pool("x", 4),), lent=(("p9", "x"),))
    assert LendingPlan.model_validate_json(made.model_dump_json()) == made


SNAPSHOT = LendingSnapshot(
    pools=(pool("x", 8), pool("y", 8, model="b200")),
    borrowers=(waits(1), holds("a")),
    lent=(("p9", "x"),),
)
GOOD = plan(SNAPSHOT, POLICY, HEADER)
STOP, FIRST, SECOND = GOOD.intents


@pytest.mark.parametrize(
    ("rule", "intents"),
    [
        ("lending.reach", (STOP, FIRST, SECOND.model_copy(update={"max_accelerators": 9}))),
        ("lending.suitable", (STOP, FIRST, SECOND.model_copy(update={"pool": "y"}))),
        ("lending.order", (STOP, FIRST.model_copy(update={"order": 8}), SECOND)),
        ("lending.turn", (STOP, FIRST.model_copy(update={"order": 1}), SECOND)),
        ("lending.once", (STOP, FIRST, FIRST, SECOND)),
        ("lending.undecided", (FIRST, SECOND)),
        ("lending.stop", (STOP, STOP.model_copy(update={"pool": "y"}), FIRST, SECOND)),
        ("lending.idle", (STOP, FIRST)),
        ("lending.idle", (STOP, FIRST, SECOND.model_copy(update={"max_accelerators": 7}))),
    ],
)
def test_the_check_finds_each_broken_plan(rule: str, intents: tuple[Any, ...]) -> None:
    broken = GOOD.model_copy(update={"intents": intents})
    assert rule in [violation.rule for violation in violations(SNAPSHOT, POLICY, broken)]


def test_the_check_finds_a_turn_taken_in_a_pause_and_a_right_while_lending_is_off() -> None:
    paused = waits(1, taken_back_at=NOW, take_backs=1)
    taken = SNAPSHOT.model_copy(update={"borrowers": (paused, holds("a"))})
    assert "lending.order" in [v.rule for v in violations(taken, POLICY, GOOD)]
    assert "lending.disabled" in [
        v.rule for v in violations(SNAPSHOT, Lending(enabled=False), GOOD)
    ]
