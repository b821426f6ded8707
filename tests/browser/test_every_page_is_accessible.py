"""Every page of applicants, reviewers and the public, in both languages, on a desk and a phone."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.browser import world
from tests.browser.conftest import DESK, PHONE, Visit, Visitor
from tests.browser.portal import RULES

from dure.hub.calls.models import Application, Call, DuplicatePair
from dure.hub.people.models import Organisation
from dure.hub.reviews.models import Assignment
from dure.vocabulary.plans import Reason

pytestmark = [
    pytest.mark.browser,
    pytest.mark.database,
    pytest.mark.django_db(transaction=True),
]

PUBLIC = ("/", "/calls/", "/calls/kr-2026-r1/", "/models/", "/login/", "/nowhere/")


def wrong(visitor: Visitor, path: str) -> list[str]:
    """What is wrong with the page, in a line each."""
    page = visitor.go(path)
    found = Axe().run(page, options=RULES).response["violations"]
    problems = [f"{path}: {violation['help']}" for violation in found]
    if page.locator("h1").count() != 1:
        problems.append(f"{path}: has {page.locator('h1').count()} first headings")
    for width, height in (DESK, PHONE):
        page.set_viewport_size({"width": width, "height": height})
        if visitor.sideways() > 0:
            problems.append(f"{path}: {visitor.sideways()} px too wide at {width}")
    page.set_viewport_size({"width": visitor.size[0], "height": visitor.size[1]})
    if not page.evaluate("document.fonts.check('16px Pretendard', '한')"):
        problems.append(f"{path}: the font is not there")
    return problems


def walk(visitor: Visitor, username: str | None, paths: tuple[str, ...]) -> list[str]:
    if username:
        visitor.sign_in(username)
    visitor.refusals.add(404)  # /nowhere/
    return [problem for path in paths for problem in wrong(visitor, path)]


@pytest.mark.parametrize(("language", "size"), [("ko", DESK), ("en", PHONE)])
def test_no_page_breaks_a_rule_of_wcag_2_1_aa(
    visit: Visit, language: str, size: tuple[int, int]
) -> None:
    world.decided_world()
    draft = Application.objects.get(state=Application.State.DRAFT).number
    done = Application.objects.filter(state=Application.State.AWARDED).earliest("pk").number
    review = Assignment.objects.filter(reviewer__username="reviewer1").earliest("pk").pk

    def arrive() -> Visitor:
        return visit(language=language, size=size)

    found = walk(arrive(), None, (*PUBLIC, "/models/dure-med-7b/"))
    found += walk(
        arrive(),
        "applicant",
        (
            "/applications/",
            f"/applications/{done}/",
            f"/applications/{draft}/edit/",
            f"/applications/{draft}/submit/",
            "/notices/",
            "/password/",
        ),
    )
    organisation = Organisation.objects.earliest("pk").pk
    DuplicatePair.objects.create(
        call=Call.objects.get(),
        first=Application.objects.get(number=done),
        second=Application.objects.get(number=draft),
        percent=90,
        evidence=[Reason(code="duplicate.text", params={"percent": 90}).model_dump()],
    )
    found += walk(
        arrive(),
        "operator",
        (
            "/calls/kr-2026-r1/screening/",
            "/calls/kr-2026-r1/screening/?list=refused",
            "/organisations/",
            f"/organisations/{organisation}/",
        ),
    )
    found += walk(arrive(), "reviewer1", ("/reviews/", f"/reviews/{review}/", "/reviews/me/"))
    assert found == []
