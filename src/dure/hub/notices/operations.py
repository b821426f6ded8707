"""Telling people: one notice a person, in the sentence's code; words are made when it is read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dure.hub.notices.models import Notice
from dure.hub.people.models import User
from dure.vocabulary.plans import Reason


def tell(*, people: Iterable[User], subject: str, reason: Reason, now: datetime) -> None:
    """Leaves the same notice with each of the people."""
    written = reason.model_dump(mode="json")
    Notice.objects.bulk_create(
        [Notice(recipient=p, subject=subject, reason=written, at=now) for p in people]
    )


def mark_read(*, notice: Notice, by: User, now: datetime) -> None:
    """A person marks their own notice as read; nobody else's is found."""
    Notice.objects.filter(pk=notice.pk, recipient=by, read_at__isnull=True).update(read_at=now)
