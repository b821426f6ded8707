"""Onto which blocks of a pool the awards of a round go, so that whole blocks stay whole.

- An award stands on the same nodes for all its months, beside what the pool promised before.
- Whole-block awards go first, in the order they start, each into blocks that are wholly free for
  all its months: the ones whose free time is the shortest. Where that leaves one out, others are
  tried, up to a stated effort. None is left out if there are enough whole blocks in each month and
  a block, once whole, stays so.
- The others follow, the largest first: into the one block that has room and loses the least by it;
  else over the fewest blocks, broken ones before whole ones.
- First fit is tried beside it, and taken where it leaves more blocks whole: never worse than that.
- What cannot stand on the same nodes for all its months is left out. The order of the holdings
  changes nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil
from typing import Final, Protocol

from pydantic import Field

from dure.vocabulary.frozen import Frozen

DEAD_ENDS: Final = 2_000
"""How often whole blocks are chosen anew before an award is given up: 0.1 s for 256 blocks."""


class BlockShare(Frozen):
    """Servers in one block of the pool, for all the months of the award."""

    block: int
    servers: int = Field(gt=0)


class Blocks(Protocol):
    """What a pool has free: for each of its blocks, the servers in each month."""

    @property
    def block_servers(self) -> int:
        """Servers of a whole block."""

    @property
    def blocks(self) -> tuple[tuple[int, ...], ...]:
        """Free servers by block and month."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What one application holds of the pool, from the month `start` on."""

    application: str
    servers: int
    start: int
    months: int
    whole_blocks: bool = False

    @property
    def end(self) -> int:
        """The first month after it."""
        return self.start + self.months


Shares = Mapping[str, tuple[BlockShare, ...]]
"""Application -> where its servers stand; who could not be placed is absent."""


def place(offer: Blocks, holdings: Sequence[Holding]) -> dict[str, tuple[BlockShare, ...]]:
    """The blocks of every holding that could be placed; nothing for a pool without blocks."""
    if not offer.blocks:
        return {}
    whole = [h for h in holdings if h.whole_blocks]
    parts = [h for h in holdings if not h.whole_blocks]
    stand = _whole(offer, sorted(whole, key=_soonest))
    free = _Free(offer.block_servers, offer.blocks)
    for holding in whole:
        free.take(holding, stand.get(holding.application, ()))
    ways = (
        stand | _spread(free.copy(), sorted(parts, key=_largest), _tightest, _sparing),
        stand | _spread(free.copy(), sorted(parts, key=_plain), _first, _roomiest),
    )
    return max(ways, key=lambda shares: (len(shares), whole_blocks_left(offer, shares, holdings)))


def whole_blocks_left(offer: Blocks, shares: Shares, holdings: Sequence[Holding]) -> int:
    """Blocks that stay wholly free, counted once for each month."""
    free = _Free(offer.block_servers, offer.blocks)
    for holding in holdings:
        free.take(holding, shares.get(holding.application, ()))
    return sum(row.count(offer.block_servers) for row in free.rows)


def _soonest(holding: Holding) -> tuple[int, int, int, str]:
    return holding.start, -holding.months, -holding.servers, holding.application


def _largest(holding: Holding) -> tuple[int, int, int, str]:
    return -holding.servers, -holding.months, holding.start, holding.application


def _plain(holding: Holding) -> tuple[int, str]:
    return holding.start, holding.application


class _Free:
    """The servers free in each block and month, as shares are taken."""

    def __init__(self, size: int, rows: Sequence[Sequence[int]]) -> None:
        self.size = size
        self.rows = [list(row) for row in rows]

    def copy(self) -> _Free:
        return _Free(self.size, self.rows)

    def take(self, holding: Holding, shares: Sequence[BlockShare]) -> None:
        for share in shares:
            row = self.rows[share.block]
            for month in range(holding.start, holding.end):
                row[month] -= share.servers

    def rooms(self, holding: Holding) -> list[int]:
        """By block, the servers free in all the holding's months."""
        start, end = holding.start, holding.end
        return [min(row[start:end]) for row in self.rows]

    def broken(self, block: int, holding: Holding) -> int:
        """In how many of its months the holding would break a block that is whole."""
        return self.rows[block][holding.start : holding.end].count(self.size)


Choice = Callable[[_Free, Holding, dict[int, int]], int]
"""Which block a holding takes, of those that hold it all (block -> room)."""


def _tightest(free: _Free, holding: Holding, fitting: dict[int, int]) -> int:
    """The one that loses the fewest whole months, then has the least room, now and overall."""
    losses = {b: (free.broken(b, holding), room) for b, room in fitting.items()}
    least = min(losses.values())
    alike = [block for block, loss in losses.items() if loss == least]
    return min(alike, key=lambda block: (sum(free.rows[block]), block))


def _first(_free: _Free, _holding: Holding, fitting: dict[int, int]) -> int:
    return min(fitting)


Split = Callable[[list[int], int, int], tuple[BlockShare, ...]]
"""Over which blocks so many servers are spread, given the room of each and a whole one's size."""


def _spread(
    free: _Free, holdings: Sequence[Holding], choose: Choice, split: Split
) -> dict[str, tuple[BlockShare, ...]]:
    """Where the holdings stand when they come in this order."""
    shares: dict[str, tuple[BlockShare, ...]] = {}
    for holding in holdings:
        rooms = free.rooms(holding)
        fitting = {block: room for block, room in enumerate(rooms) if room >= holding.servers}
        if fitting:
            block = choose(free, holding, fitting)
            found: tuple[BlockShare, ...] = (BlockShare(block=block, servers=holding.servers),)
        else:
            found = split(rooms, free.size, holding.servers)
        if found:
            free.take(holding, found)
            shares[holding.application] = found
    return shares


