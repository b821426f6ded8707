"""Reading and verifying the audit chain."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from dure.hub.audit.chain import GENESIS, digest
from dure.hub.audit.models import ChainHead, Event
from dure.hub.people.gate import Action, Actor, require


@dataclass(frozen=True, slots=True)
class ChainReport:
    """How far the chain was followed, and where and how it broke if it did."""

    length: int
    broken_at: int | None = None
    problem: str = ""

    @property
    def intact(self) -> bool:
        return self.broken_at is None


def verify() -> ChainReport:
    """Follows the whole chain: order, links, contents, and that nothing was cut off its end."""
    previous, expected = GENESIS, 1
    for event in Event.objects.order_by("sequence").iterator(chunk_size=2000):
        if event.sequence != expected:
            return ChainReport(expected - 1, expected, "an event is missing")
        if event.previous_hash != previous:
            return ChainReport(expected - 1, expected, "the link to the event before is wrong")
        if digest(event) != event.hash:
            return ChainReport(expected - 1, expected, "the event was changed")
        previous, expected = event.hash, expected + 1
    head = ChainHead.objects.first()
    if (head.sequence, head.hash) != (expected - 1, previous) if head else expected != 1:
        return ChainReport(expected - 1, expected, "events were cut off the end")
    return ChainReport(expected - 1)


def events(*, by: Actor, subject: str = "") -> QuerySet[Event]:
    """The events, newest first; of one subject where given."""
    require(by, Action.SEE_AUDIT)
    found = Event.objects.order_by("-sequence")
    return found.filter(subject=subject) if subject else found
