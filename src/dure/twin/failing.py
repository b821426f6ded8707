"""Which nodes fail and when they are back, drawn from a seed.

- Each node by itself: exponential times between failures, repairs uniform between two bounds.
- The same seed gives the same failures under every policy.
"""

from __future__ import annotations

import numpy as np

from dure.engine import scheduling as sched
from dure.twin.scenario import Failures
from dure.twin.setting import DAY_S


def node_events(
    failures: Failures | None, *, nodes: int, days: int, seed: list[int]
) -> sched.NodeEvents:
    """Failures and repairs of one pool in the order of time."""
    none = np.zeros(0, np.int64)
    if failures is None:
        return sched.NodeEvents(none, none, none)
    rng = np.random.default_rng(seed)
    low, high = (float(hours) * 3600 for hours in failures.repair_hours)
    at: list[int] = []
    node: list[int] = []
    up: list[int] = []
    for one in range(nodes):
        clock = rng.exponential(failures.node_days * DAY_S)
        while clock < days * DAY_S:
            back = clock + rng.uniform(low, high)
            at += [int(clock), int(back) + 1]
            node += [one, one]
            up += [0, 1]
            clock = back + 1 + rng.exponential(failures.node_days * DAY_S)
    order = np.argsort(np.array(at, np.int64), kind="stable")
    columns = (np.array(rows, np.int64)[order] for rows in (at, node, up))
    return sched.NodeEvents(*columns)
