"""Nobody reaches an object that is not theirs: every operation and every endpoint is tried.

The tables are complete: an operation or an endpoint that is not in them fails a test.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from types import ModuleType
from typing import Final

import pytest
from django.test import Client
from tests.integration import small
from tests.integration.small import DECIDED, NOW, POINTS, World

from dure.engine.routing import Wish
from dure.hub import clock, programmes
from dure.hub.allocations import members, reclaiming, scenarios
from dure.hub.allocations import operations as allocations
from dure.hub.allocations.models import Scenario
from dure.hub.api import api
from dure.hub.audit.models import Event
from dure.hub.calls import operations as calls
from dure.hub.calls.models import Application
from dure.hub.incidents import operations as incidents
from dure.hub.incidents.models import Incident, MaintenanceWindow, NodeRemoval
from dure.hub.jobs import operations as jobs
from dure.hub.jobs.models import Job
from dure.hub.notices import operations as notices
from dure.hub.notices.models import Notice
from dure.hub.people import operations as people
from dure.hub.people.gate import NotPermitted
from dure.hub.people.models import PersonalToken, Role, User
from dure.hub.reports import operations as reports
from dure.hub.reviews import operations as reviews
from dure.hub.reviews.models import Assignment
from dure.hub.studies import operations as studies
from dure.hub.studies.models import Study
from dure.hub.supply import operations as supply
from dure.hub.supply.queries import rules
from dure.vocabulary.scenario import Change

pytestmark = pytest.mark.django_db

MODULES: Final[tuple[ModuleType, ...]] = (
    people, supply, calls, reviews, allocations, members, scenarios, reports, programmes, studies,
    incidents,
    jobs,
)  # fmt: skip

Try = Callable[[World, User], object]


def _assignment(world: World) -> Assignment:
    return Assignment.objects.filter(reviewer=world["reviewer1"]).earliest("pk")


def _draft(world: World) -> Application:
    return Application.objects.get(applicant=world["ann"], state="draft")


def _job_asked(world: World) -> jobs.Asked:
    anns = world.allocation("ann").project
    return jobs.Asked(project=anns, command=("true",), wish=Wish(accelerators=1))


def _job(world: World) -> Job:
    """Ann's, as if it stood."""
    return Job(project=world.allocation("ann").project, submitted_by=world["ann"], order="x")


def _scenario(world: World) -> Scenario:
    return Scenario(
        decision=world.call.decisions.get(kind="round"), name="x", change={}, made_by=world.operator
    )


