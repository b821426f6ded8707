"""Serving the hub over WSGI: fastest of what was measured, and no event loop to block."""

from __future__ import annotations

import logging
import socket
from contextlib import nullcontext
from typing import Any, Final

from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from granian import Granian
from granian.constants import Interfaces

from dure.hub.studies.beside import playing_studies

WAITING_AGENTS = 32
"""Threads: each long poll of an agent holds one for up to 25 s. They sleep most of it, so they may
be many more than the cores."""


class DatabaseBehind(Exception):
    """The database is not the one that this version of the hub works on."""


class MoreThreadsThanCores(logging.Filter):
    """Keeps the server from warning at every start of the threads that are meant."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "Configuration allows spawning up to" not in record.getMessage()


LOGGING: Final[dict[str, Any]] = {
    "filters": {"meant": {"()": f"{__name__}.{MoreThreadsThanCores.__name__}"}},
    "loggers": {
        "_granian": {
            "handlers": ["console"],
            "level": "INFO",
            "propagate": False,
            "filters": ["meant"],
        },
    },
}
"""What is changed of the server's own logging; the rest stands in granian.log."""


def check_migrated() -> None:
    """Raises DatabaseBehind unless every migration of this version is applied."""
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    connections.close_all()  # the workers open their own
    if waiting:
        msg = f"migrations not applied yet: {len(waiting)}"
        raise DatabaseBehind(msg)


def check_free(*, address: str, port: int) -> None:
    """Raises OSError, with the place, where nothing can listen; the server says it at length."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        socket.create_server((address, port), family=family).close()
    except OSError as error:
        why = error.strerror or str(error)
        raise OSError(error.errno, why, f"{address}:{port}") from error


def serve(*, address: str, port: int, workers: int = 1, studies: bool = True) -> None:
    """Serves until SIGTERM or SIGINT; with `studies`, plays what-if studies beside it."""
    with playing_studies() if studies else nullcontext():
        _serve(address=address, port=port, workers=workers)


def _serve(*, address: str, port: int, workers: int) -> None:
    Granian(
        target="dure.hub.wsgi:application",
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=WAITING_AGENTS,
        backlog=256,
        log_access=False,
        log_dictconfig=LOGGING,
        websockets=False,
    ).serve()
