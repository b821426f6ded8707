"""When which node was down, from the failures and repairs that the engine was given.

- A node that fails while it is down stays down; a repair of a sound node is none.
- A parked spare is sound: the engine counts it among what is out of use, nobody else does.
"""

from __future__ import annotations

from dure.engine import scheduling as sched


def outages(world: sched.World) -> list[tuple[int, int, int]]:
    """Node, from, to, in seconds of the play; what is down at its end is down until then."""
    since: dict[int, int] = {}
    found, end_s = [], world.clock_s
    rows = (row.tolist() for row in world.core.event)
    for at, node, up in zip(*rows, strict=True):
        if at >= end_s:
            break
        if not up:
            since.setdefault(node, at)
        elif node in since:
            found.append((node, since.pop(node), at))
    found += [(node, at, end_s) for node, at in since.items()]
    return [one for one in found if one[1] < one[2]]


def down_as(world: sched.World) -> int:
    """Accelerator-seconds of nodes that were down."""
    return sum(until - since for _node, since, until in outages(world)) * world.pool.per_node
