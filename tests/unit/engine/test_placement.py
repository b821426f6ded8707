"""Where awards stand: which blocks, and which stay whole."""

from __future__ import annotations

from dure.engine.allocation.facts import PoolOffer
from dure.engine.placement import Holding, place, whole_blocks_left


def pool(*blocks: tuple[int, ...], size: int = 4) -> PoolOffer:
    months = len(blocks[0]) if blocks else 1
    servers = tuple(sum(block[m] for block in blocks) for m in range(months))
    return PoolOffer(
        pool="p", cluster="c", model="A", servers=servers, block_servers=size, blocks=blocks
    )


def hold(
    application: str, servers: int, start: int = 0, months: int = 1, *, whole: bool = False
) -> Holding:
    return Holding(
        application=application,
        servers=servers,
        start=start,
        months=months,
        whole_blocks=whole,
    )


def stand(offer: PoolOffer, *holdings: Holding) -> dict[str, dict[int, int]]:
    """Application -> block -> servers."""
    shares = place(offer, holdings)
    return {name: {s.block: s.servers for s in found} for name, found in shares.items()}


def test_a_pool_without_blocks_places_nobody() -> None:
    assert stand(pool(), hold("a", 2)) == {}


def test_a_broken_block_is_taken_before_a_whole_one() -> None:
    assert stand(pool((4,), (3,), (2,)), hold("a", 2)) == {"a": {2: 2}}


def test_the_largest_goes_first_so_that_the_small_ones_fill_its_gaps() -> None:
    offer = pool((4,), (4,))
    found = stand(offer, hold("a", 1), hold("b", 1), hold("c", 2), hold("d", 3))
    assert found == {"d": {0: 3}, "c": {1: 2}, "a": {0: 1}, "b": {1: 1}}


def test_what_fits_no_block_goes_over_the_fewest_and_broken_ones_first() -> None:
    assert stand(pool((4,), (4,), (3,), (1,)), hold("a", 7)) == {"a": {0: 4, 2: 3}}
    assert stand(pool((4,), (3,), (2,), (1,)), hold("a", 4 + 1)) == {"a": {1: 3, 2: 2}}


def test_whole_blocks_are_free_in_every_month_and_shared_with_no_other_such_award() -> None:
    offer = pool((4, 2), (4, 4), (4, 4))
    found = stand(offer, hold("a", 6, months=2, whole=True), hold("b", 4, whole=True))
    assert found == {"a": {1: 4, 2: 2}, "b": {0: 4}}


def test_others_may_stand_in_what_a_whole_block_award_leaves() -> None:
    assert stand(pool((4,)), hold("a", 3, whole=True), hold("b", 1)) == {"a": {0: 3}, "b": {0: 1}}


def test_one_block_serves_whole_block_awards_one_after_the_other() -> None:
    offer = pool((4, 4, 4), (4, 4, 4))
    awards = [hold(name, 4, n, whole=True) for n, name in enumerate("abc")]
    found = stand(offer, *awards)
    assert found == {"a": {0: 4}, "b": {0: 4}, "c": {0: 4}}


def test_a_first_choice_that_leaves_one_out_is_taken_back() -> None:
    # `a` fits best into block 0, whose free time is the shorter; but only block 0 would do for `b`
    offer = pool((4, 4, 4, 0), (0, 4, 4, 4), (4, 4, 0, 0))
    awards = [
        hold("a", 4, 0, 2, whole=True),
        hold("b", 4, 0, 3, whole=True),
        hold("c", 4, 2, 2, whole=True),
    ]
    assert set(stand(offer, *awards)) == {"a", "b", "c"}
    narrow = pool((4, 4, 4, 0), (4, 4, 0, 4))
    pair = [hold("a", 4, 0, 1, whole=True), hold("b", 4, 0, 2, whole=True)]
    last = hold("c", 4, 2, 1, whole=True)
    assert stand(narrow, *pair, last)["c"] == {0: 4}


def test_who_cannot_stand_on_the_same_nodes_throughout_is_left_out() -> None:
    offer = pool((4, 0), (0, 4))
    assert stand(offer, hold("a", 2, months=2), hold("b", 4, months=2, whole=True)) == {}


def test_blocks_left_whole_are_counted_by_month() -> None:
    offer = pool((4, 4), (4, 4), (4, 2))
    holding = hold("a", 1, 1)
    assert whole_blocks_left(offer, {}, [holding]) == 5
    assert whole_blocks_left(offer, place(offer, [holding]), [holding]) == 5
