"""Guaranteed jobs of each home in the order in which their limits end, ties by number.

It is what backfill foresees from; where nothing does, it is not kept.
"""

from __future__ import annotations

from typing import Final

from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling import node_rows as nr
from dure.engine.scheduling.compiled import compiled
from dure.engine.scheduling.facts import Ints
from dure.engine.scheduling.handle import move

NOT_KEPT: Final = -1


@compiled
def _place_of(due: Ints, size: int, home: int, at: int, one: int) -> int:
    low, high = 0, size
    while low < high:
        middle = (low + high) >> 1
        then = due[home, 1, middle]
        if then < at or (then == at and due[home, 0, middle] < one):
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def insert(due: Ints, homes: Ints, job: Ints, home: int, one: int) -> None:
    """The job's DUE counts from now on."""
    size = homes[nr.DUES, home]
    if size == NOT_KEPT:
        return
    at = job[jr.DUE, one]
    place = _place_of(due, size, home, at, one)
    for row in range(2):
        move(due, (home, row, place + 1), (home, row, place), size - place)
    due[home, 0, place] = one
    due[home, 1, place] = at
    homes[nr.DUES, home] = size + 1


@compiled
def remove(due: Ints, homes: Ints, job: Ints, home: int, one: int) -> None:
    """The job's DUE, as it was inserted, counts no more."""
    size = homes[nr.DUES, home]
    if size == NOT_KEPT:
        return
    place = _place_of(due, size, home, job[jr.DUE, one], one)
    for row in range(2):
        move(due, (home, row, place), (home, row, place + 1), size - place - 1)
    homes[nr.DUES, home] = size - 1
