"""Maintenance as reservations and drains as node states: what is ours, and what is to be done.

- A window is the reservation `dure-m-<id>` (MAINT, IGNORE_JOBS) on its nodes: no job starts that
  would run into it, and what runs when it begins runs on. Slurm drops it when it is over.
- A reservation is ours by its name and its MAINT flag together; others are not looked at.
- A drain is ours by its whole reason, `dure:<id>`. A node that somebody else took out is left as
  it is: it is out already. Only a node with a reason of ours goes back into service.
- `undrain` is what lets a node go: it leaves a node that is down as it is, `resume` would not.
- Slurm refuses to create a reservation in the past, and to move the beginning of one that runs: a
  window that has begun is created from now on, and only its end and nodes are kept as told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from dure.backends import segments
from dure.backends.slurm.hostlist import expand
from dure.backends.slurm.names import plain
from dure.backends.slurm.nodes import Node
from dure.protocol import Drain, Drift, Maintenance

SHOW_RESERVATIONS: Final = ("scontrol", "-o", "show", "reservation")
RESERVATION: Final = "dure-m-"
REASON: Final = "dure:"
_OURS: Final = re.compile(r"dure:(removal-)?[0-9]+")
"""The hub's ids are an incident's number or a removal's. A person may write `dure: bad fan`."""

_NAME: Final = re.compile(r"^ReservationName=(\S+)")
_START: Final = re.compile(r" StartTime=(\d+)")
_END: Final = re.compile(r" EndTime=(\d+)")
_NODES: Final = re.compile(r" Nodes=(\S*)")
_FLAGS: Final = re.compile(r" Flags=(\S*)")


@dataclass(frozen=True, slots=True)
class Reservation:
    """One of ours, as it stands or as it should."""

    name: str
    start_s: int
    end_s: int
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One command, what it is about, and how that is and should be, in words."""

    argv: tuple[str, ...]
    subject: str
    expected: str
    found: str

    @property
    def drift(self) -> Drift:
        """The same, as something that is not as it should be."""
        return Drift(subject=self.subject, expected=self.expected, found=self.found)


def reservations(text: str) -> tuple[Reservation, ...]:
    """`SHOW_RESERVATIONS`, read; only ours."""
    return tuple(one for line in text.splitlines() if (one := _reservation(line)) is not None)


def wanted(
    windows: Iterable[Maintenance], *, members: Mapping[str, tuple[str, ...]], now: datetime
) -> tuple[Reservation, ...]:
    """The reservations of the windows that are not over; `members`: the nodes of each pool."""
    found = (_wanted(window, members) for window in windows if window.ends > now)
    return tuple(sorted((one for one in found if one.nodes), key=lambda one: one.name))


def reservation_steps(
    want: Iterable[Reservation], have: Iterable[Reservation], *, now: datetime
) -> tuple[Step, ...]:
    """What makes ours the wanted ones: those that go first."""
    due, held = {one.name: one for one in want}, {one.name: one for one in have}
    gone = tuple(_deleted(held[name]) for name in sorted(held.keys() - due.keys()))
    changes = tuple(
        step
        for name, one in sorted(due.items())
        if (step := _made(one, held.get(name), round(now.timestamp()))) is not None
    )
    return (*gone, *changes)


def drain_steps(drains: Iterable[Drain], known: Iterable[Node]) -> tuple[Step, ...]:
    """What keeps the drained nodes out, and lets those of ours go that are drained no more."""
    nodes = {node.name: node for node in known}
    due = {drain.node: f"{REASON}{drain.id}" for drain in sorted(drains, key=lambda d: d.id)}
    return (*_out(due, nodes), *_back(due, nodes))


def _out(due: Mapping[str, str], nodes: Mapping[str, Node]) -> Iterator[Step]:
    for name, reason in sorted(due.items()):
        node = nodes.get(name)
        if node is None or ("DRAIN" in node.words and not _is_ours_and_other(node, reason)):
            continue
        argv = ("scontrol", "update", f"nodename={name}", "state=drain", f"reason={reason}")
        yield Step(argv, f"node {name}", f"drained, {reason}", _said(node))


def _back(due: Mapping[str, str], nodes: Mapping[str, Node]) -> Iterator[Step]:
    for name, node in sorted(nodes.items()):
        if name not in due and "DRAIN" in node.words and _OURS.fullmatch(node.reason):
            argv = ("scontrol", "update", f"nodename={name}", "state=undrain")
            yield Step(argv, f"node {name}", "in service", _said(node))


def _is_ours_and_other(node: Node, reason: str) -> bool:
    return _OURS.fullmatch(node.reason) is not None and node.reason != reason


def _said(node: Node) -> str:
    words = "+".join(sorted(node.words)).lower()
    return f"{words}, {node.reason}" if node.reason else words


def _reservation(line: str) -> Reservation | None:
    name, start, end = _NAME.search(line), _START.search(line), _END.search(line)
    nodes, flags = _NODES.search(line), _FLAGS.search(line)
    if name is None or start is None or end is None or not name[1].startswith(RESERVATION):
        return None
    if flags is None or "MAINT" not in flags[1].split(","):
        return None
    members = expand(nodes[1]) if nodes else ()
    return Reservation(name[1], int(start[1]), int(end[1]), tuple(sorted(members)))


def _wanted(window: Maintenance, members: Mapping[str, tuple[str, ...]]) -> Reservation:
    of_pool = members.get(window.pool, ())
    chosen = [node for node in of_pool if not window.nodes or node in window.nodes]
    return Reservation(
        f"{RESERVATION}{plain(window.id)}",
        round(window.starts.timestamp()),
        round(window.ends.timestamp()),
        tuple(sorted(chosen)),
    )


def _deleted(have: Reservation) -> Step:
    argv = ("scontrol", "delete", f"reservationname={have.name}")
    return Step(argv, f"maintenance {have.name}", "none", _words(have))


def _made(want: Reservation, have: Reservation | None, now_s: int) -> Step | None:
    begun = want.start_s <= now_s
    about = f"maintenance {want.name}"
    times = [f"endtime={_time(want.end_s)}", f"nodes={','.join(want.nodes)}"]
    if have is None:
        first = "starttime=now" if begun else f"starttime={_time(want.start_s)}"
        argv = (
            "scontrol", "create", "reservation", f"reservationname={want.name}", first, *times,
            "flags=MAINT,IGNORE_JOBS", "users=root",
        )  # fmt: skip
        return Step(argv, about, _words(want), "none")
    starts_right = have.start_s == want.start_s or (begun and have.start_s <= now_s)
    if starts_right and (have.end_s, have.nodes) == (want.end_s, want.nodes):
        return None
    if not starts_right:
        times.insert(0, "starttime=now" if begun else f"starttime={_time(want.start_s)}")
    argv = ("scontrol", "update", f"reservationname={want.name}", *times)
    return Step(argv, about, _words(want), _words(have))


def _words(one: Reservation) -> str:
    return f"{_time(one.start_s)} to {_time(one.end_s)} UTC on {','.join(one.nodes)}"


def _time(second: int) -> str:
    return segments.instant(second).strftime("%Y-%m-%dT%H:%M:%S")
