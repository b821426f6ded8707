"""Where the hub's log goes."""

from __future__ import annotations

import logging
from contextlib import redirect_stderr
from io import StringIO

from dure.hub.log import ToStderr

RECORD = logging.makeLogRecord({"msg": "something was refused"})


def test_the_log_goes_to_what_stderr_is_now() -> None:
    handler = ToStderr()
    first, later = StringIO(), StringIO()
    with redirect_stderr(first):
        handler.handle(RECORD)
    with redirect_stderr(later):
        handler.handle(RECORD)
    assert first.getvalue() == later.getvalue() == "something was refused\n"


def test_a_stderr_that_is_closed_stops_nothing() -> None:
    closed = StringIO()
    closed.close()
    handler = ToStderr()
    with redirect_stderr(closed):
        handler.handle(RECORD)
