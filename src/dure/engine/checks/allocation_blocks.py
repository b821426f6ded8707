"""Where the awards of a round stand: shares of a pool's blocks.

- Shares add up to the award; each names a block of the pool, once.
- In no month does a block hold more than it has free.
- A whole-block award stands in wholly free blocks, no more than it needs, and no other whole-block
  award stands there with it in any month.
- Whoever could stand on the same nodes for all its months does; a whole-block award always must.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from dure.engine.allocation.facts import PoolOffer
from dure.engine.checks.allocation_use import Served
from dure.engine.placement import BlockShare
from dure.vocabulary.plans import Violation

Placed = tuple[Served, tuple[BlockShare, ...]]


def misplaced(
    served: Mapping[str, Served], shares: Mapping[str, tuple[BlockShare, ...]]
) -> Iterator[Violation]:
    """Everything wrong with where the awards stand."""
    pools: dict[str, list[Placed]] = {}
    for application, award in served.items():
        pools.setdefault(award.offer.pool, []).append((award, shares[application]))
    for placed in pools.values():
        yield from _in_pool(placed[0][0].offer, placed)


def _in_pool(offer: PoolOffer, placed: Sequence[Placed]) -> Iterator[Violation]:
    left = [list(block) for block in offer.blocks]
    standing = []
    for award, shares in placed:
        wrong = _malformed(award, shares)
        if wrong:
            yield _about(award, "blocks_wrong", wrong)
        elif shares:
            standing.append((award, shares))
            _take(left, award, shares)
    yield from _overfull(offer, left)
    yield from _whole_blocks(standing)
    for award, shares in placed:
        if offer.blocks and not shares and _could_stand(award, left):
            yield _about(award, "unplaced", f"stands in no block of {offer.pool}")


def _malformed(award: Served, shares: Sequence[BlockShare]) -> str:
    """What is wrong with the shares by themselves; empty if nothing is."""
    if not shares:
        return ""
    blocks = [share.block for share in shares]
    if len(set(blocks)) < len(blocks):
        return "names a block twice"
    if not all(0 <= block < len(award.offer.blocks) for block in blocks):
        return f"names a block that {award.offer.pool} has not"
    if sum(share.servers for share in shares) != award.servers:
        return f"holds {award.servers} servers, its blocks add up to another number"
    if award.blocks and len(blocks) > award.blocks:
        return f"stands in {len(blocks)} blocks, needs {award.blocks}"
    return ""


def _take(left: list[list[int]], award: Served, shares: Sequence[BlockShare]) -> None:
    for share in shares:
        for month in range(award.start, award.end):
            left[share.block][month] -= share.servers


def _overfull(offer: PoolOffer, left: Sequence[Sequence[int]]) -> Iterator[Violation]:
    for block, months in enumerate(left):
        if min(months) < 0:
            detail = f"block {block} of {offer.pool} by {-min(months)} servers"
            yield Violation(rule="block_overfull", detail=detail)


def _whole_blocks(placed: Sequence[Placed]) -> Iterator[Violation]:
    inside: dict[int, list[Served]] = {}
    for award, shares in placed:
        if not award.blocks:
            continue
        for share in shares:
            inside.setdefault(share.block, []).append(award)
            free = award.offer.blocks[share.block][award.start : award.end]
            if min(free) < award.offer.block_servers:
                yield _about(award, "block_not_whole", f"stands in block {share.block}, not whole")
    for block, awards in sorted(inside.items()):
        for one, other in combinations(awards, 2):
            if one.start < other.end and other.start < one.end:
                what = f"shares block {block} with {other.request.application}"
                yield _about(one, "block_shared", what)


def _could_stand(award: Served, left: Sequence[Sequence[int]]) -> bool:
    """Whole blocks are promised; anything else must only stand where there is room all along."""
    rooms = (min(months[award.start : award.end]) for months in left)
    return award.blocks > 0 or sum(room for room in rooms if room > 0) >= award.servers


def _about(award: Served, rule: str, what: str) -> Violation:
    return Violation(rule=rule, detail=f"{award.request.application} {what}")
