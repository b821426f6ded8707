"""One step of a site: load -> reconcile -> report -> send, each of which a crash may interrupt.

- Level-triggered: nothing is remembered between steps but what is on the disk.
- The hub's absence changes nothing on the site: the last desired state that was understood holds,
  and reports wait in the spool.
- Usage is collected from the cursor in the newest spooled report. A crash between collecting and
  spooling collects the same segments again; their natural keys make that harmless.
- A large batch is spooled in parts, and only the last part moves the cursor.
- A refusal never loses a report: the queue holds, in order, until the hub takes it.
- The clock is asked once a step.
- A question to the engine that fails costs its own answer, and is said as a problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from dure.agent.asking import asked
from dure.agent.estimating import StartEstimates
from dure.agent.order_desk import BookDamaged, News, OrderDesk
from dure.agent.reconciling import EngineAway, Reconciled, reconcile
from dure.agent.site import REPORT_EVERY_S
from dure.agent.spool import Spool, SpoolFull
from dure.agent.state import Home, StateFolder
from dure.agent.watching import NodeWatch
from dure.backends.contract import Backend
from dure.client import ClientError, HubAway, Refused, SiteClient
from dure.protocol import Capabilities, Desired, Drift, Report

RECORDS_PER_REPORT: Final = 2_000
"""About 600 kB of JSON: below the usual 1 MB body limit of a reverse proxy."""

ROTATE_BEFORE: Final = timedelta(days=14)
"""Long enough before the credential ends for a hub that is away over holidays; a credential that
lives shorter is rotated in the last third of its life."""

COUNTED_WITHIN: Final = timedelta(minutes=15)
"""Engines cut use every 5 minutes, and cannot say it while their own books lag for a moment."""

UNKNOWN: Final = Capabilities(
    engine="unknown", enforces_limits=False, preempts_lent=False, requeues_lent=False
)
"""What an engine can do that never answered."""

_log = structlog.get_logger("dure.agent")


@dataclass(frozen=True, slots=True)
class Exchange:
    """How a talk with the hub went: the error, if any, and what was moved."""

    error: ClientError | None = None
    moved: int = 0

    @property
    def hub_away(self) -> bool:
        """Known, retry."""
        return isinstance(self.error, HubAway)


@dataclass(frozen=True, slots=True)
class SiteStep:
    """What one step on the site did."""

    reconciled: Reconciled = field(default_factory=Reconciled)
    spooled: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A whole step: the pull, the site, the sending."""

    pulled: Exchange
    site: SiteStep
    sent: Exchange


