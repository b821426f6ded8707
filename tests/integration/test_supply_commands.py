"""What an operator types about supply calls, through the hub's API."""

from __future__ import annotations

import json

import pytest
from tests.integration import bidding
from tests.integration.bidding import CLOSED
from typer.testing import CliRunner

from dure.cli import supply_commands
from dure.hub import clock
from dure.hub.people.models import User
from dure.hub.people.operations import issue_token

pytestmark = pytest.mark.django_db

ENGLISH = {"LC_ALL": "C.UTF-8", "COLUMNS": "200"}
CALL = "kr-2026-supply"


@pytest.fixture(autouse=True)
def _in_time(hub_in_this_process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: CLOSED)


def token_of(user: User) -> str:
    return issue_token(user=user, label="test", by=user, now=CLOSED)


def dure(*words: str, token: str, code: int = 0) -> str:
    command = [*words, "--hub", "http://localhost", "--token", token]
    result = CliRunner().invoke(supply_commands.app, command, env=ENGLISH)
    assert result.exit_code == code, f"{result.output} {result.exception!r}"
    return result.output


def test_a_choice_is_made_read_and_approved_from_the_terminal() -> None:
    world = bidding.scored()
    token = token_of(world["operator"])
    dure("show", CALL, token=token, code=1)
    said = dure("choose", CALL, token=token)
    assert "(proposed, proven optimal): 3 of 4 bids" in said
    assert "10,560 accelerators for public use" in said
    view = json.loads(dure("show", CALL, "--json", token=token))
    last = view["outcomes"][-1]
    assert (last["outcome"], last["reason_code"]) == ("refused", "tender.budget")
    assert last["changes"]
    plan = str(view["plan"])
    approved = json.loads(dure("approve", CALL, "--plan", plan, "--yes", "--json", token=token))
    assert approved["status"] == "applied"
    again = json.loads(dure("approve", CALL, "--plan", plan, "--yes", "--json", token=token))
    assert again == approved
    assert "decided" in dure("calls", token=token)


def test_bidders_learn_nothing_of_others_from_the_terminal() -> None:
    world = bidding.scored()
    dure("choose", CALL, token=token_of(world["operator"]))
    said = dure("show", CALL, token=token_of(world["hangang"]), code=1)
    assert "Nakdong" not in said
    assert dure("choose", CALL, token=token_of(world["hangang"]), code=1)


def test_the_number_of_bids_to_an_open_call_is_not_told() -> None:
    world = bidding.submitted()
    (call,) = json.loads(dure("calls", "--json", token=token_of(world["hangang"])))
    assert (call["state"], call["bids"]) == ("open", None)
