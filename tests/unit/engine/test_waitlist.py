"""The waitlist: order kept, best room chosen, who is skipped reads what was lacking."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from dure.engine.checks.waitlist import violations
from dure.engine.waitlist import (
    FreeCapacity,
    Promote,
    Stay,
    Waiting,
    WaitlistPlan,
    WaitlistSnapshot,
    plan,
)
from dure.vocabulary.plans import Header
from dure.vocabulary.reasons import CATALOGUE

HEADER = Header(number=1, generation=0, now=datetime(2026, 2, 1, tzinfo=UTC))


def waiting(position: int, servers: int, *models: str, minimum: int | None = None) -> Waiting:
    return Waiting(
        application=f"A{position}",
        position=position,
        models=models or ("h200",),
        servers=servers,
        minimum=minimum or servers,
        sector="academia",
        organisation="두레",
    )


def free(**pools: tuple[str, int]) -> tuple[FreeCapacity, ...]:
    return tuple(FreeCapacity(pool=p, model=m, servers=n) for p, (m, n) in pools.items())


def told(queue: tuple[Waiting, ...], room: tuple[FreeCapacity, ...]) -> list[str]:
    snapshot = WaitlistSnapshot(waiting=queue, free=room)
    made = plan(snapshot, HEADER)
    assert violations(snapshot, made) == ()
    assert WaitlistPlan.model_validate_json(made.model_dump_json()) == made
    return [
        f"{i.application} {i.pool} {i.servers}" if isinstance(i, Promote) else f"{i.application} -"
        for i in made.intents
    ]


def test_capacity_goes_to_the_first_in_order() -> None:
    queue = (waiting(2, 4), waiting(1, 4), waiting(3, 4))
    assert told(queue, free(p=("h200", 8))) == ["A1 p 4", "A2 p 4", "A3 -"]


def test_one_too_large_is_skipped_and_the_next_that_fits_is_served() -> None:
    assert told((waiting(1, 9), waiting(2, 8)), free(p=("h200", 8))) == ["A1 -", "A2 p 8"]


def test_servers_of_two_pools_do_not_add_up() -> None:
    assert told((waiting(1, 6),), free(p=("h200", 4), q=("h200", 4))) == ["A1 -"]


def test_the_most_wanted_model_comes_before_the_better_fit() -> None:
    room = free(tight=("h200", 4), wide=("b200", 16))
    assert told((waiting(1, 4, "b200", "h200"),), room) == ["A1 wide 4"]


def test_the_smallest_room_that_fits_is_taken() -> None:
    room = free(a=("h200", 16), b=("h200", 5), c=("h200", 5), d=("h200", 3))
    assert told((waiting(1, 4),), room) == ["A1 b 4"]


def test_a_substitute_in_full_comes_before_the_wanted_model_in_part() -> None:
    room = free(p=("b200", 3), q=("h200", 8))
    assert told((waiting(1, 4, "b200", "h200", minimum=2),), room) == ["A1 q 4"]


def test_a_part_no_less_than_the_minimum_is_better_than_waiting() -> None:
    queue = (waiting(1, 8, minimum=5),)
    assert told(queue, free(p=("h200", 5), q=("h200", 6))) == ["A1 q 6"]
    made = plan(WaitlistSnapshot(waiting=queue, free=free(q=("h200", 6))), HEADER)
    assert made.intents[0].reason.code == "waitlist.promoted_reduced"


def test_who_stays_reads_the_nearest_pool_and_what_it_lacked_at_its_turn() -> None:
    queue = (waiting(1, 3), waiting(2, 8))
    made = plan(WaitlistSnapshot(waiting=queue, free=free(p=("h200", 9), q=("h200", 5))), HEADER)
    reason = made.intents[1].reason
    assert reason.code == "waitlist.promoted"  # A1 took q, which kept p whole
    queue = (waiting(1, 6), waiting(2, 8))
    made = plan(WaitlistSnapshot(waiting=queue, free=free(p=("h200", 9), q=("h200", 5))), HEADER)
    reason = made.intents[1].reason
    assert (reason.code, reason.params) == (
        "waitlist.too_large",
        {"short": 3, "pool": "q", "minimum": 8},
    )
    assert "q came nearest. Servers short of its minimum of 8: 3." in CATALOGUE[reason.code].format(
        **reason.params
    )


def test_no_pool_of_an_accepted_model_has_its_own_reason() -> None:
    snapshot = WaitlistSnapshot(waiting=(waiting(1, 1),), free=free(p=("b200", 9)))
    (intent,) = plan(snapshot, HEADER).intents
    assert isinstance(intent, Stay)
    assert intent.reason.code == "waitlist.no_pool"


def test_a_minimum_above_the_request_is_an_error() -> None:
    with pytest.raises(ValidationError, match="below its minimum"):
        waiting(1, 2, minimum=3)
