"""Nodes by how much of them is free: counts and bit sets for each home and level.

- A node that is down or parked is in no set; its FREE and CLAIM go on being counted.
- Ties go to the lowest index.
"""

from __future__ import annotations

from numba.cpython.unsafe import numbers

from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling.compiled import compiled, inlined
from dure.engine.scheduling.facts import Ints


@inlined
def _flip(bits: Ints, level: Ints, family: int, home: int, at: int, node: int, by: int) -> None:
    bits[family, home, at, node >> 6] ^= 1 << (node & 63)
    level[family, home, at] += by


@inlined
def shift(node: Ints, bits: Ints, level: Ints, family: int, one: int, by: int) -> None:
    """The node's FREE or CLAIM (`family`) grows by so much."""
    old = node[family, one]
    node[family, one] = old + by
    if node[nr.UP, one]:
        home = node[nr.HOME, one]
        _flip(bits, level, family, home, old, one, -1)
        _flip(bits, level, family, home, old + by, one, 1)


@inlined
def shift_word(
    bits: Ints, level: Ints, home: int, old: int, new: int, word: int, nodes: int, count: int
) -> None:
    """The FREE and CLAIM of these nodes of a word, all `old` before, are `new`."""
    for family in range(nr.FAMILIES):
        bits[family, home, old, word] ^= nodes
        bits[family, home, new, word] ^= nodes
        level[family, home, old] -= count
        level[family, home, new] += count


@compiled
def include(node: Ints, bits: Ints, level: Ints, one: int) -> None:
    """The node comes into the sets of its home."""
    node[nr.UP, one] = 1
    for family in range(nr.FAMILIES):
        _flip(bits, level, family, node[nr.HOME, one], node[family, one], one, 1)


@compiled
def exclude(node: Ints, bits: Ints, level: Ints, one: int) -> None:
    """The node leaves the sets of its home."""
    for family in range(nr.FAMILIES):
        _flip(bits, level, family, node[nr.HOME, one], node[family, one], one, -1)
    node[nr.UP, one] = 0


@compiled
def following(bits: Ints, family: int, home: int, at: int, after: int) -> int:
    """The lowest node of the level with an index above `after`, or -1."""
    start = after + 1
    word = start >> 6
    if word >= bits.shape[3]:
        return -1
    found = bits[family, home, at, word] & (-1 << (start & 63))
    while found == 0:
        word += 1
        if word == bits.shape[3]:
            return -1
        found = bits[family, home, at, word]
    return (word << 6) + int(numbers.trailing_zeros(found))


@compiled
def fullest(level: Ints, family: int, home: int) -> int:
    """The highest level with a node in it: what one node can give at most."""
    at = level.shape[2] - 1
    while at > 0 and level[family, home, at] == 0:
        at -= 1
    return int(at)
