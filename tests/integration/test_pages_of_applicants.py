"""Pages of applicants, reviewers and the public: who sees what, how many queries a list costs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import pytest
from django.test import Client, RequestFactory
from pytest_django import Settings
from tests.browser.world import NOW, POINTS, World, decided_world, open_world, reviewing_world

from dure.hub.allocations.models import Allocation, Decision, Outcome, Project, WaitlistEntry
from dure.hub.calls.models import Application, Call
from dure.hub.market.models import Listing
from dure.hub.notices.operations import tell
from dure.hub.people.models import User
from dure.hub.portal.pages import broken
from dure.hub.portal.templatetags.dure import PAGE_SIZE
from dure.hub.reviews.models import Assignment, Review, Stage
from dure.hub.supply.models import Pool
from dure.vocabulary.plans import Reason

pytestmark = [pytest.mark.database, pytest.mark.django_db]

ROWS = 200
BUDGET = 12
AtMost = Callable[[int], AbstractContextManager[object]]


@pytest.fixture(autouse=True)
def _january(settings: Settings) -> None:
    settings.DURE_CLOCK_OFFSET_S = round((NOW - datetime.now(UTC)).total_seconds())


def signed_in(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def many_decided(world: World) -> None:
    """Two hundred more applications of the applicant's organisation, each with all it can have."""
    call = Call.objects.get()
    decision = Decision.objects.get(kind="round")
    pool = Pool.objects.get(key="naver-h200-a")
    reason = Reason(code="round.awarded", params={"servers": 1, "pool": pool.key, "rank": 1})
    made = Application.objects.bulk_create(
        Application(
            call=call,
            number=f"many-{n}",
            organisation=world.applicant.organisation,
            applicant=world.applicant,
            state=Application.State.AWARDED,
            title=f"과제 {n}",
            amount=1,
            created_at=NOW,
            submitted_at=NOW,
        )
        for n in range(ROWS)
    )
    Outcome.objects.bulk_create(
        Outcome(
            decision=decision,
            application=application,
            outcome="awarded",
            pool=pool,
            servers=1,
            months=1,
            reason=reason.model_dump(mode="json"),
        )
        for application in made
    )
    projects = Project.objects.bulk_create(
        Project(
            programme=call.programme,
            key=f"p-{application.number}",
            title=application.title,
            organisation=application.organisation,
            application=application,
        )
        for application in made
    )
    Allocation.objects.bulk_create(
        Allocation(
            key=f"al-{project.key}",
            project=project,
            pool=pool,
            servers=1,
            starts_at=NOW,
            ends_at=NOW.replace(month=6),
        )
        for project in projects
    )
    WaitlistEntry.objects.bulk_create(
        WaitlistEntry(application=a, project=p, position=n, since=NOW)
        for n, (a, p) in enumerate(zip(made, projects, strict=True), start=1)
    )
    Listing.objects.bulk_create(
        Listing(
            project=project,
            slug=f"model-{project.pk}",
            name="모델",
            summary="요약",
            licence="Apache-2.0",
            state=Listing.State.PUBLISHED,
            published_at=NOW,
        )
        for project in projects
    )
    for n in range(ROWS):
        tell(people=[world.applicant], subject=f"many-{n}", reason=reason, now=NOW)


