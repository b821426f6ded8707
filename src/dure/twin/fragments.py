"""How usable the free accelerators are, looked at when each control step ends.

- A gang of at most a node's size needs one node; a wider one needs empty nodes and may have its
  remainder on a partly used one. Nodes of another home are not there for it.
- Fragmentation after Weng et al. (FGD, ATC'23): the share of the free accelerators on a node that a
  job could not use there, taken over the jobs of the play, each counting once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dure.twin.policies.facts import Floats, Ints


class Free(NamedTuple):
    """`nodes`: how many nodes that are up have 0, 1, … accelerators free. `gang`: the widest gang
    that could start at once."""

    nodes: tuple[int, ...]
    gang: int


class Fragments(NamedTuple):
    """Means over the steps; shares are of the free accelerators, 0 where none is free."""

    partly_used: float
    unusable: float
    largest_gang: float


def look(free: Ints, node_up: Ints, node_home: Ints, size: int) -> Free:
    """What one pool has free now."""
    levels = size + 1
    up = node_up == 1
    homes = int(node_home.max(initial=0)) + 1
    place = node_home[up] * levels + free[up]
    count = np.bincount(place, minlength=homes * levels).reshape(homes, levels)
    part = ((count[:, :size] > 0) * np.arange(size)).max(axis=1)
    gang = count[:, size] * size + part
    return Free(tuple(count.sum(axis=0).tolist()), int(gang.max()))


def fragments(pools: Sequence[tuple[Sequence[Free], Ints]]) -> Fragments:
    """Of pools' looks, step by step, and the widths of their jobs."""
    free = partly = unusable = 0.0
    for looks, width in pools:
        nodes = np.array([one.nodes for one in looks], np.int64).sum(axis=0)
        at_level: Floats = nodes * np.arange(len(nodes), dtype=float)
        free += float(at_level.sum())
        partly += float(at_level[:-1].sum())
        unusable += float((at_level * _refused(width, len(nodes) - 1)).sum())
    gangs = [max(one.gang for one in step) for step in zip(*(p[0] for p in pools), strict=True)]
    return Fragments(
        partly_used=partly / free if free else 0.0,
        unusable=unusable / free if free else 0.0,
        largest_gang=sum(gangs) / len(gangs) if gangs else 0.0,
    )


def _refused(width: Ints, size: int) -> Floats:
    """By free accelerators of a node: the share of the jobs that could not use it."""
    if not len(width):
        return np.zeros(size + 1)
    needs = np.sort(np.minimum(width, size))
    usable = np.searchsorted(needs, np.arange(size + 1), side="right")
    refused: Floats = 1.0 - usable / len(width)
    return refused
