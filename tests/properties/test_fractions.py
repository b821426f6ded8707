"""Parts of accelerators: what fits is placed, nothing is given twice, ties are settled."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.engine.scheduling import fractions

POLICIES: Final = (fractions.FRAGMENTATION, fractions.BEST_FIT, fractions.RANDOM)


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


def nodes(*parts: tuple[int, ...], cpu: int = 64_000) -> fractions.Nodes:
    count = len(parts)
    return fractions.Nodes(
        np.full(count, cpu), np.full(count, 1 << 20), np.array(parts, np.int64), ints(*[0] * count)
    )


def shapes(*kinds: tuple[int, int, int], expected: tuple[float, ...] = ()) -> fractions.Shapes:
    """Kinds by processors, count and part, all for model 0."""
    cpu, count, part = zip(*kinds, strict=True)
    size = len(kinds)
    return fractions.Shapes(
        ints(*cpu), ints(*[1] * size), ints(*count), ints(*part), ints(*[1] * size),
        np.array(expected or [1 / size] * size),
    )  # fmt: skip


@st.composite
def mixes(draw: st.DrawFn) -> tuple[fractions.Nodes, fractions.Shapes, Any]:
    rows = draw(st.lists(st.sampled_from([(1000, 1000), (1000, -1), (400, 1000)]), min_size=1,
                         max_size=4))  # fmt: skip
    kind = st.one_of(
        st.tuples(st.integers(0, 30_000), st.just(1), st.integers(1, 1000)),
        st.tuples(st.integers(0, 30_000), st.just(2), st.just(1000)),
        st.tuples(st.integers(0, 30_000), st.just(0), st.just(0)),
    )
    kinds = draw(st.lists(kind, min_size=1, max_size=4))
    arrivals = draw(st.lists(st.integers(0, len(kinds) - 1), min_size=1, max_size=20))
    return nodes(*rows), shapes(*kinds), ints(*arrivals)


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=60, deadline=None)
@given(mix=mixes())
def test_what_is_placed_is_taken_once_and_what_is_not_did_not_fit(
    mix: tuple[fractions.Nodes, fractions.Shapes, Any], policy: int
) -> None:
    left, kinds, arrivals = mix
    had = left.part.clip(0).sum(axis=1), left.cpu.copy()
    placed = fractions.place(left, kinds, arrivals, policy)
    assert ((left.part >= 0) | (left.part == -1)).all()
    assert (left.cpu >= 0).all()
    amount = (kinds.wanted * kinds.part)[arrivals]
    for on in range(len(left.cpu)):
        mine = placed == on
        assert had[0][on] - left.part[on].clip(0).sum() == amount[mine].sum()
        assert had[1][on] - left.cpu[on] == kinds.cpu[arrivals][mine].sum()
    for kind in arrivals[placed < 0]:
        enough = (left.part >= kinds.part[kind]).sum(axis=1) >= kinds.wanted[kind]
        assert not (enough & (left.cpu >= kinds.cpu[kind])).any()


def test_a_part_goes_where_it_strands_nothing() -> None:
    kinds = shapes((0, 1, 400), (0, 1, 600), (0, 1, 1000))
    left = nodes((1000, -1), (600, -1), (400, -1))
    assert fractions.place(left, kinds, ints(0, 1, 2), fractions.FRAGMENTATION).tolist() == [
        2,
        1,
        0,
    ]


def test_work_without_accelerators_leaves_the_processors_of_free_ones() -> None:
    kinds = shapes((60_000, 0, 0), (10_000, 1, 1000))
    left = nodes((1000,), (0,))
    assert fractions.place(left, kinds, ints(0, 1), fractions.FRAGMENTATION).tolist() == [1, 0]


def test_work_with_few_processors_goes_where_processors_are_few() -> None:
    """Fragmentation alone sees no difference: the next request would fit either node."""
    kinds = shapes((1_000, 1, 1000), (12_000, 1, 1000), expected=(0.1, 0.9))
    left = nodes((1000, 1000, 1000), (1000, 1000, 1000))
    left.cpu[1] = 25_000
    assert fractions.place(left, kinds, ints(0, 1), fractions.FRAGMENTATION).tolist() == [1, 0]


def test_a_model_that_is_not_accepted_is_not_given() -> None:
    kinds = shapes((0, 1, 500))._replace(models=ints(2))
    assert fractions.place(nodes((1000,)), kinds, ints(0), fractions.BEST_FIT).tolist() == [-1]


def test_random_goes_by_the_draws_alone() -> None:
    kinds, draws = shapes((0, 1, 1000)), np.array([0.9, 0.0])
    left = nodes((1000,), (1000,), (1000,))
    placed = fractions.place(left, kinds, ints(0, 0), fractions.RANDOM, draws)
    assert placed.tolist() == [2, 0]
