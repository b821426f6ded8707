"""What-if through the hub: planned beside the round, told in words where it cannot be, proposed."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from html import unescape
from typing import Any, Final
from urllib.parse import urljoin

import pytest
from django.test import Client
from tests.integration import small
from tests.integration.rankings import rank_with_a_strict_reviewer
from tests.integration.small import DECIDED, World

from dure.engine.allocation.scenario import UnableToChange
from dure.hub import clock
from dure.hub.allocations import operations, replays, scenarios
from dure.hub.allocations.decisions import StalePlan, advance
from dure.hub.allocations.models import Allocation, Decision, Scenario
from dure.hub.audit.models import Event
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import NotPermitted
from dure.vocabulary.scenario import Change

pytestmark = pytest.mark.django_db

BY_SCORE: Final[dict[str, Any]] = {"policy": "score-weighted"}
MORE: Final[dict[str, Any]] = {"supply": {"pool-a": {"by": 3}}}
FEWER: Final[dict[str, Any]] = {"spares": {"pool-a": 4}}
ACADEMIA = {"id": "academia", "label": {"ko": "학계", "en": "Academia"}, "sectors": ["academia"]}
NOT_TOGETHER: Final[dict[str, Any]] = {
    "added": [
        {**ACADEMIA, "least": {"servers": 3}},
        {**ACADEMIA, "id": "few", "most": {"servers": 1}},
    ]
}


@pytest.fixture(autouse=True)
def _day_of_the_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: DECIDED)


def added(decision: Decision, by: World, name: str = "other", **change: object) -> Scenario:
    return scenarios.add_scenario(
        decision=decision,
        change=Change.model_validate({"name": name, **change}),
        by=by.operator,
        now=DECIDED,
    )


def changes(scenario: Scenario) -> dict[str, str]:
    return {one["application"]: one["change"] for one in scenario.differences}


def test_a_scenario_without_a_change_is_the_stored_plan_and_replays_as_it() -> None:
    world, decision = small.proposed()
    same = added(decision, world)
    assert same.plan == decision.plan
    assert (same.differences, same.groups, same.refusal) == ([], [], None)
    assert same.report == decision.report


def test_more_supply_serves_who_waited_and_says_both_reasons() -> None:
    world, decision = small.proposed()
    more = added(decision, world, **MORE)
    assert changes(more) == {"first-0003": "won"}
    (one,) = more.differences
    assert one["why_before"]["code"] != one["why_after"]["code"]
    assert one["after"]["servers"] == 4
    by_sector = {g["group"]: g["served"] for g in more.groups if g["dimension"] == "sector"}
    assert by_sector == {"industry": 1}


def test_a_decided_round_is_asked_again_and_stays_as_it_is() -> None:
    world = small.decided()
    decision = world.call.decisions.get(kind="round")
    held = list(Allocation.objects.values_list("key", "servers"))
    scenario = added(decision, world, **FEWER)
    assert changes(scenario) == {"first-0002": "lost"}
    assert list(Allocation.objects.values_list("key", "servers")) == held
    assert replays.replay(decision=decision, by=world.operator).same
    with pytest.raises(NotAtThisStage):
        scenarios.propose_scenario(scenario=scenario, by=world.operator, now=DECIDED)


def test_rules_that_cannot_be_kept_together_are_kept_as_the_answer() -> None:
    world, decision = small.proposed()
    refused = added(decision, world, **NOT_TOGETHER)
    assert refused.plan is None
    assert refused.refusal is not None
    assert refused.refusal["code"] == "scenario.conflict"
    named = refused.refusal["params"]["conflict"]["bounds"]
    assert [(b["kind"], b["name"], b["bound"]) for b in named] == [
        ("floor", "academia", 18),
        ("cap", "few", 1),
    ]
    with pytest.raises(NotAtThisStage):
        scenarios.propose_scenario(scenario=refused, by=world.operator, now=DECIDED)
    assert Decision.objects.get(kind="round") == decision


def test_a_scenario_is_proposed_approved_and_replayed_like_any_plan() -> None:
    world, decision = small.proposed()
    scenario = added(decision, world, **BY_SCORE)
    proposed = scenarios.propose_scenario(scenario=scenario, by=world.operator, now=DECIDED)
    decision.refresh_from_db()
    assert (decision.state, proposed.state) == ("superseded", "proposed")
    assert proposed.policy["policy"] == "score-weighted"
    assert replays.replay(decision=proposed, by=world.operator).same
    operations.approve_decision(decision=proposed, by=world.operator, now=DECIDED)
    held = {
        a.project.key.removeprefix("p-"): a.servers
        for a in Allocation.objects.filter(decision=proposed)
    }
    assert scenario.plan is not None
    given = {o["application"]: o["servers"] for o in scenario.plan["intents"] if o["servers"]}
    assert held == given
    assert changes(scenario) == {"first-0002": "lost", "first-0003": "won"}
    told = list(Event.objects.filter(what__startswith="scenario.").values_list("what", flat=True))
    assert told == ["scenario.added", "scenario.proposed"]


def test_servers_that_are_not_there_are_not_proposed_and_fewer_are() -> None:
    world, decision = small.proposed()
    with pytest.raises(scenarios.SupplyMissing, match="pool-a"):
        scenarios.propose_scenario(
            scenario=added(decision, world, **MORE), by=world.operator, now=DECIDED
        )
    fewer = added(decision, world, "fewer", **FEWER)
    proposed = scenarios.propose_scenario(scenario=fewer, by=world.operator, now=DECIDED)
    assert sum(o["servers"] for o in proposed.plan["intents"]) == 3


def test_a_scenario_is_not_proposed_once_the_programme_has_moved_on() -> None:
    world, decision = small.proposed()
    scenario = added(decision, world, **BY_SCORE)
    advance(programme=world.programme)
    with pytest.raises(StalePlan):
        scenarios.propose_scenario(scenario=scenario, by=world.operator, now=DECIDED)
    assert Decision.objects.get(kind="round") == decision


def test_who_was_left_out_of_the_round_is_left_out_of_its_scenario() -> None:
    world, decision = small.proposed()
    failures = [{"rule": "r", "field": None, "say": {"ko": "가", "en": "a"}, "detail": None}]
    cho = world.applications["cho"]
    outcome = decision.outcomes.get(application=cho)
    snapshot = decision.snapshot
    snapshot["requests"] = [r for r in snapshot["requests"] if r["application"] != cho.number]
    decision.plan["intents"] = [
        o for o in decision.plan["intents"] if o["application"] != cho.number
    ]
    decision.save()
    outcome.outcome, outcome.failures = "ineligible", failures
    outcome.save()
    scenario = added(decision, world, **BY_SCORE)
    proposed = scenarios.propose_scenario(scenario=scenario, by=world.operator, now=DECIDED)
    assert proposed.outcomes.get(application=cho).failures == failures


def test_a_name_is_given_once_and_a_removed_scenario_leaves_a_trace() -> None:
    world, decision = small.proposed()
    first = added(decision, world)
    with pytest.raises(scenarios.ScenarioNameTaken):
        added(decision, world, **BY_SCORE)
    scenarios.remove_scenario(scenario=first, by=world.operator, now=DECIDED)
    assert not Scenario.objects.exists()
    event = Event.objects.latest("sequence")
    assert (event.what, event.detail) == ("scenario.removed", {"scenario": "other"})


def test_what_does_not_fit_the_round_is_refused_and_nothing_is_kept() -> None:
    world, decision = small.proposed()
    with pytest.raises(UnableToChange):
        added(decision, world, supply={"pool-z": {"by": 1}})
    assert not Scenario.objects.exists()
    with pytest.raises(NotPermitted):
        scenarios.add_scenario(
            decision=decision, change=Change(name="x"), by=world["auditor"], now=DECIDED
        )


def page(world: World, path: str, who: str = "operator", language: str = "en") -> str:
    client = Client(headers={"accept-language": language})
    client.force_login(world.people[who])
    response = client.get(urljoin("/rounds/first/scenarios/", path))
    assert response.status_code == 200
    return unescape(response.content.decode())


def signed_in(world: World) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(world.operator)
    client.get("/rounds/first/scenarios/")  # the programme's document is parsed once a process
    return client


def click(world: World, path: str, **typed: str) -> str:
    client = signed_in(world)
    page = client.post(f"/rounds/first/scenarios/{path}", typed, follow=True)
    return page.content.decode()


def test_scenarios_stand_side_by_side_with_their_differences_to_the_plan(
    django_assert_max_num_queries: Callable[[int], AbstractContextManager[object]],
) -> None:
    world, decision = small.proposed()
    for name, change in (("more", MORE), ("fewer", FEWER), ("torn", NOT_TOGETHER)):
        added(decision, world, name, **change)
    client = signed_in(world)
    with django_assert_max_num_queries(12):
        response = client.get("/rounds/first/scenarios/")
    table = " ".join(unescape(response.content.decode()).split())
    rows = re.findall(r"<tr>(.*?)</tr>", table)
    served = next(row for row in rows if "Applications served" in row)
    said = [re.sub("<[^>]*>", "", cell).strip() for cell in re.findall("<td.*?</td>", served)]
    assert said == ["2", "3 (+1)", "1 (-1)"]
    assert "Academia must take" in table
    assert "Add a scenario" not in page(world, "", "auditor")


def test_one_scenario_lists_who_differs_with_both_reasons_and_is_narrowed(
    django_assert_max_num_queries: Callable[[int], AbstractContextManager[object]],
) -> None:
    world, decision = small.proposed()
    scenario = added(decision, world, **BY_SCORE)
    client = signed_in(world)
    with django_assert_max_num_queries(12):
        text = client.get(f"/rounds/first/scenarios/{scenario.pk}/").content.decode()
    assert "Most points per server, whatever the rank" in text
    assert "first-0002" in text
    assert "first-0003" in text
    assert "difference" in text
    lost = page(world, f"{scenario.pk}/?change=lost")
    assert "first-0002" in lost
    assert "first-0003" not in lost
    nobody = page(world, f"{scenario.pk}/?sector=academia")
    assert "No application differs." in nobody
    assert "Propose this one" not in page(world, f"{scenario.pk}/", "auditor")


def test_a_scenario_is_asked_for_on_the_page_proposed_and_removed() -> None:
    world, decision = small.proposed()
    assert "Servers of pool-a" in page(world, "add/")
    made = click(world, "add/", name="mixed", policy="score-weighted", **{"spares.pool-a": "+1"})
    assert "is planned" in made
    scenario = Scenario.objects.get()
    assert scenario.change["policy"] == "score-weighted"
    assert scenario.change["spares"] == {"pool-a": 1}
    again = click(world, "add/", name="mixed")
    assert "has a scenario of this name" in again
    assert "has to be approved like any plan" in page(world, f"{scenario.pk}/propose/")
    assert Decision.objects.filter(kind="round").count() == 1
    click(world, f"{scenario.pk}/propose/")
    latest = Decision.objects.filter(kind="round").latest("number")
    assert (latest.state, latest.policy["policy"]) == ("proposed", "score-weighted")
    assert "mixed" not in page(world, "")
    assert "mixed" in page(world, f"?plan={decision.number}")
    click(world, f"{scenario.pk}/remove/")
    assert not Scenario.objects.exists()


def test_typing_errors_are_told_at_their_fields() -> None:
    world, _ = small.proposed()
    typed = {
        "name": "x",
        "policy": "lottery",
        "organisation_cap": "many",
        "supply.pool-a": "4+",
    }
    wrong = click(world, "add/", **typed)
    assert wrong.count("Please give a whole number.") == 4  # at the field and on top
    needs = click(world, "add/", name="x", policy="lottery")
    assert "A lottery needs the least score of each band." in needs
    few = click(world, "add/", name="x", **{"supply.pool-a": "-99"})
    assert "cannot be taken off" in few
    assert not Scenario.objects.exists()


def test_a_past_round_is_not_proposed_again_from_its_page() -> None:
    world = small.decided()
    scenario = added(world.call.decisions.get(kind="round"), world, **BY_SCORE)
    assert "Propose this one" not in page(world, f"{scenario.pk}/")
    click(world, f"{scenario.pk}/propose/")
    assert Decision.objects.filter(kind="round").count() == 1


def corrected(pass_mark: int = 0) -> tuple[World, Decision]:
    """The round by corrected scores: ann and bob are served."""
    world = rank_with_a_strict_reviewer(pass_mark=pass_mark)
    return world, operations.solve_round(call=world.call, by=world.operator, now=DECIDED)


def test_raw_scores_serve_whom_the_strict_reviewer_did_not_read() -> None:
    world, decision = corrected()
    assert "not corrected for their leniency" in page(world, "add/")
    click(world, "add/", name="raw", raw_scores="on")
    raw = Scenario.objects.get()
    assert changes(raw) == {"first-0002": "lost", "first-0003": "won"}
    shown = page(world, f"{raw.pk}/")
    assert "the reviewers' own, not corrected" in shown
    assert raw.plan is not None
    places = {one["application"]: one["place"] for one in raw.plan["intents"]}
    assert sorted(places, key=places.__getitem__)[:3] == ["first-0003", "first-0001", "first-0002"]
    proposed = scenarios.propose_scenario(scenario=raw, by=world.operator, now=DECIDED)
    assert replays.replay(decision=proposed, by=world.operator).same
    held = {o["application"]: o["servers"] for o in proposed.plan["intents"] if o["servers"]}
    assert held == {"first-0001": 3, "first-0003": 4}
    assert scenarios.raw_standings(proposed) == scenarios.raw_standings(decision)


def test_who_is_below_the_pass_mark_by_raw_scores_is_left_out_and_that_is_not_proposed() -> None:
    world, decision = corrected(pass_mark=68)
    assert {r["application"] for r in decision.snapshot["requests"]} == {"first-0001", "first-0002"}
    said = click(world, "add/", name="raw", raw_scores="on")
    assert "is planned" in said
    raw = Scenario.objects.get()
    assert changes(raw) == {"first-0002": "lost"}
    assert "By these scores it has no rank" in page(world, f"{raw.pk}/")
    refused = unescape(click(world, f"{raw.pk}/propose/"))
    assert "applications of the round have no rank: first-0002." in refused
    with pytest.raises(scenarios.ApplicationsMissing, match="first-0002"):
        scenarios.propose_scenario(scenario=raw, by=world.operator, now=DECIDED)
    assert Decision.objects.get(kind="round") == decision


def test_without_a_correction_raw_scores_are_not_on_offer() -> None:
    world, decision = small.proposed()
    assert scenarios.raw_standings(decision) == {}
    assert "not corrected for their leniency" not in page(world, "add/")


def in_twelve_regions(report: dict[str, Any], served: int) -> dict[str, Any]:
    """The stored report as if the applications had come from twelve regions."""
    one = next(g for g in report["fairness"] if g["dimension"] == "region")
    others = [g for g in report["fairness"] if g["dimension"] != "region"]
    regions = [
        {**one, "group": f"region-{n:02}", "applications": 20 - n, "served": served}
        for n in range(12)
    ]
    return {**report, "fairness": [*others, *regions]}


def test_small_regions_are_one_row_until_each_is_asked_for() -> None:
    world, decision = small.proposed()
    scenario = added(decision, world, **MORE)
    stored, planned = decision.report, scenario.report
    assert stored is not None
    assert planned is not None
    decision.report = in_twelve_regions(stored, served=1)
    decision.save(update_fields=["report"])
    scenario.report = in_twelve_regions(planned, served=2)
    shift = {"dimension": "region", "served": 1, "server_months": 6}
    scenario.groups = [{**shift, "group": f"region-{n:02}"} for n in range(12)]
    scenario.save(update_fields=["report", "groups"])
    for path, folded in (
        ("../", '<th scope="row">5 others</th><td class="number">55</td>'),
        ("", '<th scope="row">5 others (55)</th>'),
        (f"{scenario.pk}/", '<th scope="row">5 others</th><td class="number">+5</td>'),
    ):
        short, long = page(world, path), page(world, f"{path}?groups=all")
        assert folded in short, path
        assert ("region-11" in short, "region-11" in long) == (False, True), path
        assert "5 others" not in long, path
        assert "Show every group" in short
        assert "Show the largest groups only" in long


def test_a_table_of_few_groups_is_not_folded() -> None:
    world, decision = small.proposed()
    added(decision, world, **MORE)
    for path in ("../", ""):
        assert "Show every group" not in page(world, path)
