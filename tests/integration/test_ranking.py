"""A call's ranking in the hub: decided as the rubric says; read on pages, by API, by command."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.integration import small
from tests.integration.rankings import rank_simulated
from tests.integration.small import DECIDED, NOW, World
from typer.testing import CliRunner

from dure.cli import main
from dure.engine import scoring
from dure.hub import clock, programmes
from dure.hub.allocations import decisions
from dure.hub.allocations.models import Decision
from dure.hub.calls.models import Application
from dure.hub.people.gate import STEWARD, NotPermitted
from dure.hub.people.models import User
from dure.hub.people.operations import issue_token
from dure.hub.reviews import operations as reviews
from dure.hub.reviews import ranking_queries
from dure.hub.reviews.models import Assignment
from dure.hub.reviews.round_again import round_again
from dure.vocabulary.programme_file import parse_programme

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PAGES = ("", "reviewers/", "sensitivity/")


@pytest.fixture(autouse=True)
def _apart() -> None:
    cache.clear()


def corrected() -> World:
    """The reviewed call, ranked with the correction; reviewer1 gives ten points less."""
    world = small.reviewing()
    text = small.FILE.read_text().replace("rubric:\n", "rubric:\n  correction: mixed-effects\n")
    programmes.load(programme=parse_programme(text, file="small.yaml"), by=STEWARD, now=NOW)
    merit = {world.applications[n].number: 50 - i for i, n in enumerate(("ann", "bob", "cho"))}
    for one in Assignment.objects.select_related("reviewer", "application").order_by("pk"):
        less = 10 if one.reviewer.username == "reviewer1" else 0
        reviews.submit_review(
            assignment=one,
            points={"merit": merit[one.application.number] - less, "plan": 30},
            comment="",
            by=one.reviewer,
            now=NOW,
        )
    reviews.rank_call(call=world.call, by=STEWARD, now=NOW)
    return world


def large(world: World) -> Decision:
    return rank_simulated(world.call, DECIDED)


def seen_by(user: User, path: str = "", language: str = "en", **asked: str) -> str:
    client = Client(headers={"accept-language": language})
    client.force_login(user)
    answer = client.get(f"/calls/first/ranking/{path}", asked)
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def test_the_rubric_s_correction_decides_and_both_orders_are_kept() -> None:
    world = corrected()
    decision = Decision.objects.get(kind="scoring")
    plan = scoring.ScoringPlan.model_validate(decision.plan)
    assert plan.estimate is not None
    assert plan.estimate.method == "mixed-effects"
    found = {one.application: one for one in plan.intents}
    for stored in Application.objects.filter(call=world.call):
        assert (stored.score, stored.rank) == (
            str(found[stored.number].score),
            found[stored.number].rank,
        )
        assert found[stored.number].raw_rank is not None


def test_a_ranking_that_its_check_refuses_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    world = small.reviewing()
    for one in Assignment.objects.select_related("reviewer"):
        reviews.submit_review(
            assignment=one, points=small.POINTS, comment="", by=one.reviewer, now=NOW
        )
    right = scoring.plan

    def wrong(*given: object) -> scoring.ScoringPlan:
        made = right(*given)  # type: ignore[arg-type]  # handed through as it came
        return made.model_copy(update={"intents": made.intents[1:]})

    monkeypatch.setattr(scoring, "plan", wrong)
    with pytest.raises(decisions.PlanRefused, match="standing_wrong"):
        reviews.rank_call(call=world.call, by=world.operator, now=NOW)
    assert not Decision.objects.filter(kind="scoring").exists()
    world.call.refresh_from_db()
    assert world.call.state == "reviewing"


@pytest.mark.parametrize("path", PAGES)
def test_operator_and_auditor_see_the_ranking_and_nobody_else(path: str) -> None:
    world = small.ranked()
    large(world)
    for name in ("operator", "auditor"):
        assert "A0001" in seen_by(world[name]) or path
        seen_by(world[name], path)
    for name in ("ann", "reviewer1", "supplier"):
        client = Client()
        client.force_login(world[name])
        assert client.get(f"/calls/first/ranking/{path}").status_code == 404
    assert Client().get(f"/calls/first/ranking/{path}").status_code == 302


@pytest.mark.parametrize("path", PAGES)
def test_a_page_of_the_ranking_costs_few_queries(path: str) -> None:
    world = small.ranked()
    large(world)
    client = Client()
    client.force_login(world.operator)
    with CaptureQueriesContext(
        connection,
    ) as made:
        client.get(f"/calls/first/ranking/{path}")
    assert len(made) <= 12


def test_the_list_is_paged_and_sorted_by_shift() -> None:
    world = small.ranked()
    plan = scoring.ScoringPlan.model_validate(large(world).plan)
    first = max(plan.intents, key=lambda one: (abs(one.shift or 0), -(one.rank or 0)))
    page = seen_by(world.operator, order="shift")
    assert page.index(first.application, page.index("standings")) == min(
        page.index(one.application, page.index("standings"))
        for one in plan.intents
        if one.application in page[page.index("standings") :]
    )
    assert "Page 1 of 3" in page
    assert page.count('<circle class="mark') == 60
    assert '<title id="scatter-title">' in page


def test_where_nothing_is_corrected_there_is_no_picture_and_no_leniency() -> None:
    world = small.ranked()
    page = seen_by(world.operator)
    assert "plain means" in page
    assert "<circle" not in page
    assert "nothing was estimated" in seen_by(world.operator, "reviewers/")


def test_before_the_ranking_the_page_says_so() -> None:
    world = small.reviewing()
    for path in PAGES:
        assert "not ranked yet" in seen_by(world.operator, path)


def test_the_sensitivity_takes_the_places_that_are_asked_for() -> None:
    world = small.ranked()
    large(world)
    page = seen_by(world.operator, "sensitivity/", places="20")
    seen = ranking_queries.ranking_of(key="first", by=world.operator)
    assert seen is not None
    report = ranking_queries.sensitivity_of(seen=seen, by=world.operator, places=20)
    assert report.places == 20
    assert report.hanging
    assert report.hanging[0].application in page
    assert 'value="20"' in page
    assert "whole number" in seen_by(world.operator, "sensitivity/", places="many")
    with pytest.raises(NotPermitted):
        ranking_queries.sensitivity_of(seen=seen, by=world["ann"], places=20)


def test_once_there_is_a_round_the_correction_is_tried_on_its_own_rules() -> None:
    world, _ = small.proposed()
    seen = ranking_queries.ranking_of(key="first", by=world.operator)
    assert seen is not None
    report = ranking_queries.sensitivity_of(seen=seen, by=world.operator)
    assert report.by_round
    assert "its plan is made again in the other order" in seen_by(world.operator, "sensitivity/")
    cut = ranking_queries.sensitivity_of(seen=seen, by=world.operator, places=1)
    assert not cut.by_round


def test_in_its_own_order_a_round_made_again_serves_whom_it_served() -> None:
    world, decision = small.proposed()
    served = round_again(world.call)
    assert served is not None
    ranked = [one["application"] for one in decision.plan["intents"]]
    given = {one["application"] for one in decision.plan["intents"] if one["servers"]}
    assert served(ranked) == given
    assert served([*ranked[::-1], "unknown"]) != given
    assert served([]) == frozenset()


@pytest.fixture
def _in_time(hub_in_this_process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: DECIDED)


def dure(*words: str, by: User, code: int = 0) -> str:
    token = issue_token(user=by, label="test", by=by, now=DECIDED)
    command = ["round", *words, "--hub", "http://localhost", "--token", token]
    result = CliRunner().invoke(main.app, command, env={"LC_ALL": "C.UTF-8"})
    assert result.exit_code == code, f"{result.output} {result.exception!r}"
    return result.output


@pytest.mark.usefixtures("_in_time")
def test_the_terminal_shows_both_orders_as_table_csv_and_json() -> None:
    world = small.ranked()
    plan = scoring.ScoringPlan.model_validate(large(world).plan)
    first = plan.intents[0]
    table = dure("scores", "first", by=world.operator)
    assert "correction mixed-effects" in table
    assert first.application in table
    rows = list(csv.DictReader(io.StringIO(dure("scores", "first", "--csv", by=world.operator))))
    assert [row["application"] for row in rows] == [one.application for one in plan.intents]
    assert rows[0]["rank_low"] == str(first.rank_low)
    view = json.loads(dure("scores", "first", "--json", by=world.operator))
    assert float(view["standings"][0]["score"]) == float(first.score)
    assert len(view["reviewers"]) == 30
    assert "There is no ranking of call nope" in dure("scores", "nope", by=world.operator, code=1)
    assert "There is no ranking" in dure("scores", "first", by=world["ann"], code=1)


@pytest.mark.usefixtures("_in_time")
def test_the_terminal_shows_whose_outcome_hangs_on_what() -> None:
    world = small.ranked()
    large(world)
    said = dure("sensitivity", "first", "--places", "20", by=world.operator)
    assert "where the first 20 are served" in said
    assert "the correction" in said
    view = json.loads(dure("sensitivity", "first", "--places", "20", "--json", by=world.operator))
    assert view["places"] == 20
    assert view["hanging"]
    assert not view["by_round"]


@pytest.mark.usefixtures("_in_time")
def test_the_terminal_says_when_the_round_itself_was_made_again() -> None:
    world, _ = small.proposed()
    assert "by the round's own rules" in dure("sensitivity", "first", by=world.operator)
    cut = dure("sensitivity", "first", "--places", "1", by=world.operator)
    assert "own rules" not in cut
    view = json.loads(dure("sensitivity", "first", "--json", by=world.operator))
    assert view["by_round"]
