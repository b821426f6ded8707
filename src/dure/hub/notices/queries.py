"""Reading a person's own notices."""

from __future__ import annotations

from django.db.models import QuerySet

from dure.hub.notices.models import Notice
from dure.hub.people.models import User


def my_notices(by: User) -> QuerySet[Notice]:
    """The person's notices, newest first."""
    return Notice.objects.filter(recipient=by)


def unread(by: User) -> int:
    """How many of them the person has not seen."""
    return my_notices(by).filter(read_at=None).count()
