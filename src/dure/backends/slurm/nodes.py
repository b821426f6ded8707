"""Nodes of the pools: how they are now, and when they were down.

- A node is down while Slurm keeps it out of service and nothing runs on it: one that is drained
  while a job still runs there is in use until that job ends.
- Downtime is what slurmdbd has recorded (`sacctmgr show event`), cut at the same instants as usage,
  so that a long outage closes with its month.
- A node that is powered down to save energy is not down: a job wakes it.
- A person's words (the reason) are the last field of whatever is asked.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from dure.backends import segments
from dure.backends.slurm.counting import Books, Live, Run, UnreadableAccounting, accelerators
from dure.backends.slurm.hostlist import expand
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.protocol import NodeHealth, NodeRecord, NodeState, PoolInventory

SHOW_NODES: Final = ("scontrol", "-o", "show", "node")
SHOW_TOPOLOGY: Final = ("scontrol", "-o", "show", "topology")
EVENT_FIELDS: Final = ("NodeName", "TimeStart", "TimeEnd", "State", "User", "Reason")
"""`sacctmgr show event format=`; the reason is a person's words and may hold anything."""

_OUT: Final = ("DOWN", "DRAIN", "DRNG", "FAIL", "ERROR", "INVAL")
"""How the states begin in which a node takes no work (`sinfo` man page, NODE STATE CODES)."""
_BUSY: Final = frozenset({"ALLOCATED", "MIXED", "COMPLETING"})
_MARKS: Final = "*~#!%$@^-+"
_NOBODY: Final = frozenset({"FUTURE"})

