"""Writing the audit chain. Called by every operation, inside its transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from django.db import transaction

from dure.hub.audit.chain import GENESIS, digest
from dure.hub.audit.models import ChainHead, Event
from dure.vocabulary.plans import Reason


class Named(Protocol):
    @property
    def username(self) -> str: ...


class NoTransaction(RuntimeError):
    """An event outside the transaction of its write could be lost, or tell of what never was."""


def record(
    *,
    by: Named,
    what: str,
    subject: str,
    at: datetime,
    reason: Reason | None = None,
    detail: dict[str, object] | None = None,
) -> Event:
    """Appends one event to the chain in the running transaction."""
    if not transaction.get_connection().in_atomic_block:
        raise NoTransaction(what)
    head, _ = ChainHead.objects.select_for_update().get_or_create(
        pk=1, defaults={"sequence": 0, "hash": GENESIS}
    )
    event = Event(
        sequence=head.sequence + 1,
        at=at,
        who=by.username,
        what=what,
        subject=subject,
        why=reason.model_dump(mode="json") if reason else {},
        detail=detail or {},
        previous_hash=head.hash,
    )
    event.hash = digest(event)
    event.save(force_insert=True)
    ChainHead.objects.filter(pk=1).update(sequence=event.sequence, hash=event.hash)
    return event
