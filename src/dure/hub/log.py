"""How what went wrong is written to the hub's log."""

from __future__ import annotations

import logging


class WithoutTraceback(logging.Formatter):
    """For errors that a stranger makes at will: their line says it all."""

    def format(self, record: logging.LogRecord) -> str:
        bare = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None})
        return super().format(bare)
