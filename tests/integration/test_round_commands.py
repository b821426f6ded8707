"""What an operator reads and types about rounds, through the hub's API."""

from __future__ import annotations

import csv
import json

import pytest
from django.test import Client
from tests.integration import small
from tests.integration.small import DECIDED, World
from tests.integration.test_scenarios import NOT_TOGETHER, added
from typer.testing import CliRunner

from dure.cli import main, round_commands
from dure.hub import clock
from dure.hub.allocations import rounds
from dure.hub.allocations.models import Decision, Scenario
from dure.hub.people.operations import issue_token

pytestmark = pytest.mark.django_db

ENGLISH = {"LC_ALL": "C.UTF-8", "COLUMNS": "80"}
KOREAN = {"LC_ALL": "ko_KR.UTF-8", "COLUMNS": "200"}


@pytest.fixture(autouse=True)
def _in_time(hub_in_this_process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: DECIDED)


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


def test_one_application_is_explained_in_words_and_in_json(token: str) -> None:
    said = dure("explain", "first", "first-0001", token=token)
    assert "A model" in said
    assert "2026-03-02" in said
    assert "Awarded all that was requested" in " ".join(said.split())
    row = json.loads(dure("explain", "first", "first-0003", "--json", token=token))
    assert (row["outcome"], row["servers"], row["place"]) == ("waitlisted", 0, 3)
    assert row["reason_code"].startswith("round.")
    missing = dure("explain", "first", "nope", token=token, code=1)
    assert "There is no application nope in a round of call first for you." in missing


def test_the_report_says_who_succeeded_and_what_is_left(token: str) -> None:
    view = json.loads(dure("report", "first", "--json", token=token))
    assert view["funnel"]["applications"] == 3
    assert view["funnel"]["served_whole"] == 2
    success = {(s["dimension"], s["group"]): s["served"] for s in view["fairness"]}
    assert success["sector", "academia"] == 1
    assert success["sector", "industry"] == 1
    assert view["pools"][0]["left"][0] == 1
    said = " ".join(dure("report", "first", token=token).split())
    assert "a pool could hold them" in said
    assert "passed over without a named constraint: 0" in said


def test_a_plan_is_replayed_by_call_or_number(world: World, token: str) -> None:
    plan = Decision.objects.get(kind="round")
    for what in ("first", str(plan.number)):
        assert "the same, value for value" in dure("replay", what, token=token)
    changed = {**plan.plan, "objective": 1}
    Decision.objects.filter(pk=plan.pk).update(plan=changed)
    differs = dure("replay", "first", token=token, code=1)
    assert "objective: stored 1, now" in differs
    assert "There is no plan 99 for you." in dure("replay", "99", token=token, code=1)


def test_awards_show_their_term_in_the_programmes_days(token: str) -> None:
    rows = list(csv.DictReader(dure("show", "first", "--csv", token=token).splitlines()))
    assert [(row["starts"], row["months"]) for row in rows] == [
        ("2026-03-02", "6"), ("2026-03-02", "6"), ("", "0"),
    ]  # fmt: skip


def test_an_approval_is_withdrawn_from_the_terminal(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setattr(rounds, "approvals_needed", lambda _decision: 2)
    plan = str(Decision.objects.get(kind="round").number)
    said = dure("approve", "first", "--plan", plan, "--yes", token=token)
    assert "Approved by operator; 2 people are needed." in " ".join(said.split())
    assert "proposed" in said
    assert "Approved by nobody yet" in " ".join(
        dure("withdraw", "first", "--plan", plan, token=token).split()
    )


def what_if(*words: str, token: str, code: int = 0) -> str:
    command = ["round", *words, "--hub", "http://localhost", "--token", token]
    result = CliRunner().invoke(main.app, command, env=ENGLISH)
    assert result.exit_code == code, f"{result.output} {result.exception!r}"
    return " ".join(result.output.split())


def test_what_if_plans_beside_the_round_and_compare_shows_both(token: str) -> None:
    said = what_if("what-if", "first", "--name", "more", "--supply", "pool-a=+3", token=token)
    assert "3 of 3 applications served, 1 fare otherwise" in said
    assert "first-0003" in said
    fewer = what_if(
        "what-if", "first", "--name", "fewer", "--spares", "pool-a=4", "--organisation-cap", "none",
        "--policy", "score-weighted", "--json", token=token,
    )  # fmt: skip
    view = json.loads(fewer)
    assert (view["totals"]["served"], view["totals"]["server_months_idle"]) == (1, 18)
    assert view["differences"][0]["before"]["reason"]
    both = json.loads(what_if("compare", "first", "--json", token=token))
    assert both["totals"]["served"] == 2
    assert [one["name"] for one in both["scenarios"]] == ["more", "fewer"]
    table = what_if("compare", "first", token=token)
    assert "more" in table
    assert "Server-months left idle" in table
    assert Decision.objects.filter(kind="round").count() == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--supply", "pool-z=+1"], 1, "supply.pool-z: The round has no pool pool-z."),
        (["--supply", "pool-a"], 2, "write KEY=VALUE"),
        (["--supply", "pool-a=few"], 2, "supply.pool-a.to"),
        (["--policy", "best"], 2, "policy"),
        (["--cap", "nobody=3"], 1, "bounds.nobody: The round has no quota or rule nobody."),
        (["--plan", "99"], 1, "There is no round of call first for you."),
    ],
)
def test_a_scenario_that_cannot_be_is_told_where(
    token: str, words: list[str], code: int, said: str
) -> None:
    output = what_if("what-if", "first", "--name", "x", *words, token=token, code=code)
    assert said in output.replace("│ ", "").replace(" │", "")


