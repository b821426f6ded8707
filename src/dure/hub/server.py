"""Serving the hub over WSGI: fastest of what was measured, and no event loop to block."""

from __future__ import annotations

from granian import Granian
from granian.constants import Interfaces

WAITING_AGENTS = 32
"""Threads: each long poll of an agent holds one for up to 25 s."""


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
