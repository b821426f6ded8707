"""What happens when: a heap of items, earliest first and then by number.

- Each item waits for one time at most; setting it again moves it.
"""

from __future__ import annotations

from typing import Final

from dure.engine.scheduling import counters as cr
from dure.engine.scheduling.compiled import compiled, inlined
from dure.engine.scheduling.facts import Ints

HEAP: Final = 0
PLACE: Final = 1
WHEN: Final = 2
ROWS: Final = 3


@inlined
def _comes_first(timer: Ints, one: int, other: int) -> bool:
    at, then = timer[WHEN, one], timer[WHEN, other]
    return bool(at < then or (at == then and one < other))


@inlined
def _rise(timer: Ints, place: int, item: int) -> int:
    """The place at which the item stands after those above it made room."""
    while place > 0:
        above = (place - 1) >> 1
        other = timer[HEAP, above]
        if not _comes_first(timer, item, other):
            break
        timer[HEAP, place] = other
        timer[PLACE, other] = place
        place = above
    return place


@compiled
def _sink(timer: Ints, size: int, place: int, item: int) -> int:
    while True:
        below = 2 * place + 1
        if below >= size:
            return place
        if below + 1 < size and _comes_first(timer, timer[HEAP, below + 1], timer[HEAP, below]):
            below += 1
        other = timer[HEAP, below]
        if not _comes_first(timer, other, item):
            return place
        timer[HEAP, place] = other
        timer[PLACE, other] = place
        place = below


@compiled
def cancel(timer: Ints, count: Ints, item: int) -> None:
    """The item waits for nothing any more."""
    place = timer[PLACE, item]
    if place < 0:
        return
    timer[PLACE, item] = -1
    size = count[cr.HEAP] - 1
    count[cr.HEAP] = size
    if place == size:
        return
    last = timer[HEAP, size]
    there = _rise(timer, place, last)
    if there == place:
        there = _sink(timer, size, place, last)
    timer[HEAP, there] = last
    timer[PLACE, last] = there


@compiled
def set_for(timer: Ints, count: Ints, item: int, at: int) -> None:
    """The item's time is `at`, whatever it was before."""
    cancel(timer, count, item)
    size = count[cr.HEAP]
    count[cr.HEAP] = size + 1
    timer[WHEN, item] = at
    there = _rise(timer, size, item)
    timer[HEAP, there] = item
    timer[PLACE, item] = there


@inlined
def earliest(timer: Ints, count: Ints) -> int:
    """The next time at which an item is due."""
    if count[cr.HEAP] == 0:
        return cr.FOREVER
    return int(timer[WHEN, timer[HEAP, 0]])