def _roomiest(rooms: list[int], _size: int, servers: int) -> tuple[BlockShare, ...]:
    """Over the blocks with the most room, whole or not."""
    found: list[BlockShare] = []
    rest = servers
    for block in sorted((b for b, room in enumerate(rooms) if room), key=lambda b: (-rooms[b], b)):
        if rest:
            found.append(BlockShare(block=block, servers=min(rest, rooms[block])))
            rest -= found[-1].servers
    return () if rest else tuple(found)


def _sparing(rooms: list[int], size: int, servers: int) -> tuple[BlockShare, ...]:
    """Over the fewest blocks, and of these as many broken ones as can be."""
    by_room = sorted((b for b, room in enumerate(rooms) if room), key=lambda b: (-rooms[b], b))
    whole = [b for b in by_room if rooms[b] == size]
    broken = [b for b in by_room if rooms[b] < size]
    reach = list(accumulate(rooms[b] for b in by_room))
    if not reach or reach[-1] < servers:
        return ()
    fewest = bisect_left(reach, servers) + 1
    for new in range(max(0, fewest - len(broken)), fewest + 1):
        taken = whole[:new] + broken[: fewest - new]
        if sum(rooms[b] for b in taken) >= servers:
            return _filled(taken, broken, rooms, servers)
    return ()


def _filled(
    taken: list[int], broken: list[int], rooms: list[int], servers: int
) -> tuple[BlockShare, ...]:
    """The blocks filled one after the other, the last one with the rest.

    A broken last one is changed for the one with the least room that holds the rest.
    """
    rest = servers - sum(rooms[b] for b in taken[:-1])
    last = taken[-1]
    if last in broken:
        last = min(
            (b for b in broken if b not in taken[:-1] and rooms[b] >= rest),
            key=lambda b: (rooms[b], b),
        )
    full = [BlockShare(block=b, servers=rooms[b]) for b in taken[:-1]]
    return (*full, BlockShare(block=last, servers=rest))


def _whole(offer: Blocks, holdings: Sequence[Holding]) -> dict[str, tuple[BlockShare, ...]]:
    """Wholly free blocks for the holdings, which come in the order they start."""
    needs = [ceil(h.servers / offer.block_servers) for h in holdings]
    spans = [(1 << h.end) - (1 << h.start) for h in holdings]
    masks = [_whole_months(row, offer.block_servers) for row in offer.blocks]
    chosen = _one_by_one(list(masks), spans, needs)
    if any(len(blocks) < need for blocks, need in zip(chosen, needs, strict=True)):
        chosen = _together(list(masks), spans, needs) or chosen
    return {
        holding.application: _filled_up(blocks, offer.block_servers, holding.servers)
        for holding, blocks in zip(holdings, chosen, strict=True)
        if blocks
    }


def _whole_months(row: Sequence[int], size: int) -> int:
    """A bit for each month in which all the block's servers are free."""
    return sum(1 << month for month, servers in enumerate(row) if servers == size)


def _filled_up(blocks: list[int], size: int, servers: int) -> tuple[BlockShare, ...]:
    counts = (min(size, servers - size * n) for n in range(len(blocks)))
    return tuple(
        BlockShare(block=block, servers=count)
        for block, count in zip(sorted(blocks), counts, strict=True)
    )


def _one_by_one(masks: list[int], spans: list[int], needs: list[int]) -> list[list[int]]:
    """Each holding's blocks in turn, the shortest free time first; none where they are too few."""
    chosen = []
    for span, need in zip(spans, needs, strict=True):
        blocks = _standing(masks, span)[:need]
        if len(blocks) < need:
            blocks = []
        for block in blocks:
            masks[block] &= ~span
        chosen.append(blocks)
    return chosen


def _together(masks: list[int], spans: list[int], needs: list[int]) -> list[list[int]] | None:
    """Blocks for all the holdings, by trying again wherever the first choice ends nowhere."""
    owners = [n for n, need in enumerate(needs) for _ in range(need)]
    chosen: list[int] = []
    ways = [_unlike(masks, spans[owners[0]])]
    dead_ends = 0
    while ways and dead_ends < DEAD_ENDS:
        block = next(ways[-1], None)
        if block is None:
            dead_ends += 1
            ways.pop()
            if chosen:
                masks[chosen.pop()] |= spans[owners[len(chosen)]]
            continue
        masks[block] &= ~spans[owners[len(chosen)]]
        chosen.append(block)
        if len(chosen) == len(owners):
            return [
                [b for b, owner in zip(chosen, owners, strict=True) if owner == n]
                for n in range(len(needs))
            ]
        ways.append(_unlike(masks, spans[owners[len(chosen)]]))
    return None


def _unlike(masks: list[int], span: int) -> Iterator[int]:
    """One block of each kind: what is free in the same months is as good."""
    kinds: dict[int, int] = {}
    for block in _standing(masks, span):
        kinds.setdefault(masks[block], block)
    return iter(kinds.values())


def _standing(masks: list[int], span: int) -> list[int]:
    """The blocks wholly free for the span, the one free for the shortest time around it first."""
    fitting = (block for block, mask in enumerate(masks) if mask & span == span)
    return sorted(fitting, key=lambda block: (_run(masks[block], span), block))


def _run(mask: int, span: int) -> int:
    """How many months around the span the block is free without a break."""
    first, end = (span & -span).bit_length() - 1, span.bit_length()
    while first and mask >> (first - 1) & 1:
        first -= 1
    while mask >> end & 1:
        end += 1
    return end - first