OPERATORS_ONLY: Final[dict[str, Try]] = {
    "jobs.tidy": lambda _w, by: jobs.tidy(by=by, now=NOW),
    "people.add_organisation": lambda _w, by: people.add_organisation(
        name="x", sector="industry", region="capital", by=by, now=NOW
    ),
    "people.add_user": lambda _w, by: people.add_user(
        username="x", role=Role.OPERATOR, by=by, now=NOW
    ),
    "people.issue_token": lambda w, by: people.issue_token(
        user=w.operator, label="x", by=by, now=NOW
    ),
    "people.set_password": lambda w, by: people.set_password(
        user=w.operator, password="x", by=by, now=NOW
    ),
    "supply.store_programme": lambda w, by: supply.store_programme(
        programme=rules(w.programme), by=by, now=NOW
    ),
    "supply.provider_organisation": lambda _w, by: supply.provider_organisation(
        provider=small.cluster().provider, by=by, now=NOW
    ),
    "supply.issue_enrolment_token": lambda _w, by: supply.issue_enrolment_token(
        cluster=small.cluster(), by=by, now=NOW
    ),
    "programmes.load": lambda w, by: programmes.load(programme=rules(w.programme), by=by, now=NOW),
    "calls.announce_calls": lambda w, by: calls.announce_calls(
        programme=w.programme, by=by, now=NOW
    ),
    "calls.open_call": lambda w, by: calls.open_call(call=w.call, by=by, now=NOW),
    "calls.close_call": lambda w, by: calls.close_call(call=w.call, by=by, now=NOW),
    "calls.screen_call": lambda w, by: calls.screen_call(call=w.call, by=by, now=NOW),
    "reviews.assign_reviewers": lambda w, by: reviews.assign_reviewers(call=w.call, by=by, now=NOW),
    "incidents.announce_maintenance": lambda _w, by: incidents.announce_maintenance(
        pool=small.pool("pool-b"),
        nodes=(),
        starts_at=DECIDED,
        ends_at=DECIDED,
        why="",
        by=by,
        now=NOW,
    ),
    "incidents.withdraw_maintenance": lambda _w, by: incidents.withdraw_maintenance(
        window=MaintenanceWindow(pool=small.pool("pool-b")), by=by, now=NOW
    ),
    "incidents.release_node": lambda _w, by: incidents.release_node(
        incident=Incident(pool=small.pool("pool-b")), by=by, now=NOW
    ),
    "incidents.decide_removal": lambda _w, by: incidents.decide_removal(
        removal=NodeRemoval(), verdict="approved", by=by, now=NOW
    ),
    "reviews.replace_late": lambda w, by: reviews.replace_late(call=w.call, by=by, now=NOW),
    "reviews.close_stage": lambda w, by: reviews.close_stage(call=w.call, by=by, now=NOW),
    "reviews.describe_reviewer": lambda w, by: reviews.describe_reviewer(
        user=w.operator,
        other_fields=(),
        keywords=(),
        supplies=(),
        past_projects=(),
        by=by,
        now=NOW,
    ),
    "reviews.rank_call": lambda w, by: reviews.rank_call(call=w.call, by=by, now=NOW),
    "allocations.solve_round": lambda w, by: allocations.solve_round(call=w.call, by=by, now=NOW),
    "allocations.approve_decision": lambda w, by: allocations.approve_decision(
        decision=w.call.decisions.latest("pk"), by=by, now=NOW
    ),
    "allocations.withdraw_approval": lambda w, by: allocations.withdraw_approval(
        decision=w.call.decisions.latest("pk"), by=by, now=NOW
    ),
    "allocations.grant_standing": lambda w, by: allocations.grant_standing(
        programme=w.programme, by=by, now=NOW
    ),
    "allocations.add_scenario": lambda w, by: scenarios.add_scenario(
        decision=w.call.decisions.get(kind="round"), change=Change(name="x"), by=by, now=NOW
    ),
    "allocations.remove_scenario": lambda w, by: scenarios.remove_scenario(
        scenario=_scenario(w), by=by, now=NOW
    ),
    "allocations.propose_scenario": lambda w, by: scenarios.propose_scenario(
        scenario=_scenario(w), by=by, now=NOW
    ),
    "studies.ask_study": lambda _w, by: studies.ask_study(
        asked=studies.Asked(name="x", scenario=""), by=by, now=NOW
    ),
    "studies.cancel_study": lambda _w, by: studies.cancel_study(study=Study(), by=by, now=NOW),
    "studies.remove_study": lambda _w, by: studies.remove_study(study=Study(), by=by, now=NOW),
    "studies.expire_studies": lambda _w, by: studies.expire_studies(by=by, now=NOW),
    "reclaiming.exempt": lambda w, by: reclaiming.exempt(
        allocation=w.allocation("ann"), rule="poor-use", by=by, now=NOW
    ),
    "reports.preview_month": lambda w, by: reports.preview_month(
        programme=w.programme, year=2026, month_number=3, by=by, now=NOW
    ),
    "reports.close_month": lambda w, by: reports.close_month(
        programme=w.programme, year=2026, month_number=3, by=by, now=NOW
    ),
}
ANNS_ONLY: Final[dict[str, Try]] = {
    "jobs.order_job": lambda w, by: jobs.order_job(asked=_job_asked(w), by=by, now=DECIDED),
    "jobs.where": lambda w, by: jobs.where(asked=_job_asked(w), by=by, now=DECIDED),
    "jobs.read_job": lambda w, by: jobs.read_job(job=_job(w), by=by, now=DECIDED),
    "calls.save_draft": lambda w, by: calls.save_draft(
        application=_draft(w), answers={"title": "taken"}, by=by, now=NOW
    ),
    "calls.submit_application": lambda w, by: calls.submit_application(
        application=_draft(w), by=by, now=NOW
    ),
    "calls.withdraw_application": lambda w, by: calls.withdraw_application(
        application=_draft(w), by=by, now=NOW
    ),
    "allocations.sign_agreement": lambda w, by: allocations.sign_agreement(
        allocation=w.allocation("ann"), by=by, now=DECIDED
    ),
    "allocations.decline_agreement": lambda w, by: allocations.decline_agreement(
        allocation=w.allocation("ann"), by=by, now=DECIDED
    ),
}
ANNS_OR_OPERATORS: Final[dict[str, Try]] = {
    "jobs.cancel_job": lambda w, by: jobs.cancel_job(job=_job(w), by=by, now=DECIDED),
    "allocations.a_project": lambda w, by: members.a_project(
        key=w.allocation("ann").project.key, by=by
    ),
    "allocations.add": lambda w, by: members.add(
        project=w.allocation("ann").project, user=w["cho"], by=by, now=NOW
    ),
    "allocations.remove": lambda w, by: members.remove(
        project=w.allocation("ann").project, user=w["ann"], by=by, now=NOW
    ),
}
REVIEWERS_ONLY: Final[dict[str, Try]] = {
    "reviews.submit_review": lambda w, by: reviews.submit_review(
        assignment=_assignment(w), points=POINTS, comment="", by=by, now=NOW
    ),
    "reviews.declare_conflict": lambda w, by: reviews.declare_conflict(
        assignment=_assignment(w), by=by, now=NOW
    ),
}
APPLICANTS_ONLY: Final[dict[str, Try]] = {
    "calls.start_application": lambda w, by: calls.start_application(call=w.call, by=by, now=NOW),
}
BARRED: Final[tuple[tuple[dict[str, Try], tuple[str, ...]], ...]] = (
    (OPERATORS_ONLY, ("ann", "reviewer1", "supplier", "auditor")),
    (ANNS_ONLY, ("bob", "reviewer1", "supplier", "auditor", "operator")),
    (ANNS_OR_OPERATORS, ("bob", "reviewer1", "reviewer3", "supplier", "auditor")),
    (REVIEWERS_ONLY, ("ann", "reviewer2", "supplier", "auditor", "operator")),
    (APPLICANTS_ONLY, ("reviewer1", "supplier", "auditor", "operator")),
)