def many_assigned(world: World) -> None:
    call = Call.objects.get()
    stage = Stage.objects.get(call=call)
    made = Application.objects.bulk_create(
        Application(
            call=call,
            number=f"many-{n}",
            organisation=world.neighbour.organisation,
            applicant=world.neighbour,
            state=Application.State.ADMITTED,
            title=f"과제 {n}",
            created_at=NOW,
            submitted_at=NOW,
        )
        for n in range(ROWS)
    )
    assigned = Assignment.objects.bulk_create(
        Assignment(
            stage=stage,
            application=application,
            reviewer=world.reviewer,
            assigned_at=NOW,
            due_at=stage.due_at,
        )
        for application in made
    )
    Review.objects.bulk_create(
        Review(assignment=assignment, points=POINTS, submitted_at=NOW)
        for assignment in assigned[: ROWS // 2]
    )


@pytest.mark.parametrize("path", ["/", "/calls/", "/applications/", "/notices/", "/models/"])
def test_a_list_of_two_hundred_costs_at_most_twelve_queries(
    client: Client, path: str, django_assert_max_num_queries: AtMost
) -> None:
    world = decided_world()
    many_decided(world)
    applicant = signed_in(client, world.applicant)
    applicant.get("/calls/")
    with django_assert_max_num_queries(BUDGET):
        response = applicant.get(path)
    assert response.status_code == 200


def test_a_reviewers_two_hundred_assignments_cost_at_most_twelve_queries(
    client: Client, django_assert_max_num_queries: AtMost
) -> None:
    world = reviewing_world()
    many_assigned(world)
    reviewer = signed_in(client, world.reviewer)
    seen: set[str] = set()
    for path in ("/reviews/?list=to-do", "/reviews/?list=done"):
        with django_assert_max_num_queries(BUDGET):
            response = reviewer.get(path)
        assert response.content.decode().count("<tr>") == PAGE_SIZE + 1  # and the head
        for page in range(1, response.context["page"].paginator.num_pages + 1):
            listed = reviewer.get(f"{path}&page={page}").context["page"]
            seen |= {assignment.application.number for assignment in listed}
    assert len(seen) >= ROWS


def test_another_organisations_application_is_not_there(client: Client) -> None:
    world = reviewing_world()
    theirs = Application.objects.get(organisation=world.neighbour.organisation).number
    applicant = signed_in(client, world.applicant)
    for page in ("", "edit/", "submit/"):
        assert applicant.get(f"/applications/{theirs}/{page}").status_code == 404
    assert applicant.post(f"/applications/{theirs}/withdraw/").status_code == 404
    assert applicant.get("/applications/no-such-number/").status_code == 404


def test_another_reviewers_assignment_is_not_there(client: Client) -> None:
    world = reviewing_world()
    theirs = Assignment.objects.exclude(reviewer=world.reviewer).earliest("pk")
    reviewer = signed_in(client, world.reviewer)
    assert reviewer.get(f"/reviews/{theirs.pk}/").status_code == 404
    assert reviewer.post(f"/reviews/{theirs.pk}/conflict/").status_code == 404


def test_a_reviewer_who_joins_the_applicants_organisation_no_longer_sees_it(
    client: Client,
) -> None:
    world = reviewing_world()
    mine = Assignment.objects.filter(
        reviewer=world.reviewer, application__organisation=world.applicant.organisation
    ).earliest("pk")
    world.reviewer.organisation = world.applicant.organisation
    world.reviewer.save()
    reviewer = signed_in(client, world.reviewer)
    assert reviewer.get(f"/reviews/{mine.pk}/").status_code == 404
    assert mine.application.number not in reviewer.get("/reviews/").content.decode()


@pytest.mark.parametrize("path", ["/applications/", "/reviews/", "/notices/", "/home/"])
def test_a_visitor_is_led_to_the_login_page_and_back(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.headers["Location"] == f"/login/?next={path}"


@pytest.mark.parametrize(
    ("who", "first"),
    [("applicant", "/applications/"), ("reviewer1", "/reviews/"), ("operator", "/operate/")],
)
def test_each_role_starts_at_its_own_first_page(client: Client, who: str, first: str) -> None:
    open_world()
    user = signed_in(client, User.objects.get(username=who))
    assert user.get("/home/").headers["Location"] == first
    assert user.get(first).status_code == 200


def test_what_people_wrote_is_escaped(client: Client) -> None:
    world = reviewing_world()
    page = signed_in(client, world.neighbour).get("/applications/").content.decode()
    assert "제조 결함 탐지 &lt;모델&gt;" in page
    assert "<모델>" not in page


def test_the_decision_and_its_reason_are_given_in_the_readers_language(client: Client) -> None:
    world = decided_world()
    applicant = signed_in(client, world.applicant)
    korean = applicant.get("/applications/", headers={"Accept-Language": "ko"}).content.decode()
    english = applicant.get("/applications/", headers={"Accept-Language": "en"}).content.decode()
    assert "신청한 자원을 모두 자원 풀 naver-h200-b에서 배정하였습니다." in korean
    assert "Awarded all that was requested, in pool naver-h200-b" in english


def test_the_front_page_tells_the_funnel_in_published_figures(client: Client) -> None:
    decided_world()
    page = client.get("/", headers={"Accept-Language": "en"}).content.decode()
    for said in ("1,307", "10,456 accelerators", "542", "3 applications", "3 projects"):
        assert said in page


def test_pages_load_nothing_from_elsewhere_and_run_nothing_inline(client: Client) -> None:
    open_world()
    response = client.get("/")
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert " style=" not in response.content.decode()


def test_a_failed_page_says_so_and_asks_nothing_of_the_database(
    django_assert_max_num_queries: AtMost,
) -> None:
    with django_assert_max_num_queries(0):
        response = broken(RequestFactory().get("/"))
    assert response.status_code == 500
    assert "<h1>" in response.content.decode()
