"""The hub's clock: read once a step or request, and handed on as `now`.

A rehearsal (the demo, a drill on last month's data) may set it to another date; it then runs on
from there at its own pace.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings


def now() -> datetime:
    """The present instant in UTC, to the second: facts are recorded to the second."""
    instant = datetime.now(UTC) + timedelta(seconds=settings.DURE_CLOCK_OFFSET_S)
    return instant.replace(microsecond=0)


def rehearse(at: datetime) -> int:
    """Sets this process's clock to `at`; returns the offset for the processes it starts."""
    offset = round((at - datetime.now(UTC)).total_seconds())
    settings.DURE_CLOCK_OFFSET_S = offset
    return offset
