"""How what went wrong is written to the hub's log."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress


class ToStderr(logging.Handler):
    """To what stderr is when something is said, not to what it was when logging was set up."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the record as a line; where stderr is closed there is nobody to tell."""
        line = f"{self.format(record)}\n"
        with suppress(OSError, ValueError):
            sys.stderr.write(line)
            sys.stderr.flush()


class WithoutTraceback(logging.Formatter):
    """For errors that a stranger makes at will: their line says it all."""

    def format(self, record: logging.LogRecord) -> str:
        bare = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None})
        return super().format(bare)
