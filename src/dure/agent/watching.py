"""What a site's nodes show, said where it is new.

- Health is said whole whenever anything of it differs from what was last said, and once an hour: a
  hub restored from a backup learns it again. Nothing new is not said.
- What was said is known to this process alone; the next one says it all again, which changes
  nothing at the hub.
- An engine that cannot be asked says nothing of its nodes: silence is not an outage.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from dure.agent.asking import asked
from dure.backends.contract import Watches
from dure.protocol import DeviceEvent, NodeHealth

SAY_AGAIN: Final = timedelta(hours=1)
"""A large cluster's nodes are a few hundred kilobytes of a report (our choice)."""


class NodeWatch:
    """The nodes of one backend; of one that does not watch them, nothing."""

    def __init__(self, backend: object) -> None:
        self._backend = backend if isinstance(backend, Watches) else None
        self._health: tuple[NodeHealth, ...] = ()
        self._events: tuple[DeviceEvent, ...] = ()
        self._said_health: tuple[NodeHealth, ...] = ()
        self._said_events: frozenset[DeviceEvent] = frozenset()
        self._said_at: datetime | None = None

    def look(self) -> list[str]:
        """Asks the engine; where it does not answer, what was seen before stands, and why is
        returned."""
        problems: list[str] = []
        if self._backend is not None:
            health = asked("nodes", self._backend.health, problems)
            events = asked("accelerators' errors", self._backend.events, problems)
            self._health = self._health if health is None else health
            self._events = self._events if events is None else events
        return problems

    @property
    def has_news(self) -> bool:
        """Whether a report is due for the nodes' sake."""
        return self._health != self._said_health or bool(self._fresh())

    def news(self, now: datetime) -> tuple[tuple[NodeHealth, ...], tuple[DeviceEvent, ...]]:
        """The health and the events to say now."""
        again = self._said_at is None or abs(now - self._said_at) >= SAY_AGAIN
        whole = self._health if again or self._health != self._said_health else ()
        return whole, self._fresh()

    def said(
        self, health: tuple[NodeHealth, ...], events: tuple[DeviceEvent, ...], now: datetime
    ) -> None:
        """These are on the disk, on their way to the hub."""
        if health:
            self._said_health, self._said_at = health, now
        # What the engine no longer tells is forgotten here too.
        self._said_events = (self._said_events & frozenset(self._events)) | frozenset(events)

    def _fresh(self) -> tuple[DeviceEvent, ...]:
        return tuple(event for event in self._events if event not in self._said_events)