@pytest.fixture
def world() -> World:
    """Decided, with a draft of ann's left over."""
    made = small.opened()
    small.draft(made, "ann", title="left over")
    small.submit(made, "ann")
    small.submit(made, "bob")
    calls.close_call(call=made.call, by=made.operator, now=NOW)
    calls.screen_call(call=made.call, by=made.operator, now=NOW)
    reviews.assign_reviewers(call=made.call, by=made.operator, now=NOW)
    for one in Assignment.objects.select_related("reviewer"):
        reviews.submit_review(assignment=one, points=POINTS, comment="", by=one.reviewer, now=NOW)
    reviews.rank_call(call=made.call, by=made.operator, now=NOW)
    plan = allocations.solve_round(call=made.call, by=made.operator, now=DECIDED)
    allocations.approve_decision(decision=plan, by=made.operator, now=DECIDED)
    return made


def test_no_operation_lets_another_through_and_none_leaves_a_trace(world: World) -> None:
    before = Event.objects.count()
    let_through: list[str] = []
    for table, names in BARRED:
        for label, attempt in table.items():
            for name in names:
                try:
                    attempt(world, world[name])
                except NotPermitted:
                    continue
                let_through.append(f"{label} as {name}")
    assert let_through == []
    assert Event.objects.count() == before


def test_a_person_who_was_made_inactive_may_do_nothing(world: World) -> None:
    world.operator.is_active = False
    world.operator.save(update_fields=["is_active"])
    with pytest.raises(NotPermitted):
        OPERATORS_ONLY["supply.issue_enrolment_token"](world, world.operator)


