"""What an operator reads and types about rounds, through the hub's API."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import httpx
import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from tests.integration import small
from tests.integration.small import DECIDED, World
from typer.testing import CliRunner

from dure.cli import round_commands
from dure.client import HubClient
from dure.hub import clock
from dure.hub.people.operations import issue_token
from dure.hub.wsgi import application

pytestmark = pytest.mark.django_db

ENGLISH = {"LC_ALL": "C.UTF-8", "COLUMNS": "80"}
KOREAN = {"LC_ALL": "ko_KR.UTF-8", "COLUMNS": "200"}


@pytest.fixture(autouse=True)
def _hub_in_this_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command's client speaks to the WSGI application, on the test's own connection."""
    transport = httpx.WSGITransport(app=application)
    monkeypatch.setattr(round_commands, "HubClient", partial(HubClient, transport=transport))
    monkeypatch.setattr(clock, "now", lambda: DECIDED)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def world() -> World:
    return small.proposed()[0]


@pytest.fixture
def token(world: World) -> str:
    return issue_token(user=world.operator, label="test", by=world.operator, now=DECIDED)


def dure(*words: str, token: str, code: int = 0, terminal: dict[str, str] = ENGLISH) -> str:
    command = [*words, "--hub", "http://localhost", "--token", token]
    result = CliRunner().invoke(round_commands.app, command, env=terminal)
    assert result.exit_code == code, f"{result.output} {result.exception!r}"
    return result.output


def test_a_call_closes_at_the_same_time_wherever_it_is_said(world: World, token: str) -> None:
    opens, closes = "2026-01-05, 00:00", "2026-01-30, 24:00"
    listed = dure("calls", token=token)
    assert opens in listed
    assert closes in listed
    call = Client().get("/calls/first/", headers={"accept-language": "en"})
    operator = Client(headers={"accept-language": "en"})
    operator.force_login(world.operator)
    world.call.state = "announced"
    world.call.save()
    for page in (call, operator.get("/operate/"), operator.get("/operate/calls/first/open/")):
        assert "30 January 2026, 24:00" in page.content.decode(), page.request["PATH_INFO"]


def test_a_wrong_token_fails_every_command(token: str) -> None:
    for words in (["calls"], ["show", "first"], ["solve", "first"]):
        assert "token is missing, unknown or expired" in dure(*words, token="wrong", code=1)
    assert "first" in dure("calls", token=token)


def test_what_was_not_found_is_named(token: str) -> None:
    assert "There is no round of call nope for you." in dure("show", "nope", token=token, code=1)
    assert "There is no call nope for you." in dure("solve", "nope", token=token, code=1)
    refused = dure("approve", "first", "--plan", "99", "--yes", token=token, code=1)
    assert "There is no plan 99 of call first for you." in refused


def test_reasons_come_in_the_language_of_the_terminal(token: str) -> None:
    english = dure("show", "first", "--csv", token=token)
    korean = dure("show", "first", "--csv", token=token, terminal=KOREAN)
    assert english.isascii()
    assert "서버" in korean