class Agent:
    """One cluster's agent. `pull`, `tend` and `send` may run in three threads, each in one."""

    def __init__(
        self,
        *,
        state: StateFolder,
        spool: Spool,
        backend: Backend,
        connect: Callable[[Home], SiteClient],
        clock: Callable[[], datetime],
        report_every_s: int = REPORT_EVERY_S,
        desk: OrderDesk | None = None,
    ) -> None:
        """`desk`: who carries the hub's orders of jobs out; None where the engine takes none."""
        self._state = state
        self._spool = spool
        self._backend = backend
        self._connect = connect
        self._clock = clock
        self._desk = desk
        self._nodes = NodeWatch(backend)
        self._starts = StartEstimates(backend)
        self._capabilities = UNKNOWN
        self._report_every = timedelta(seconds=report_every_s)
        self._home = state.home()
        self._hub = connect(self._home)

    @property
    def cluster(self) -> str:
        """The cluster this agent's credential is for."""
        return self._home.credential.cluster

    def step(self, *, wait_s: int = 0) -> Step:
        """Everything once, in order. Blocks for the long poll and the hub's answers."""
        return Step(pulled=self.pull(wait_s=wait_s), site=self.tend(), sent=self.send())

    def pull(self, *, wait_s: int = 0) -> Exchange:
        """Fetches the desired state and keeps it. `moved` is 1 where it was new."""
        try:
            self._rotate_if_due()
            kept = self._state.desired()
            fresh = self._hub.desired(known=kept.revision if kept else None, wait_s=wait_s)
        except ClientError as error:
            return Exchange(error)
        if fresh is None:
            return Exchange()
        if fresh.cluster != self.cluster:
            _log.error("desired.of_another_cluster", got=fresh.cluster, ours=self.cluster)
            return Exchange()
        self._state.keep_desired(fresh)
        _log.info("desired.new", revision=fresh.revision, bindings=len(fresh.bindings))
        return Exchange(moved=1)

    def tend(self) -> SiteStep:
        """Reconciles the engine and spools a report where one is due. Needs no hub."""
        now = self._clock().replace(microsecond=0)
        desired = self._state.desired()
        try:
            done = Reconciled() if desired is None else reconcile(self._backend, desired)
        except EngineAway as error:
            away = Drift(subject="engine", expected="answers", found=str(error))
            done = Reconciled(drift=(away,))
        news = self._tend_orders(desired, now)
        unseen = self._nodes.look()
        problems = [f"{drift.subject}: {drift.found}" for drift in done.drift]
        problems += [*news.problems, *unseen]
        spooled = 0
        try:
            urgent = news.urgent or self._nodes.has_news
            if urgent or self._due(now, desired, done.drift):
                spooled = self._report(now, desired, done.drift, news, problems)
        except SpoolFull as error:
            problems.append(str(error))
        return SiteStep(reconciled=done, spooled=spooled, problems=tuple(problems))

    def count(self) -> datetime | None:
        """Spools a report of what was used until now, changing nothing on the site.

        Returns through when all use is spooled. Raises `SpoolFull`.
        """
        now = self._clock().replace(microsecond=0)
        self._report(now, self._state.desired(), (), News(), [])
        return self._spool.cursor

    def send(self) -> Exchange:
        """Says what waits, oldest first, until it is empty or the hub cannot take it."""
        moved = 0
        try:
            for report in self._spool.waiting():
                self._hub.report(report)
                self._spool.confirm(report)
                moved += 1
        except ClientError as error:
            return Exchange(error, moved)
        return Exchange(moved=moved)

    def _due(self, now: datetime, desired: Desired | None, drift: tuple[Drift, ...]) -> bool:
        last = self._spool.newest
        return (
            last is None
            or abs(now - last.said_at) >= self._report_every  # either way: clocks are set back too
            or last.applied_revision != self._applied(desired)
            or last.drift != drift
        )

    def _tend_orders(self, desired: Desired | None, now: datetime) -> News:
        if self._desk is None:
            return News()
        try:
            return self._desk.tend(desired.orders if desired else (), now)
        except BookDamaged as error:
            return News(problems=(str(error),))
        except Exception as error:  # noqa: BLE001  # jobs stop, counting goes on; logged, reported
            _log.exception("orders.failed")
            return News(problems=(f"orders: {type(error).__name__}: {error}",))

    def _report(
        self,
        now: datetime,
        desired: Desired | None,
        drift: tuple[Drift, ...],
        news: News,
        problems: list[str],
    ) -> int:
        """Spools what there is to say; what could not be asked joins the problems."""
        cursor = self._spool.cursor
        base = Report(
            cluster=self.cluster,
            sequence=self._spool.next_sequence,
            said_at=now,
            applied_revision=self._applied(desired),
            complete_through=cursor,
            capabilities=self._able(problems),
            drift=drift,
        )
        parts = list(self._parts(base, cursor, now, problems))
        health, events = self._nodes.news(now)
        seen = {"jobs": news.notes, "health": health, "events": events}
        parts[0] = parts[0].model_copy(update=seen)
        for part in parts:
            self._spool.add(part)
        self._nodes.said(health, events, now)
        if self._desk is not None:
            self._desk.said(news.notes)
        return len(parts)

    def _able(self, problems: list[str]) -> Capabilities:
        """What the engine can do; as last known where it cannot be asked."""
        found = asked("capabilities", self._backend.capabilities, problems)
        self._capabilities = self._capabilities if found is None else found
        return self._capabilities

    def _parts(
        self, base: Report, cursor: datetime | None, now: datetime, problems: list[str]
    ) -> Iterator[Report]:
        """What there is to say, as consecutive reports; only the last moves the cursor."""
        uncounted: list[str] = []
        batch = asked("usage", lambda: self._backend.usage(cursor, now), uncounted)
        if cursor is None or now - cursor >= COUNTED_WITHIN:
            problems += uncounted
        stands = asked("inventory", self._backend.inventory, problems) or ()
        inventory = self._starts.added(stands, now, problems)
        if batch is None:  # what the engine counted is asked for again next time
            yield base.model_copy(update={"inventory": inventory})
            return
        starts = range(0, max(1, len(batch.usage)), RECORDS_PER_REPORT)
        for index, start in enumerate(starts):
            part: dict[str, object] = {
                "sequence": base.sequence + index,
                "usage": batch.usage[start : start + RECORDS_PER_REPORT],
                "inventory": inventory,
            }
            if index == len(starts) - 1:
                through = max(batch.complete_through, cursor or batch.complete_through)
                part |= {"nodes": batch.nodes, "complete_through": through}
            yield base.model_copy(update=part)

    def _applied(self, desired: Desired | None) -> int | None:
        """The revision the site works to; what is not as it says is in the report's drift."""
        last = self._spool.newest
        return desired.revision if desired else (last.applied_revision if last else None)

    def _rotate_if_due(self) -> None:
        home, now = self._home, self._clock()
        life = home.credential.expires - home.issued_at
        if home.credential.expires - now > min(ROTATE_BEFORE, life / 3):
            return
        try:
            fresh = self._hub.rotate()
        except Refused as error:
            _log.warning("credential.not_rotated", why=str(error))
            return
        self._home = home.model_copy(update={"credential": fresh, "issued_at": now})
        self._state.keep_home(self._home)  # kept before used: a crash here leaves one that works
        self._hub = self._connect(self._home)  # the old one may still be sending in its thread
        _log.info("credential.rotated", expires=fresh.expires.isoformat())
