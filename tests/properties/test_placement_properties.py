"""Placement keeps blocks whole at least as well as first fit, and leaves nobody out for nothing."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from dure.engine.allocation.facts import PoolOffer
from dure.engine.placement import BlockShare, Holding, place, whole_blocks_left

Case = tuple[PoolOffer, list[Holding]]
seeds = st.integers(0, 2**32 - 1).map(Random)


def pool_of(random: Random, *, steady: bool) -> PoolOffer:
    months, size = random.randint(1, 5), random.randint(1, 6)
    blocks = []
    for _ in range(random.randint(1, 6)):
        free = [random.choice([size, size, random.randint(0, size)]) for _ in range(months)]
        blocks.append(tuple(sorted(free) if steady else free))
    servers = tuple(sum(block[m] for block in blocks) for m in range(months))
    return PoolOffer(
        pool="p", cluster="c", model="A", servers=servers, block_servers=size, blocks=tuple(blocks)
    )


def holdings_of(random: Random, offer: PoolOffer) -> list[Holding]:
    horizon, found = len(offer.servers), []
    for n in range(random.randint(0, 12)):
        start = random.randrange(horizon)
        found.append(
            Holding(
                application=f"a{n}",
                servers=random.randint(1, offer.block_servers * 2),
                start=start,
                months=random.randint(1, horizon - start),
                whole_blocks=random.random() < WHOLE,
            )
        )
    return found


WHOLE = 0.3
"""How many of the holdings ask for whole blocks."""


def cases(*, steady: bool) -> st.SearchStrategy[Case]:
    def both(random: Random) -> Case:
        offer = pool_of(random, steady=steady)
        return offer, holdings_of(random, offer)

    return seeds.map(both)


def left(
    offer: PoolOffer, shares: dict[str, tuple[BlockShare, ...]], case: Case
) -> list[list[int]]:
    rows = [list(block) for block in offer.blocks]
    for holding in case[1]:
        for share in shares.get(holding.application, ()):
            for month in range(holding.start, holding.end):
                rows[share.block][month] -= share.servers
    return rows


def first_fit(offer: PoolOffer, holdings: list[Holding]) -> dict[str, tuple[BlockShare, ...]]:
    """By start and name, each in the first block that holds it, else over the roomiest ones."""
    shares: dict[str, tuple[BlockShare, ...]] = {}
    for holding in sorted(holdings, key=lambda h: (h.start, h.application)):
        rows = left(offer, shares, (offer, holdings))
        rooms = [min(row[holding.start : holding.end]) for row in rows]
        one = next((b for b, room in enumerate(rooms) if room >= holding.servers), None)
        if one is not None:
            shares[holding.application] = (BlockShare(block=one, servers=holding.servers),)
        elif sum(rooms) >= holding.servers:
            parts, rest = [], holding.servers
            for block in sorted(range(len(rooms)), key=lambda b: (-rooms[b], b)):
                if rest and rooms[block]:
                    parts.append(BlockShare(block=block, servers=min(rest, rooms[block])))
                    rest -= parts[-1].servers
            shares[holding.application] = tuple(parts)
    return shares


@given(cases(steady=False))
@settings(max_examples=200, deadline=None)
def test_shares_add_up_and_no_block_holds_more_than_it_has(case: Case) -> None:
    offer, holdings = case
    shares = place(offer, holdings)
    for holding in holdings:
        parts = shares.get(holding.application)
        assert parts is None or sum(part.servers for part in parts) == holding.servers
    assert min(min(row) for row in left(offer, shares, case)) >= 0


@given(cases(steady=False))
@settings(max_examples=200, deadline=None)
def test_whole_block_awards_stand_alone_in_whole_blocks(case: Case) -> None:
    offer, holdings = case
    shares, taken = place(offer, holdings), set[tuple[int, int]]()
    for holding in (h for h in holdings if h.whole_blocks):
        parts = shares.get(holding.application, ())
        assert len(parts) <= -(-holding.servers // offer.block_servers)
        for part in parts:
            for month in range(holding.start, holding.end):
                assert offer.blocks[part.block][month] == offer.block_servers
                assert (part.block, month) not in taken
                taken.add((part.block, month))


@given(cases(steady=True))
@settings(max_examples=200, deadline=None)
def test_whole_blocks_that_suffice_in_each_month_suffice_where_blocks_stay_whole(
    case: Case,
) -> None:
    offer, holdings = case
    asked: list[Holding] = []
    used = [0] * len(offer.servers)
    for holding in (h for h in holdings if h.whole_blocks):
        span, blocks = range(holding.start, holding.end), -(-holding.servers // offer.block_servers)
        if all(used[m] + blocks <= offer.whole_blocks(m) for m in span):
            asked.append(holding)
            for month in span:
                used[month] += blocks
    assert place(offer, asked).keys() == {h.application for h in asked}


@given(cases(steady=False))
@settings(max_examples=200, deadline=None)
def test_at_least_as_many_blocks_stay_whole_as_under_first_fit(case: Case) -> None:
    offer, everybody = case
    holdings = [h for h in everybody if not h.whole_blocks]
    ours, theirs = place(offer, holdings), first_fit(offer, holdings)
    assert len(ours) >= len(theirs)
    if len(ours) == len(theirs):
        kept = whole_blocks_left(offer, theirs, holdings)
        assert whole_blocks_left(offer, ours, holdings) >= kept


@given(cases(steady=False))
@settings(max_examples=200, deadline=None)
def test_nobody_is_left_out_who_could_still_stand(case: Case) -> None:
    offer, holdings = case
    shares = place(offer, holdings)
    rows = left(offer, shares, case)
    for holding in holdings:
        if holding.application not in shares and not holding.whole_blocks:
            rooms = (min(row[holding.start : holding.end]) for row in rows)
            assert sum(rooms) < holding.servers


@given(cases(steady=False), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_order_of_the_holdings_changes_nothing(case: Case, order: Random) -> None:
    offer, holdings = case
    shuffled = order.sample(holdings, len(holdings))
    assert place(offer, shuffled) == place(offer, holdings)