def test_the_tables_name_every_operation_that_someone_does() -> None:
    named = {label for table, _ in BARRED for label in table}
    found = {
        f"{module.__name__.split('.')[2]}.{name}"
        for module in MODULES
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and "by" in inspect.signature(function).parameters
    }
    assert found == named - {"reclaiming.exempt", "allocations.solve_round"}  # in other modules


def test_nobody_marks_anothers_notice_as_read(world: World) -> None:
    notice = Notice.objects.get(recipient=world["ann"])
    notices.mark_read(notice=notice, by=world["bob"], now=DECIDED)
    assert Notice.objects.get(pk=notice.pk).read_at is None
    notices.mark_read(notice=notice, by=world["ann"], now=DECIDED)
    assert Notice.objects.get(pk=notice.pk).read_at == DECIDED


# (method, path): what bob, an applicant with nothing to do with it, is answered
ENDPOINTS: Final[dict[tuple[str, str], int]] = {
    ("post", "/api/v1/site/enrol"): 422,
    ("post", "/api/v1/site/credential"): 401,
    ("get", "/api/v1/site/desired"): 401,
    ("post", "/api/v1/site/reports"): 401,
    ("get", "/api/v1/organisations/registered-twice"): 404,
    ("get", "/api/v1/tokens"): 200,
    ("delete", "/api/v1/tokens/{token}"): 404,
    ("get", "/api/v1/programme"): 200,
    ("get", "/api/v1/calls"): 200,
    ("get", "/api/v1/rounds/{call}/reviewers"): 404,
    ("get", "/api/v1/rounds/{call}/reviewers/late"): 404,
    ("post", "/api/v1/rounds/{call}/reviewers/replace"): 404,
    ("get", "/api/v1/clusters"): 200,
    ("get", "/api/v1/rounds/{call}"): 404,
    ("get", "/api/v1/rounds/{call}/scores"): 404,
    ("get", "/api/v1/rounds/{call}/scores/sensitivity"): 404,
    ("get", "/api/v1/calls/{call}/screening"): 404,
    ("post", "/api/v1/calls/{call}/screening"): 404,
    ("get", "/api/v1/rounds/{call}/scenarios"): 404,
    ("post", "/api/v1/rounds/{call}/scenarios"): 404,
    ("get", "/api/v1/rounds/{call}/scenarios/{name}"): 404,
    ("delete", "/api/v1/rounds/{call}/scenarios/{name}"): 404,
    ("post", "/api/v1/rounds/{call}/scenarios/{name}/propose"): 404,
    ("post", "/api/v1/rounds/{call}/solve"): 404,
    ("post", "/api/v1/rounds/{call}/approve"): 404,
    ("post", "/api/v1/rounds/{call}/withdraw"): 404,
    ("get", "/api/v1/rounds/{call}/report"): 404,
    ("get", "/api/v1/rounds/{call}/outcomes/{application}"): 404,
    ("post", "/api/v1/decisions/{number}/replay"): 404,
    ("get", "/api/v1/supply-calls"): 200,
    ("get", "/api/v1/supply-calls/{call}/choice"): 404,
    ("post", "/api/v1/supply-calls/{call}/choose"): 404,
    ("post", "/api/v1/supply-calls/{call}/approve"): 404,
    ("get", "/api/v1/studies"): 404,
    ("post", "/api/v1/studies"): 404,
    ("get", "/api/v1/studies/{study}"): 404,
    ("delete", "/api/v1/studies/{study}"): 404,
    ("post", "/api/v1/studies/{study}/cancel"): 404,
    ("get", "/api/v1/studies/{study}/files/{name}"): 404,
    ("get", "/api/v1/jobs"): 200,
    ("post", "/api/v1/jobs"): 404,
    ("post", "/api/v1/jobs/route"): 404,
    ("get", "/api/v1/jobs/{job}"): 404,
    ("get", "/api/v1/jobs/{job}/log"): 404,
    ("post", "/api/v1/jobs/{job}/cancel"): 404,
    ("get", "/api/v1/incidents"): 404,
    ("get", "/api/v1/maintenance"): 404,
    ("post", "/api/v1/maintenance"): 404,
    ("get", "/api/v1/allocations"): 200,
    ("get", "/api/v1/ledger"): 404,
    ("get", "/api/v1/audit/verify"): 404,
}
A_BODY: Final = {
    "change": {"name": "x"}, "name": "x", "scenario": "",
    "pool": "none", "starts": "2026-01-01T00:00Z", "ends": "2026-01-02T00:00Z",
    "project": "none", "command": ["true"], "accelerators": 1,
}  # fmt: skip
"""What endpoints ask for, so that it is the gate that answers."""

