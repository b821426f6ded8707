"""A hub's server that has just been started: on which port, and when it answers."""

from __future__ import annotations

import socket

import httpx
from tests.waiting import eventually


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def until_it_answers(address: str, *, within_s: float = 60) -> None:
    """Returns when the hub answers there."""
    eventually(lambda: _answers(address), f"an answer at {address}", within_s=within_s, every_s=0.1)


def _answers(address: str) -> bool:
    try:
        httpx.get(f"{address}/api/v1/calls")
    except httpx.TransportError:
        return False
    return True
