"""Which nodes fail too often: proposed for removal, decided by a person.

- Failures are outages that nobody announced and nobody chose: a node that failed, or a device of
  it that had to be started anew. An incident counts once, on the day it began.
- A node is held against the other nodes of its pool, each by the time that it was in service within
  the window: a young node is not a bad one for having failed early, nor a pool's bad week its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from dure.engine.incidents.facts import (
    Cause,
    Close,
    IncidentSnapshot,
    Join,
    NodeFacts,
    Open,
    Propose,
)
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme.incidents import LemonRule

FAILURES: Final[frozenset[Cause]] = frozenset({"failed", "device"})

_SECOND = timedelta(seconds=1)


def proposals(
    snapshot: IncidentSnapshot,
    changes: Iterable[Open | Join | Close],
    rule: LemonRule,
    now: datetime,
) -> Iterator[Propose]:
    """A proposal for each node that the rule finds, by pool and node."""
    since = now - timedelta(days=rule.window_days)
    failed = _failures(snapshot, changes, since)
    by_pool: dict[str, list[NodeFacts]] = {}
    for node in sorted(snapshot.nodes, key=lambda n: (n.pool, n.node)):
        by_pool.setdefault(node.pool, []).append(node)
    for pool, nodes in sorted(by_pool.items()):
        exposure = {n.node: _exposure(n, since, now) for n in nodes}
        in_pool = {n.node: failed[pool, n.node] for n in nodes}
        for node in nodes:
            times = in_pool[node.node]
            if times < rule.failures or (pool, node.node) in snapshot.standing:
                continue
            others = sum(in_pool.values()) - times
            elsewhere = sum(exposure.values()) - exposure[node.node]
            if times * elsewhere >= rule.times_pool * others * exposure[node.node]:
                yield _proposed(node, times, rule)


def _failures(
    snapshot: IncidentSnapshot, changes: Iterable[Open | Join | Close], since: datetime
) -> Counter[tuple[str, str]]:
    counted = Counter(
        (i.pool, i.node)
        for i in snapshot.incidents
        if i.cause in FAILURES
        and i.starts >= since
        and not _announced(i.pool, i.node, i.starts, snapshot)
    )
    counted.update(
        (c.pool, c.node)
        for c in changes
        if isinstance(c, Open) and c.cause in FAILURES and not c.window and c.starts >= since
    )
    return counted


def _announced(pool: str, node: str, at: datetime, snapshot: IncidentSnapshot) -> bool:
    return any(
        w.covers(pool, node) and max(w.starts, w.announced) <= at < w.ends for w in snapshot.windows
    )


def _exposure(node: NodeFacts, since: datetime, now: datetime) -> int:
    """Seconds in service within the window; at least one, so that rates are numbers."""
    return max(1, (now - max(since, node.in_service_since)) // _SECOND)


def _proposed(node: NodeFacts, times: int, rule: LemonRule) -> Propose:
    params = {"node": node.node, "failures": times, "days": rule.window_days}
    return Propose(
        pool=node.pool,
        node=node.node,
        failures=times,
        reason=Reason(code="incidents.lemon", params=dict(params)),
    )