_FIELD: Final = {
    "name": re.compile(r"(?:^| )NodeName=(\S+)"),
    "state": re.compile(r" State=(\S+)"),
    "partitions": re.compile(r" Partitions=(\S*)"),
    "tres": re.compile(r" CfgTRES=(\S*)"),
    "booted": re.compile(r" BootTime=(\S+)"),
}
_REASON: Final = re.compile(r" Reason=(.*) \[([^\[\]@]*)@(\d+)\]")
_BLOCK: Final = re.compile(r"^(?:SwitchName|BlockName)=(\S+)")
_LEVEL: Final = re.compile(r" Level=(\d+)")
_MEMBERS: Final = re.compile(r" Nodes=(\S*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node as slurmctld says it is. `words` are the parts of its state."""

    name: str
    words: frozenset[str]
    partitions: tuple[str, ...]
    tres: str
    reason: str = ""
    since_s: int | None = None
    booted_s: int | None = None

    @property
    def state(self) -> NodeState:
        """As the programme says it."""
        if "UNKNOWN" in self.words or "NOT_RESPONDING" in self.words:
            return "down" if "DOWN" in self.words else "unknown"
        if "DOWN" in self.words or "ERROR" in self.words or "INVALID_REG" in self.words:
            return "down"
        if self.words & {"DRAIN", "FAIL", "INVAL"}:
            return "draining"
        return "up"

    @property
    def in_service(self) -> bool:
        """Whether it works now or could: what is draining is in use until its last job ends."""
        return self.state in {"up", "unknown"} or bool(
            self.state == "draining" and self.words & _BUSY
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A node was out of service; `end_s` is None while it is."""

    node: str
    start_s: int
    end_s: int | None
    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A node was down, and nothing ran on it."""

    node: str
    pool: str
    accelerators: int
    start_s: int
    end_s: int | None
    reason: str


def nodes(text: str) -> tuple[Node, ...]:
    """`SHOW_NODES`, read."""
    found = (_node(line) for line in text.splitlines() if line.strip())
    return tuple(node for node in found if node is not None)


def blocks(text: str) -> dict[str, str]:
    """`SHOW_TOPOLOGY`, read: the smallest switch or block that each node is in."""
    levels: dict[str, tuple[int, str]] = {}
    for line in text.splitlines():
        name, members = _BLOCK.search(line), _MEMBERS.search(line)
        if name is None or members is None:
            continue
        level = _LEVEL.search(line)
        place = (int(level[1]) if level else 0, name[1])
        for node in expand(members[1]):
            levels[node] = min(levels.get(node, place), place)
    return {node: name for node, (_, name) in levels.items()}


def events(text: str) -> tuple[Event, ...]:
    """`sacctmgr -nP show event` in EVENT_FIELDS, read; what only sleeps is left out."""
    found: list[list[str]] = []
    for line in text.splitlines():
        parts = line.split("|", len(EVENT_FIELDS) - 1)
        if len(parts) == len(EVENT_FIELDS) and parts[1].isdigit():
            found.append(parts)
        elif found:  # a reason of several lines
            found[-1][-1] += f" {line}"
        elif line.strip():
            msg = f"asked for events of nodes, sacctmgr answered {line[:200]!r}"
            raise UnreadableAccounting(msg)
    return tuple(
        Event(
            node=node,
            start_s=int(start),
            end_s=int(end) if end.isdigit() and int(end) else None,
            state=state,
            reason=_by(reason.strip(), user.partition("(")[0]),
        )
        for node, start, end, state, user, reason in found
        if node and state.strip(_MARKS).upper().startswith(_OUT)
    )


def pool_of(node: Node, site: SlurmSite) -> tuple[SlurmPool, int] | None:
    """The pool a node is part of, and how many of its accelerators stand there."""
    for pool in site.pools:
        number = accelerators(node.tres, pool)
        if pool.partition in node.partitions and number:
            return pool, number
    return None


def partitions(known: Iterable[Node]) -> dict[str, tuple[str, ...]]:
    """The partitions of each node."""
    return {node.name: node.partitions for node in known}


def inventory(
    known: Iterable[Node], *, queue: Iterable[Live], books: Books, site: SlurmSite
) -> tuple[PoolInventory, ...]:
    """The pools as they are now, by name."""
    owner, lent = _held_now(queue, books)
    members = _members(known, site)
    return tuple(
        PoolInventory(
            pool=pool.pool,
            model=pool.model,
            nodes=len(members[pool.pool]),
            accelerators=min(pool.accelerators, sum(n for _, n in members[pool.pool])),
            nodes_down=sum(not node.in_service for node, _ in members[pool.pool]),
            owner_accelerators=owner[pool.pool],
            lent_accelerators=lent[pool.pool],
        )
        for pool in sorted(site.pools, key=lambda pool: pool.pool)
    )


def health(
    known: Iterable[Node], *, blocks_of: Mapping[str, str], site: SlurmSite
) -> tuple[NodeHealth, ...]:
    """Each node of the pools as it is now, by pool and name."""
    return tuple(
        NodeHealth(
            node=node.name,
            pool=pool,
            state=node.state,
            reason=node.reason,
            since=None if node.since_s is None else segments.instant(node.since_s),
            block=blocks_of.get(node.name, ""),
            accelerators=number,
            booted=None if node.booted_s is None else segments.instant(node.booted_s),
        )
        for pool, members in sorted(_members(known, site).items())
        for node, number in sorted(members, key=lambda member: member[0].name)
    )


def outages(
    found: Iterable[Event],
    *,
    known: Iterable[Node],
    ran: Iterable[Run],
    site: SlurmSite,
    from_s: int = 0,
) -> tuple[Outage, ...]:
    """When nodes of our pools were down since then: the events without what ran there meanwhile."""
    place = {node.name: pool_of(node, site) for node in known}
    busy = _busy(ran)
    free_from: dict[str, int] = {}
    result: list[Outage] = []
    for event in sorted(found, key=lambda e: (e.start_s, e.end_s or 2**62, e.node, e.reason)):
        where = place.get(event.node)
        if where is None:
            continue
        start = max(event.start_s, free_from.get(event.node, from_s))
        for since, until in _without(start, event.end_s, busy.get(event.node, [])):
            result.append(
                Outage(
                    node=event.node,
                    pool=where[0].pool,
                    accelerators=where[1],
                    start_s=since,
                    end_s=until,
                    reason=event.reason,
                )
            )
        free_from[event.node] = max(start, 2**62 if event.end_s is None else event.end_s)
    return tuple(result)


def downtime(
    found: Iterable[Outage], *, every_s: int, settled_s: int
) -> tuple[list[NodeRecord], list[int]]:
    """The closed segments, and the starts of what is not closed."""
    grid = {"every_s": every_s, "origin_s": 0, "seen_s": settled_s + 1}
    records: list[NodeRecord] = []
    opens: list[int] = []
    for one in found:
        if one.start_s > settled_s:
            continue
        records += [
            _record(one, since, until)
            for since, until in segments.pieces(one.start_s, one.end_s, **grid)
        ]
        if one.end_s is None:
            opens.append(segments.last_cut(one.start_s, **grid))
    return records, opens


def _by(reason: str, user: str) -> str:
    return reason if user in {"", "root", "slurm"} else f"{reason} (by {user})"


def _node(line: str) -> Node | None:
    said = {name: match[1] if (match := form.search(line)) else "" for name, form in _FIELD.items()}
    if not said["name"]:
        return None
    reason = _REASON.search(line)
    words = frozenset(
        word for part in said["state"].upper().split("+") if (word := part.strip(_MARKS))
    )
    silent = {"NOT_RESPONDING"} if "*" in said["state"] else set()
    return Node(
        name=said["name"],
        words=words | silent,
        partitions=tuple(part for part in said["partitions"].split(",") if part),
        tres=said["tres"],
        reason=reason[1] if reason else "",
        since_s=int(reason[3]) if reason else None,
        booted_s=int(said["booted"]) if said["booted"].isdigit() else None,
    )


def _members(known: Iterable[Node], site: SlurmSite) -> dict[str, list[tuple[Node, int]]]:
    members: dict[str, list[tuple[Node, int]]] = {pool.pool: [] for pool in site.pools}
    for node in known:
        where = None if node.words & _NOBODY else pool_of(node, site)
        if where is not None:
            members[where[0].pool].append((node, where[1]))
    return members


def _held_now(queue: Iterable[Live], books: Books) -> tuple[dict[str, int], dict[str, int]]:
    owner: defaultdict[str, int] = defaultdict(int)
    lent: defaultdict[str, int] = defaultdict(int)
    for row in queue:
        owned = books.of(row.account, row.qos)
        if owned is None or row.end_s is not None:
            continue
        held = lent if owned.allocation is None else owner
        held[owned.pool.pool] += accelerators(row.tres, owned.pool)
    return owner, lent


def _busy(ran: Iterable[Run]) -> dict[str, list[tuple[int, int]]]:
    """When something ran on each node; without an end, for ever."""
    spans: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for run in ran:
        for node in expand(run.nodes):
            spans[node].append((run.start_s, 2**62 if run.end_s is None else run.end_s))
    return {node: sorted(found) for node, found in spans.items()}


def _without(
    start: int, end: int | None, busy: list[tuple[int, int]]
) -> Iterator[tuple[int, int | None]]:
    """What is left of [start, end) between the busy spans, in order."""
    last = 2**62 if end is None else end
    at = start
    for since, until in busy:
        if since >= last:
            break
        if since > at:
            yield at, since
        at = max(at, until)
    if at < last:
        yield at, end


def _record(one: Outage, since: int, until: int) -> NodeRecord:
    return NodeRecord(
        start=segments.instant(since),
        end=segments.instant(until),
        node=one.node,
        pool=one.pool,
        accelerators=one.accelerators,
        reason=one.reason[:200],
    )