PUBLIC: Final = {"/api/v1/site/enrol"}  # asks for no bearer; others refuse a bad one, even if open


def ask(method: str, path: str, token: str = "", **body: object) -> tuple[int, object]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    response = Client(headers=headers).generic(
        method.upper(),
        path.format(
            call="first",
            application="first-0001",
            name="x",
            number=body.get("plan", 1),
            token=body.get("held", 0),
            study=1,
            job=1,
        ),
        json.dumps(body) if method == "post" else b"",
        "application/json",
    )
    return response.status_code, response.json() if response.content else None


@pytest.fixture
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: DECIDED)


def token(user: User) -> str:
    return people.issue_token(user=user, label="test", by=user, now=DECIDED)


def test_the_table_names_every_endpoint() -> None:
    document = api.get_openapi_schema()
    assert set(ENDPOINTS) == {
        (method, path) for path, methods in document["paths"].items() for method in methods
    }


@pytest.mark.usefixtures("_then")
def test_no_endpoint_lets_a_stranger_through(world: World) -> None:
    plan = world.call.decisions.latest("pk").number
    bobs = token(world["bob"])
    token(world["ann"])
    anns = PersonalToken.objects.get(user=world["ann"]).pk
    answers = {
        (method, path): ask(method, path, bobs, plan=plan, held=anns, **A_BODY)[0]
        for method, path in ENDPOINTS
    }
    assert answers == ENDPOINTS
    unknown = {
        path: ask(method, path, "not-a-token", plan=plan)[0]
        for method, path in ENDPOINTS
        if path not in PUBLIC
    }
    assert set(unknown.values()) == {401}


@pytest.mark.usefixtures("_then")
def test_a_person_sees_their_own_and_nothing_of_the_others(world: World) -> None:
    bobs, suppliers = token(world["bob"]), token(world["supplier"])
    mine, anns = world.allocation("bob"), world.allocation("ann")
    _, seen = ask("get", "/api/v1/allocations", bobs)
    assert isinstance(seen, list)
    assert [one["id"] for one in seen] == [mine.key]
    assert ask("get", f"/api/v1/ledger?allocation={mine.key}", bobs) == (200, [])
    assert ask("get", f"/api/v1/ledger?allocation={anns.key}", bobs)[0] == 404
    assert ask("get", "/api/v1/clusters", bobs) == (200, [])
    _, clusters = ask("get", "/api/v1/clusters", suppliers)
    assert isinstance(clusters, list)
    assert [one["id"] for one in clusters] == ["centre-a"]


@pytest.mark.usefixtures("_then")
def test_what_is_not_there_and_what_is_not_ones_own_answer_alike(world: World) -> None:
    bobs = token(world["bob"])
    foreign = ask("get", f"/api/v1/ledger?allocation={world.allocation('ann').key}", bobs)
    assert ask("get", "/api/v1/ledger?allocation=there-is-none", bobs) == foreign
    assert ask("get", "/api/v1/rounds/none", bobs) == ask("get", "/api/v1/rounds/first", bobs)


@pytest.mark.usefixtures("_then")
def test_an_operator_approves_by_number_and_twice_is_once(world: World) -> None:
    operators = token(world.operator)
    plan = world.call.decisions.latest("pk").number
    for _ in range(2):
        status, body = ask("post", "/api/v1/rounds/first/approve", operators, plan=plan)
        assert isinstance(body, dict)
        assert (status, body["status"]) == (200, "applied")
    status, problem = ask("post", "/api/v1/rounds/first/solve", operators)
    assert isinstance(problem, dict)
    assert (status, problem["type"]) == (409, "not-at-this-stage")