def test_a_scenario_is_proposed_after_asking_and_shown_without(world: World, token: str) -> None:
    what_if("what-if", "first", "--name", "cap/by score", "--policy", "score-weighted", token=token)
    shown = what_if("scenario", "propose", "first", "cap/by score", "--dry-run", token=token)
    assert "2 of 3 applications served" in shown
    asked = what_if("scenario", "propose", "first", "cap/by score", token=token, code=1)
    assert "Other proposed plans of first are set aside" in asked
    assert Decision.objects.filter(kind="round").count() == 1
    done = ("scenario", "propose", "first", "cap/by score", "--yes", "--json")
    view = json.loads(what_if(*done, token=token))
    latest = Decision.objects.filter(kind="round").latest("number")
    assert (view["plan"], view["status"]) == (latest.number, "proposed")
    assert latest.policy["policy"] == "score-weighted"
    gone = what_if("scenario", "propose", "first", "cap/by score", "--yes", token=token, code=1)
    assert "There is no scenario cap/by score of the latest plan of call first for you." in gone


def test_a_scenario_that_needs_missing_servers_is_not_proposed(token: str) -> None:
    what_if("what-if", "first", "--name", "more", "--supply", "pool-a=+3", token=token)
    said = what_if("scenario", "propose", "first", "more", "--yes", token=token, code=1)
    assert "pool-a" in said
    assert Decision.objects.filter(kind="round").count() == 1


def test_a_scenario_is_removed_after_asking_and_once(token: str) -> None:
    what_if("what-if", "first", "--name", "more", "--supply", "pool-a=+3", token=token)
    words = ("scenario", "remove", "first", "more")
    assert "3 of 3" in what_if(*words, "--dry-run", token=token)
    assert "This cannot be undone." in what_if(*words, token=token, code=1)
    assert Scenario.objects.count() == 1
    plan = Decision.objects.get(kind="round").number
    said = json.loads(what_if(*words, "--yes", "--json", token=token))
    assert said == {"call": "first", "plan": plan, "name": "more", "removed": True}
    assert not Scenario.objects.exists()
    again = what_if(*words, "--yes", "--plan", str(plan), token=token, code=1)
    assert f"There is no scenario more of plan {plan} of call first for you." in again


def test_the_api_lets_an_auditor_read_a_scenario_and_take_none_away(
    world: World, token: str
) -> None:
    what_if("what-if", "first", "--name", "more", "--supply", "pool-a=+3", token=token)
    auditor = issue_token(user=world["auditor"], label="t", by=world["auditor"], now=DECIDED)
    path = "/api/v1/rounds/first/scenarios/more"
    bearer = {"authorization": f"Bearer {auditor}"}
    assert Client().get(path, headers=bearer).status_code == 200
    assert Client().delete(path, headers=bearer).status_code == 404
    assert Scenario.objects.count() == 1
    bearer = {"authorization": f"Bearer {token}"}
    assert Client().delete(path, headers=bearer).status_code == 204
    assert Client().delete(path, headers=bearer).status_code == 404
    assert not Scenario.objects.exists()


def test_rules_that_cannot_be_kept_together_are_named_with_what_would_help(
    world: World, token: str
) -> None:
    added(Decision.objects.get(kind="round"), world, "torn", **NOT_TOGETHER)
    said = what_if("compare", "first", token=token)
    assert "torn: no plan fits. No plan can keep these rules together." in said
    assert "Academia must take 18 server-months or more" in said
    assert "servers held in any month, 1 at most." in said
    assert "the number of servers that is enough is 3." in said
