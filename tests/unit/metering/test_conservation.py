"""Where every accelerator-second goes, in small cases one can count on one's fingers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from dure.metering.checks import conserves
from dure.metering.conservation import (
    AllocationUse,
    Down,
    Entitled,
    Held,
    PoolAccount,
    PoolFacts,
    SixWay,
    UnableToAccount,
    account,
)
from dure.quantities import Period

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HUNDRED = Period(T0, T0 + timedelta(seconds=100))


def span(start: int, end: int) -> dict[str, Any]:
    return {"start": T0 + timedelta(seconds=start), "end": T0 + timedelta(seconds=end)}


def owner(start: int, end: int, n: int, allocation: str = "a", key: str = "job-1") -> Held:
    return Held(
        **span(start, end),
        accelerators=n,
        kind="owner",
        allocation=allocation,
        project="p",
        key=key,
    )


def lent(start: int, end: int, n: int, project: str = "q", key: str = "lent-1") -> Held:
    return Held(
        **span(start, end), accelerators=n, kind="lent", allocation=None, project=project, key=key
    )


def entitled(start: int, end: int, n: int, allocation: str = "a") -> Entitled:
    return Entitled(**span(start, end), accelerators=n, allocation=allocation)


def down(start: int, end: int, n: int, node: str = "n1") -> Down:
    return Down(**span(start, end), accelerators=n, node=node)


def facts(accelerators: int = 16, own: int = 0, **more: Any) -> PoolFacts:
    return PoolFacts(pool="h200", accelerators=accelerators, own_accelerators=own, **more)


def split(**parts: int) -> SixWay:
    return SixWay(**(dict.fromkeys(SixWay.model_fields, 0) | parts))


def test_an_empty_pool_is_unallocated_and_the_providers_own() -> None:
    assert account(facts(own=6), HUNDRED).split == split(unallocated=1000, own=600)


def test_the_owner_uses_and_the_rest_of_the_allocation_is_idle() -> None:
    told = account(facts(held=(owner(10, 60, 8),), entitled=(entitled(0, 100, 12),)), HUNDRED)
    assert told.split == split(used=400, idle=800, unallocated=400)
    assert [(u.allocation, u.entitled, u.used) for u in told.allocations] == [("a", 1200, 400)]


def test_lent_work_counts_first_against_the_room_outside_allocations() -> None:
    told = account(facts(held=(lent(0, 100, 6),), entitled=(entitled(0, 100, 12),)), HUNDRED)
    assert told.split == split(lent=600, idle=1000)
    assert told.lent_to == {"q": 600}


def test_downtime_takes_the_room_outside_allocations_first() -> None:
    told = account(facts(down=(down(0, 50, 8),), entitled=(entitled(0, 100, 12),)), HUNDRED)
    assert told.split == split(down=400, idle=8 * 50 + 12 * 50, unallocated=4 * 50)


def test_what_is_down_is_the_providers_own_where_the_programmes_part_is_in_use() -> None:
    busy: dict[str, Any] = {"held": (owner(0, 100, 6),), "entitled": (entitled(0, 100, 8),)}
    told = account(facts(own=8, down=(down(0, 50, 8),), **busy), HUNDRED)
    assert told.split == split(used=600, down=2 * 50, idle=2 * 50, own=800)
    with pytest.raises(UnableToAccount, match="6 used and 0 lent, but 4 were up"):
        account(facts(own=8, down=(down(0, 50, 12),), **busy), HUNDRED)


def test_a_node_reported_down_twice_over_is_down_once() -> None:
    twice = (down(0, 50, 8), down(20, 70, 8), down(0, 10, 8, node="n2"))
    assert account(facts(down=twice), HUNDRED).split.down == 70 * 8 + 10 * 8


def test_a_whole_cluster_down_leaves_the_providers_part_its_own() -> None:
    told = account(facts(own=6, down=(down(0, 100, 16),)), HUNDRED)
    assert told.split == split(down=1000, own=600)


def test_facts_outside_the_period_do_not_count_and_long_ones_are_cut() -> None:
    told = account(
        facts(
            held=(owner(-500, 5, 4), owner(95, 700, 4, key="job-2"), lent(100, 120, 9)),
            entitled=(entitled(-900, 900, 8),),
        ),
        HUNDRED,
    )
    assert told.split == split(used=40, idle=760, unallocated=800)


def test_a_handover_at_one_instant_is_no_overlap() -> None:
    told = account(
        facts(
            held=(owner(0, 50, 16), owner(50, 100, 16, "b", "job-2")),
            entitled=(entitled(0, 50, 16), entitled(50, 100, 16, "b")),
        ),
        HUNDRED,
    )
    assert told.split == split(used=1600)


def test_after_a_shrink_the_owner_is_held_to_what_is_left() -> None:
    shrunk = (entitled(0, 40, 16), entitled(40, 100, 8))
    told = account(facts(held=(owner(0, 40, 16), owner(40, 99, 8)), entitled=shrunk), HUNDRED)
    assert told.split == split(used=16 * 40 + 8 * 59, idle=8, unallocated=8 * 60)


def test_more_in_use_than_is_up_names_pool_instant_and_records() -> None:
    bad = facts(
        held=(owner(0, 100, 8), lent(30, 60, 8)),
        down=(down(40, 50, 8),),
        entitled=(entitled(0, 100, 8),),
    )
    with pytest.raises(UnableToAccount, match="8 used and 8 lent, but 8 were up") as caught:
        account(bad, HUNDRED)
    assert caught.value.pool == "h200"
    assert caught.value.instant == T0 + timedelta(seconds=40)
    assert caught.value.records == ("job-1", "lent-1", "down n1")


def test_an_owner_beyond_its_entitlement_is_not_trimmed_but_named() -> None:
    bad = facts(held=(owner(0, 100, 8),), entitled=(entitled(0, 70, 8), entitled(70, 100, 7)))
    with pytest.raises(UnableToAccount, match=r"used 8 of allocation a.*entitled to 7") as caught:
        account(bad, HUNDRED)
    assert caught.value.instant == T0 + timedelta(seconds=70)
    assert caught.value.records == ("job-1",)


def test_more_down_than_exists_is_an_error() -> None:
    with pytest.raises(UnableToAccount, match="17 down of 16"):
        account(facts(down=(down(0, 1, 17),)), HUNDRED)


def test_facts_are_cut_at_whole_seconds() -> None:
    with pytest.raises(ValidationError, match="whole seconds"):
        Down(start=T0, end=T0 + timedelta(milliseconds=1500), accelerators=8, node="n1")


def test_the_worked_charge_of_four_whole_nodes_for_a_day() -> None:
    """LUMI, standard-g: 4 nodes x 4 GPU x 24 h = 384 GPU-hours."""
    day = Period(T0, T0 + timedelta(days=1))
    told = account(
        facts(
            held=(owner(0, 86_400, 16),),
            entitled=(entitled(0, 86_400, 16),),
        ),
        day,
    )
    assert told.allocations[0].used == 384 * 3600


WHOLE = PoolAccount(
    pool="h200",
    seconds=100,
    accelerators=16,
    split=split(used=400, lent=100, idle=700, unallocated=400),
    allocations=(AllocationUse(allocation="a", entitled=1200, used=400),),
    lent_to={"q": 100},
)


def test_the_check_finds_nothing_in_an_account_that_conserves() -> None:
    assert conserves(WHOLE) == ()


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("conservation.sum", {"split": split(used=400, lent=100, idle=699, unallocated=400)}),
        (
            "conservation.negative",
            {"split": split(used=400, lent=100, idle=1500, unallocated=-400)},
        ),
        ("conservation.used", {"allocations": ()}),
        ("conservation.lent", {"lent_to": {"q": 99}}),
        (
            "conservation.entitlement",
            {"allocations": (AllocationUse(allocation="a", entitled=399, used=400),)},
        ),
    ],
)
def test_the_check_finds_each_broken_account(rule: str, change: dict[str, object]) -> None:
    assert rule in [v.rule for v in conserves(WHOLE.model_copy(update=change))]
