"""A hub within the test's own process, for what speaks to it over its API."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import httpx
import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from dure.cli import api_door
from dure.client import HubClient
from dure.hub.wsgi import application


@pytest.fixture
def one_connection() -> Iterator[None]:
    """A request through WSGI would end the connection that holds the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def hub_in_this_process(one_connection: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command's client speaks to the WSGI application, on the test's own connection."""
    transport = httpx.WSGITransport(app=application)
    monkeypatch.setattr(api_door, "HubClient", partial(HubClient, transport=transport))
