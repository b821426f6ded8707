"""What opens, joins and ends incidents, what owners get back, which nodes are proposed for removal.

- One incident a node at a time. Whatever else the node shows meanwhile joins it.
- A node that is out, whoever took it out, opens one; so does a device that must be started anew,
  and maintenance while it runs, whatever the node shows.
  A node of which nothing is known (`unknown`) neither opens nor ends one.
- An incident ends when the node is back and no maintenance of it runs. One that keeps its node out
  (`drains`) needs beside that a new start after its last fault; that the node is still kept out by
  us is then no outage. Every one ends when the node is no more.
- Maintenance is what began within its window, after that was announced. An outage that shows an
  earlier sign keeps its own cause: a window that is announced afterwards excuses no failure.
- The next incident of a node begins when the last one ended at the earliest: no second of a node
  is in two.
- Work that ended with the node is given back as soon as it is known; missing capacity at the end.
- Nodes are looked at in the order of their names: the first to fail has the first spare.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from dure.engine.incidents.device_codes import judged
from dure.engine.incidents.facts import (
    OURS,
    REMOVAL,
    Cause,
    Change,
    Close,
    Fault,
    Incident,
    IncidentIntent,
    IncidentPlan,
    IncidentSnapshot,
    Join,
    Lost,
    NodeFacts,
    Open,
    PoolFacts,
    Promise,
    Severity,
    Window,
)
from dure.engine.incidents.giving import given_back
from dure.engine.incidents.lemons import proposals
from dure.vocabulary.plans import Header, Reason
from dure.vocabulary.programme.incidents import IncidentRules

_SILENT: Final = "–"

NEAR: Final = timedelta(minutes=10)
"""Work that ended this long before its node was seen to be out still ended with it: engines notice
a silent node after minutes (Slurm's SlurmdTimeout is 300 s)."""

Place = tuple[str, str]
"""A pool and one of its nodes."""


def plan(snapshot: IncidentSnapshot, rules: IncidentRules, header: Header) -> IncidentPlan:
    """Everything that follows from what the sites said."""
    seen = _Seen.of(snapshot, header.now)
    changes = [change for place in seen.places for change in _one(place, seen)]
    intents: list[IncidentIntent] = [
        *changes,
        *given_back(snapshot, changes, rules),
        *proposals(snapshot, changes, rules.lemons, header.now),
    ]
    said = {number for c in changes if isinstance(c, Open | Join) for number in c.faults}
    return IncidentPlan(
        header=header,
        intents=tuple(intents),
        application_faults=tuple(sorted(f.id for f in snapshot.faults if f.id not in said)),
    )


@dataclass(slots=True)
class _Seen:
    """The snapshot by node. `spares_taken` grows while incidents open.

    `ended`: when a node's last incident did. `lost_known`: work of a pool that was laid to some
    incident; a gang is lost with one node.
    """

    now: datetime
    nodes: dict[Place, NodeFacts]
    open: dict[Place, Incident]
    faults: dict[Place, list[Fault]]
    windows: tuple[Window, ...]
    room: dict[str, int]
    ended: dict[Place, datetime] = field(default_factory=dict)
    spares_taken: set[Place] = field(default_factory=set)
    lost_known: set[Place] = field(default_factory=set)

    @classmethod
    def of(cls, snapshot: IncidentSnapshot, now: datetime) -> _Seen:
        nodes = {(n.pool, n.node): n for n in snapshot.nodes}
        still = {(i.pool, i.node): i for i in snapshot.incidents if i.ends is None}
        faults: defaultdict[Place, list[Fault]] = defaultdict(list)
        for fault in sorted(snapshot.faults, key=lambda f: f.id):
            if judged(fault.kind, fault.code) == "reset":
                faults[fault.pool, fault.node].append(fault)
        return cls(
            now=now,
            nodes=nodes,
            open=still,
            faults=faults,
            windows=tuple(sorted(snapshot.windows, key=lambda w: (_begins(w), w.id))),
            room=_room(snapshot.pools, snapshot.promises, still.values(), now),
            ended=_ended_last(snapshot.incidents),
            spares_taken={(i.pool, i.spare) for i in still.values() if i.spare},
            lost_known={(i.pool, one.key) for i in snapshot.incidents for one in i.lost},
        )

    @property
    def places(self) -> list[Place]:
        return sorted(self.nodes.keys() | self.open.keys())

    def window(self, place: Place) -> Window | None:
        """The maintenance that the node is under now; of several the one that began first."""
        running = (w for w in self.windows if _begins(w) <= self.now < w.ends and w.covers(*place))
        return next(running, None)

    def fresh(self, node: NodeFacts, since: datetime) -> list[Lost]:
        """Work that ended with the node's outage and was laid to no incident before."""
        return [
            one
            for one in node.lost
            if (node.pool, one.key) not in self.lost_known and one.ended >= since - NEAR
        ]

    def windows_over(self, node: NodeFacts, incident: Incident) -> list[datetime]:
        """When maintenance of the node ended during its incident."""
        return [
            w.ends
            for w in self.windows
            if w.covers(node.pool, node.node) and incident.starts < w.ends <= self.now
        ]


def _ended_last(incidents: Iterable[Incident]) -> dict[Place, datetime]:
    last: dict[Place, datetime] = {}
    for one in incidents:
        if one.ends is not None:
            place = (one.pool, one.node)
            last[place] = max(last.get(place, one.ends), one.ends)
    return last


def _room(
    pools: Iterable[PoolFacts],
    promises: Iterable[Promise],
    out: Iterable[Incident],
    now: datetime,
) -> dict[str, int]:
    """By pool: servers that may still fail before a promise does."""
    room = {pool.pool: pool.programme_nodes for pool in pools}
    for promise in promises:
        if promise.starts <= now < promise.ends and promise.pool in room:
            room[promise.pool] -= promise.servers
    for incident in out:
        if incident.pool in room:
            room[incident.pool] -= 1
    return room


def _one(place: Place, seen: _Seen) -> Iterator[Change]:
    node, incident = seen.nodes.get(place), seen.open.get(place)
    faults = seen.faults.get(place, [])
    if incident is None:
        if node is not None and (opened := _opened(node, faults, seen)) is not None:
            yield opened
        return
    if node is None:
        yield Close(
            incident=incident.number,
            ends=max(seen.now, incident.starts),
            reason=_reason("incidents.gone", node=incident.node),
        )
        return
    joined = _joined(incident, node, faults, seen)
    if joined is not None:
        yield joined
    elif (ended := _ended(incident, node, seen)) is not None:
        yield ended


def _opened(node: NodeFacts, faults: list[Fault], seen: _Seen) -> Open | None:
    """A new incident where the node is out, or a device of it has to be started anew."""
    running = seen.window((node.pool, node.node))
    down = node.state in {"down", "draining"} and not _still_ours(node)
    signs = [*([node.since] if down else []), *(fault.at for fault in faults)]
    window = (
        running if running is None or _begins(running) <= min(signs, default=seen.now) else None
    )
    out = down or (window is not None and node.state == "up")
    if not out and not faults:
        return None
    cause = _cause(node, window) if out else "device"
    spare, says = _spare(node, seen)
    began = node.since if down else _begins(window) if window else min(signs)
    starts = max(began, seen.ended.get((node.pool, node.node), began))
    severity: Severity = "high" if seen.room.get(node.pool, 0) < 0 else "medium"
    if window is not None or cause in {"drained", "removed"}:
        severity = "low" if severity == "medium" or window is not None else severity
    return Open(
        pool=node.pool,
        node=node.node,
        cause=cause,
        severity=severity,
        starts=min(starts, seen.now),
        drains=bool(faults),
        drains_since=_last_seen(faults, seen.now),
        window=window.id if window else "",
        spare=spare,
        spare_reason=says,
        lost=_by_key(seen.fresh(node, starts)),
        faults=tuple(fault.id for fault in faults),
        reason=_why(node, cause, faults, window),
    )


def _begins(window: Window) -> datetime:
    """What is said afterwards takes nothing out of the time before."""
    return max(window.starts, window.announced)


def _last_seen(
    faults: Iterable[Fault], now: datetime, before: datetime | None = None
) -> datetime | None:
    """The node has to be started anew after this; a device's clock may be ahead."""
    at = [min(fault.at, now) for fault in faults]
    return max(at if before is None else [*at, before], default=None)


def _still_ours(node: NodeFacts) -> bool:
    """Drained by us for an incident that has ended: the site is about to let it go."""
    return (
        node.state == "draining"
        and node.reason.startswith(OURS)
        and not node.reason.startswith(OURS + REMOVAL)
    )


def _cause(node: NodeFacts, window: Window | None) -> Cause:
    if node.reason.startswith(OURS + REMOVAL):
        return "removed"
    return "failed" if node.state == "down" and window is None else "drained"


def _why(node: NodeFacts, cause: Cause, faults: list[Fault], window: Window | None) -> Reason:
    said = node.reason or _SILENT
    if window is not None:
        return _reason("incidents.planned", node=node.node, window=window.id)
    match cause:
        case "failed":
            return _reason("incidents.node_failed", node=node.node, said=said)
        case "drained":
            return _reason("incidents.node_drained", node=node.node, said=said)
        case "removed":
            return _reason("incidents.node_removed", node=node.node)
        case "device":
            return _fault_said("incidents.device_fault", faults[0])


def _spare(node: NodeFacts, seen: _Seen) -> tuple[str, Reason]:
    """The node that stands in, one of the same block first; takes it."""
    room = seen.room.get(node.pool, 0)
    seen.room[node.pool] = room - 1
    healthy = [
        other
        for place, other in sorted(seen.nodes.items())
        if other.pool == node.pool
        and other.state == "up"
        and other.node != node.node
        and place not in seen.open
        and place not in seen.spares_taken
        and place not in seen.faults
    ]
    if room <= 0 or not healthy:
        return "", _reason("incidents.no_spare")
    near = [other for other in healthy if node.block and other.block == node.block]
    chosen = (near or healthy)[0]
    seen.spares_taken.add((chosen.pool, chosen.node))
    code = "incidents.spare_same_block" if near else "incidents.spare_elsewhere"
    return chosen.node, _reason(code, spare=chosen.node)


def _joined(incident: Incident, node: NodeFacts, faults: list[Fault], seen: _Seen) -> Join | None:
    """What is new of an outage that lasts."""
    fresh = seen.fresh(node, incident.starts)
    if not fresh and not faults:
        return None
    if faults:
        reason = _fault_said("incidents.joined_fault", faults[0])
    else:
        jobs = ", ".join(sorted({one.job for one in fresh}))
        reason = _reason("incidents.joined_work", node=node.node, jobs=jobs)
    return Join(
        incident=incident.number,
        drains=incident.drains or bool(faults),
        drains_since=_last_seen(faults, seen.now, incident.drains_since),
        lost=_by_key((*incident.lost, *fresh)),
        faults=tuple(fault.id for fault in faults),
        reason=reason,
    )


def _ended(incident: Incident, node: NodeFacts, seen: _Seen) -> Close | None:
    now, up, code = seen.now, node.state == "up", "incidents.returned"
    if seen.window((node.pool, node.node)) is not None:
        return None
    back = [*([node.since] if up else []), *seen.windows_over(node, incident)]
    if incident.drains:
        if node.booted is None or node.booted <= (incident.drains_since or incident.starts):
            return None
        back.append(node.booted)
        code = "incidents.restarted"
        up = up or _still_ours(node)
    if not up:
        return None
    ends = max(back)
    within = min(max(ends, incident.starts), now)
    return Close(incident=incident.number, ends=within, reason=_reason(code, node=incident.node))


def _by_key(lost: Iterable[Lost]) -> tuple[Lost, ...]:
    return tuple(sorted(lost, key=lambda one: one.key))


def _fault_said(code: str, fault: Fault) -> Reason:
    return _reason(
        code,
        node=fault.node,
        device=fault.device,
        kind=fault.kind.upper(),
        code=fault.code,
    )


def _reason(code: str, /, **params: JsonValue) -> Reason:
    return Reason(code=code, params=params)
