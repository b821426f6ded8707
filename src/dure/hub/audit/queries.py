"""Reading and verifying the audit chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _

from dure.hub.audit.chain import GENESIS, digest
from dure.hub.audit.models import ChainHead, Event
from dure.hub.people.gate import Action, Actor, require

TRAIL_LENGTH: Final = 30
"""Events shown beside an object: a year of monthly decisions and then some (our choice)."""


@dataclass(frozen=True, slots=True)
class ChainReport:
    """How far the chain was followed, and where and how it broke if it did."""

    length: int
    broken_at: int | None = None
    problem: str = ""
    head: str = GENESIS

    @property
    def intact(self) -> bool:
        return self.broken_at is None


def verify() -> ChainReport:
    """Follows the whole chain: order, links, contents, and that nothing was cut off its end."""
    previous, expected = GENESIS, 1
    for event in Event.objects.order_by("sequence").iterator(chunk_size=2000):
        if event.sequence != expected:
            return ChainReport(expected - 1, expected, _("an event is missing"))
        if event.previous_hash != previous:
            return ChainReport(expected - 1, expected, _("the link to the event before is wrong"))
        if digest(event) != event.hash:
            return ChainReport(expected - 1, expected, _("the event was changed"))
        previous, expected = event.hash, expected + 1
    head = ChainHead.objects.first()
    if (head.sequence, head.hash) != (expected - 1, previous) if head else expected != 1:
        return ChainReport(expected - 1, expected, _("events were cut off the end"))
    return ChainReport(expected - 1, head=previous)


def events(*, by: Actor, subject: str = "") -> QuerySet[Event]:
    """The events, newest first; of one subject where given."""
    require(by, Action.SEE_AUDIT)
    found = Event.objects.order_by("-sequence")
    return found.filter(subject=subject) if subject else found


def head(*, by: Actor) -> ChainHead | None:
    """The chain's last link; None before the first event."""
    require(by, Action.SEE_AUDIT)
    return ChainHead.objects.first()


def trail(*, subject: str) -> list[Event]:
    """The latest events of one object, newest first, for a reader its own gate let through."""
    return list(Event.objects.filter(subject=subject).order_by("-sequence")[:TRAIL_LENGTH])
