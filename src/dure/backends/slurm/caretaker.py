"""The nodes of a Slurm cluster: how they are, what they report, and what keeps them out of service.

- Exporters are asked as often as the site says. What they said is kept on the disk before it is
  told: a code that an exporter still holds after a crash of ours is not a new one.
- A command that Slurm refuses is not the end of the others; what stands afterwards is read back,
  and what differs is said.
- An accounting that is away hides the work that was lost, not the node that is out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from pydantic import ValidationError

from dure.backends import durable
from dure.backends.contract import UnableToApplyNow
from dure.backends.slurm import counting, exporters, nodes, upkeep
from dure.backends.slurm.counting import FIELDS, Books
from dure.backends.slurm.device_faults import FaultBook, noticed
from dure.backends.slurm.held import Held
from dure.backends.slurm.lost_work import STATE, lost_by_node
from dure.backends.slurm.nodes import Node
from dure.backends.slurm.site import SlurmSite
from dure.backends.slurm.tools import CommandRefused, Slurm
from dure.protocol import DeviceEvent, Drain, Drift, LostWork, Maintenance, NodeHealth

FILE: Final = "device-faults.json"
LOST_WITHIN: Final = timedelta(hours=6)
"""How far back work lost with a node is looked for: as far as usage is read once more."""

_log = structlog.get_logger("dure.backends.slurm")


class Caretaker:
    """`Watches` and `Maintains` for one cluster. One thread at a time."""

    def __init__(
        self,
        folder: Path,
        *,
        slurm: Slurm,
        site: SlurmSite,
        held: Callable[[], Held],
        clock: Callable[[], datetime],
    ) -> None:
        self._path = folder / FILE
        self._slurm, self._site, self._held, self._clock = slurm, site, held, clock
        self._book = self._kept()
        self._looked_at: datetime | None = None
        self._lost: dict[str, tuple[LostWork, ...]] = {}
        self._out: frozenset[tuple[str, str, datetime | None]] | None = None

    def health(self) -> tuple[NodeHealth, ...]:
        """Every node of the pools, with the owners' work that ended with those that are out."""
        known = self._nodes()
        found = nodes.health(known, blocks_of=self._blocks(), site=self._site)
        lost = self._lost_work(found)
        return tuple(
            node.model_copy(update={"lost": lost[node.node]}) if node.node in lost else node
            for node in found
        )

    def events(self) -> tuple[DeviceEvent, ...]:
        """What accelerators reported in the last day."""
        now = self._clock().replace(microsecond=0)
        every = timedelta(seconds=self._site.exporters_every_s)
        if self._site.exporters and (
            self._looked_at is None or abs(now - self._looked_at) >= every
        ):
            self._looked_at = now
            names = {node.name for node in self._nodes() if nodes.pool_of(node, self._site)}
            seen = exporters.read(self._site.exporters)
            book = noticed(self._book, seen, nodes=names, now=now)
            if book != self._book:
                durable.write(self._path, book.model_dump_json().encode())
                self._book = book
        return self._book.events

    def maintain(
        self, windows: Sequence[Maintenance], drains: Sequence[Drain]
    ) -> tuple[Drift, ...]:
        """Reservations and drains as told; what differs still is returned."""
        steps = self.steps(windows, drains)
        if not steps:
            return ()
        refused = self._carried_out(steps)
        return tuple(
            step.drift.model_copy(update={"found": f"{step.found} ({refused[step.subject]})"})
            if step.subject in refused
            else step.drift
            for step in self.steps(windows, drains)
        )

    def steps(
        self, windows: Sequence[Maintenance], drains: Sequence[Drain]
    ) -> tuple[upkeep.Step, ...]:
        """What `maintain` would do now. Changes nothing."""
        known, now = self._nodes(), self._clock()
        have = upkeep.reservations(self._slurm.ask(*upkeep.SHOW_RESERVATIONS))
        want = upkeep.wanted(windows, members=self._members(known), now=now)
        mine = [node for node in known if nodes.pool_of(node, self._site) is not None]
        return (
            *upkeep.reservation_steps(want, have, now=now),
            *upkeep.drain_steps(drains, mine),
        )

    def _carried_out(self, steps: Iterable[upkeep.Step]) -> dict[str, str]:
        """By subject, what Slurm said against it."""
        refused: dict[str, str] = {}
        for step in steps:
            try:
                said = self._slurm.do(*step.argv)
            except CommandRefused as error:
                refused[step.subject] = error.said
                continue
            _log.info("upkeep.step", command=" ".join(step.argv), code=said.code)
            if said.code:
                refused[step.subject] = said.words
        return refused

    def _blocks(self) -> dict[str, str]:
        """Of each node; none where the cluster has no topology."""
        said = self._slurm.run(*nodes.SHOW_TOPOLOGY)
        return nodes.blocks(said.out) if said.code == 0 else {}

    def _nodes(self) -> tuple[Node, ...]:
        return nodes.nodes(self._slurm.ask(*nodes.SHOW_NODES))

    def _members(self, known: Iterable[Node]) -> dict[str, tuple[str, ...]]:
        members: dict[str, tuple[str, ...]] = {}
        for node in known:
            place = nodes.pool_of(node, self._site)
            if place is not None:
                members[place[0].pool] = (*members.get(place[0].pool, ()), node.name)
        return members

    def _lost_work(self, found: Iterable[NodeHealth]) -> dict[str, tuple[LostWork, ...]]:
        """Asked anew while what is out is young: the accounting follows within seconds."""
        health, now = tuple(found), self._clock()
        out = frozenset(
            (n.node, n.state, n.since) for n in health if n.state in {"down", "draining"}
        )
        if not out:
            self._lost, self._out = {}, out
            return {}
        young = any(since is not None and now - since < timedelta(minutes=2) for _, _, since in out)
        if out == self._out and not young:
            return self._lost
        try:
            rows = self._failed_runs(now)
        except UnableToApplyNow as error:
            _log.warning("lost_work.not_read", why=str(error))
            return self._lost
        self._out = out
        self._lost = lost_by_node(
            rows[0], ordinals=rows[1], books=Books(self._site, self._held()), health=health
        )
        return self._lost

    def _failed_runs(self, now: datetime) -> tuple[tuple[counting.Run, ...], dict[int, int]]:
        """The runs that ended with a node, and which start of its job each was."""
        since = f"{now - LOST_WITHIN:%Y-%m-%dT%H:%M:%S}"
        ask = ("sacct", "-a", "-X", "-D", "-n", "-P", f"--format={','.join(FIELDS)}")
        failed = counting.runs(self._slurm.ask(*ask, "-s", STATE, "-S", since, "-E", "now"))
        jobs = sorted({run.job for run in failed})
        if not jobs:
            return (), {}
        every = counting.runs(self._slurm.ask(*ask, "-S", "1970-01-01", "-j", ",".join(jobs)))
        return failed, counting.attempts(every)

    def _kept(self) -> FaultBook:
        try:
            return FaultBook.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return FaultBook()
        except ValidationError:
            _log.warning("device_faults.unreadable", path=str(self._path))
            return FaultBook()  # every code that an exporter still holds is said once more
