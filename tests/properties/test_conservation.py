"""The account agrees with an obvious slow twin, and conserves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dure.metering.checks import conserves
from dure.metering.conservation import (
    Down,
    Entitled,
    Held,
    PoolAccount,
    PoolFacts,
    UnableToAccount,
    account,
)
from dure.quantities import Period

T0 = datetime(2026, 3, 1, tzinfo=UTC)
SECONDS = 24


def at(second: int) -> datetime:
    return T0 + timedelta(seconds=second)


PERIOD = Period(at(0), at(SECONDS))


@st.composite
def spans(draw: st.DrawFn) -> dict[str, Any]:
    start = draw(st.integers(-4, SECONDS + 2))
    return {
        "start": at(start),
        "end": at(start + draw(st.integers(1, SECONDS))),
        "accelerators": draw(st.integers(0, 3)),
    }


@st.composite
def pools(draw: st.DrawFn) -> PoolFacts:
    own = draw(st.integers(0, 4))
    named = st.sampled_from(["a", "b", "c"])
    held = [
        Held(
            **draw(spans()),
            kind=draw(st.sampled_from(["owner", "lent"])),
            allocation=draw(named),
            project=draw(named),
            key=f"job-{number}",
        )
        for number in range(draw(st.integers(0, 4)))
    ]
    down = [Down(**draw(spans()), node=draw(named)) for _ in range(draw(st.integers(0, 3)))]
    entitled = [
        Entitled(**draw(spans()), allocation=draw(named)) for _ in range(draw(st.integers(0, 5)))
    ]
    entitled += [
        Entitled(start=at(-9), end=at(99), accelerators=draw(st.integers(0, 6)), allocation=name)
        for name in "abc"
    ]
    return PoolFacts(
        pool="h",
        accelerators=own + draw(st.integers(0, 14)),
        own_accelerators=own,
        held=tuple(held),
        down=tuple(down),
        entitled=tuple(entitled),
    )


class Contradiction(Exception):
    """What the twin says where the account must refuse."""


def running(records: tuple[Any, ...], second: int) -> list[Any]:
    return [r for r in records if r.start <= at(second) < r.end]


def one_second(facts: PoolFacts, second: int) -> dict[str, int]:
    """Deals the pool's accelerators out one by one, as sets."""
    own = set(range(facts.own_accelerators))
    programme = set(range(facts.accelerators)) - own
    nodes: dict[str, int] = {}
    for record in sorted(facts.down, key=lambda d: (d.start, d.end, d.node, d.accelerators)):
        if record.start <= at(second) < record.end:
            nodes.setdefault(record.node, record.accelerators)
    if sum(nodes.values()) > facts.accelerators:
        raise Contradiction
    entitled: dict[str, int] = {}
    for stretch in running(facts.entitled, second):
        entitled[stretch.allocation] = entitled.get(stretch.allocation, 0) + stretch.accelerators
    owners: dict[str, int] = {}
    lent = 0
    for held in running(facts.held, second):
        if held.kind == "lent":
            lent += held.accelerators
        else:
            owners[held.allocation] = owners.get(held.allocation, 0) + held.accelerators
    if any(n > entitled.get(name, 0) for name, n in owners.items()):
        raise Contradiction
    busy = sum(owners.values()) + lent
    if busy > len(programme) or busy + sum(nodes.values()) > facts.accelerators:
        raise Contradiction
    down = set(sorted(programme)[: min(sum(nodes.values()), len(programme) - busy)])
    up = programme - down
    inside = set(sorted(up)[: sum(entitled.values())])
    outside = up - inside
    used = set(sorted(inside)[: sum(owners.values())])
    borrowed = set((sorted(outside) + sorted(inside - used))[:lent])
    return {
        "own": len(own),
        "down": len(down),
        "used": len(used),
        "lent": len(borrowed),
        "idle": len(inside - used - borrowed),
        "unallocated": len(outside - borrowed),
    }


def twin(facts: PoolFacts) -> dict[str, int] | None:
    sums: dict[str, int] = {}
    try:
        for second in range(SECONDS):
            for name, n in one_second(facts, second).items():
                sums[name] = sums.get(name, 0) + n
    except Contradiction:
        return None
    return sums


def told(facts: PoolFacts) -> PoolAccount | None:
    try:
        return account(facts, PERIOD)
    except UnableToAccount:
        return None


@settings(max_examples=300, deadline=None)
@given(pools())
def test_the_account_agrees_with_a_walk_second_by_second(facts: PoolFacts) -> None:
    counted = told(facts)
    assert (counted.split.model_dump() if counted else None) == twin(facts)


@settings(max_examples=150, deadline=None)
@given(pools())
def test_every_accelerator_second_is_in_exactly_one_place(facts: PoolFacts) -> None:
    counted = told(facts)
    if counted is not None:
        assert counted.split.total == facts.accelerators * SECONDS
        assert conserves(counted) == ()


@settings(max_examples=100, deadline=None)
@given(pools(), st.integers(1, SECONDS - 1), st.randoms(use_true_random=False))
def test_a_period_is_the_sum_of_its_parts_in_any_order_of_records(
    facts: PoolFacts, cut: int, shuffle: Any
) -> None:
    whole = told(facts)
    if whole is None:
        return
    mixed = list(facts.held)
    shuffle.shuffle(mixed)
    again = facts.model_copy(update={"held": tuple(mixed)})
    first = account(again, Period(at(0), at(cut)))
    second = account(again, Period(at(cut), at(SECONDS)))
    assert first.split + second.split == whole.split
