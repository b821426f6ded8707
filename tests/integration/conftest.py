"""A hub within the test's own process, for what speaks to it over its API."""

from __future__ import annotations

from functools import partial

import httpx
import pytest
from django.db import connection

from dure.cli import api_door
from dure.client import HubClient
from dure.hub.wsgi import application


@pytest.fixture
def one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request through WSGI would end the connection that holds the test's transaction."""
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)


@pytest.fixture
def hub_in_this_process(one_connection: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command's client speaks to the WSGI application, on the test's own connection."""
    transport = httpx.WSGITransport(app=application)
    monkeypatch.setattr(api_door, "HubClient", partial(HubClient, transport=transport))
