"""Serving the hub over WSGI: fastest of what was measured, and no event loop to block."""

from __future__ import annotations

import socket

from granian import Granian
from granian.constants import Interfaces

WAITING_AGENTS = 32
"""Threads: each long poll of an agent holds one for up to 25 s."""


def check_free(*, address: str, port: int) -> None:
    """Raises OSError, with the place, where nothing can listen; the server says it at length."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        socket.create_server((address, port), family=family).close()
    except OSError as error:
        why = error.strerror or str(error)
        raise OSError(error.errno, why, f"{address}:{port}") from error


def serve(*, address: str, port: int, workers: int = 1) -> None:
    """Serves until SIGTERM or SIGINT."""
    Granian(
        target="dure.hub.wsgi:application",
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=WAITING_AGENTS,
        backlog=256,
        log_access=False,
        websockets=False,
    ).serve()
