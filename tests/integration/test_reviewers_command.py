"""What an operator reads and types about reviewers, through the hub's API."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.integration import small
from tests.integration.small import NOW, POINTS, World
from typer.testing import CliRunner

from dure.cli import main
from dure.hub import clock
from dure.hub.people.models import Role
from dure.hub.people.operations import issue_token
from dure.hub.reviews import operations as reviews
from dure.hub.reviews.models import Assignment

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=15)


@pytest.fixture(autouse=True)
def _in_time(hub_in_this_process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: LATER)


@pytest.fixture
def world() -> World:
    """In review, one review given, everything else late, and somebody new who is free."""
    made = small.reviewing()
    first = Assignment.objects.select_related("reviewer").earliest("pk")
    reviews.submit_review(assignment=first, points=POINTS, comment="", by=first.reviewer, now=NOW)
    small.person("reviewer4", Role.REVIEWER)
    return made


def asked(world: World, *words: str) -> Any:
    token = issue_token(user=world.operator, label="test", by=world.operator, now=LATER)
    command = ["round", "reviewers", "first", *words]
    where = ["--hub", "http://localhost", "--token", token]
    result = CliRunner().invoke(main.app, [*command, *where, "--json"])
    assert result.exit_code == 0, f"{result.output} {result.exception!r}"
    plain = CliRunner().invoke(main.app, [*command, *where])
    assert plain.exit_code == 0
    return json.loads(result.output)


def test_the_reviewers_are_listed_with_what_is_late(world: World) -> None:
    said = asked(world)
    stage = said["stages"][0]
    assert (stage["state"], stage["asked"], stage["given"], stage["late"]) == ("open", 6, 1, 5)
    assert sum(one["late"] for one in said["reviewers"]) == 5
    assert said["short"] == 0


def test_late_says_who_would_be_replaced_and_replace_does_it(world: World) -> None:
    before = set(Assignment.objects.filter(state="active").values_list("pk", flat=True))
    seen = asked(world, "--late")
    assert set(Assignment.objects.filter(state="active").values_list("pk", flat=True)) == before
    done = asked(world, "--replace")
    assert seen["changes"] == done["changes"]
    assert (seen["done"], done["done"]) == (False, True)
    assert {who for one in done["changes"] for who in one["coming"]} == {"reviewer4"}
    given = Assignment.objects.get(review__isnull=False)
    assert given.state == Assignment.State.ACTIVE
    assert asked(world)["stages"][0]["late"] < 5
