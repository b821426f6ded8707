"""The way of an application through the pages, in both languages."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect
from tests.browser import world
from tests.browser.conftest import Visit

from dure.hub.calls import operations as calls
from dure.hub.calls.models import Application
from dure.hub.reviews.models import Assignment, DeclaredConflict, Review

pytestmark = [
    pytest.mark.browser,
    pytest.mark.database,
    pytest.mark.django_db(transaction=True),
]


@dataclass(frozen=True)
class Words:
    """What the reader of one language sees."""

    call: str
    apply: str
    save: str
    check: str
    saved: str
    not_a_number: str
    answer: str
    meets: str
    submit: str
    submitted: str
    conflict: str
    recorded: str


WORDS = {
    "ko": Words(
        call="2026년 1차 공모",
        apply="신청하기",
        save="임시 저장",
        check="확인 후 제출",
        saved="작성 중인 신청서를 저장하였습니다.",
        not_a_number="서버 수: 정수로 적어 주십시오.",
        answer="과제명: 이 문항에 답해 주십시오.",
        meets="신청이 모든 자격 요건을 충족합니다.",
        submit="제출",
        submitted="신청서를 제출하였습니다.",
        conflict="이해충돌 신고",
        recorded="평가를 기록하였습니다.",
    ),
    "en": Words(
        call="2026 round 1",
        apply="Apply",
        save="Save draft",
        check="Check and submit",
        saved="Your draft is saved.",
        not_a_number="Servers: Please write a whole number.",
        answer="Title: Please answer this question.",
        meets="The application meets every eligibility rule.",
        submit="Submit",
        submitted="Your application has been submitted.",
        conflict="Declare a conflict",
        recorded="is recorded.",
    ),
}


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def fill_in(page: Page, **changed: str) -> None:
    """Types the answers of a complete application into the form."""
    for question, answer in {**world.ANSWERS, **changed}.items():
        radio = page.locator(f'input[type="radio"][name="{question}"][value="{answer}"]')
        if radio.count():
            radio.check()
        elif page.locator(f'select[name="{question}"]').count():
            page.select_option(f'select[name="{question}"]', str(answer))
        else:
            page.fill(f'[name="{question}"]', str(answer))


@pytest.mark.parametrize("language", ["ko", "en"])
def test_an_applicant_goes_from_the_front_page_to_a_submitted_application(
    visit: Visit, language: str
) -> None:
    world.open_world()
    words = WORDS[language]
    visitor = visit(language=language)
    page = visitor.go("/")
    expect(page.locator("html")).to_have_attribute("lang", language)
    page.get_by_role("link", name=words.call).click()
    page.locator("main a.button").click()
    page.fill("#id_username", "applicant")
    page.fill("#id_password", world.PASSWORD)
    page.click("main button")
    press(page, words.apply)

    press(page, words.check)
    page.get_by_role("link", name=words.answer).click()
    expect(page.locator("#id_title")).to_be_in_viewport()

    fill_in(page, servers="넷")
    press(page, words.save)
    visitor.refusals.add(422)
    summary = page.get_by_role("alert")
    expect(summary.get_by_role("link", name=words.not_a_number)).to_be_visible()
    expect(page.locator("#id_servers")).to_have_value("넷")
    expect(page.locator("#id_servers")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#id_title")).to_have_value(str(world.ANSWERS["title"]))

    page.fill("#id_servers", "4")
    press(page, words.save)
    expect(page.get_by_role("status")).to_have_text(words.saved)
    press(page, words.check)
    expect(page.get_by_text(words.meets)).to_be_visible()
    press(page, words.submit)
    expect(page.get_by_role("status")).to_have_text(words.submitted)

    application = Application.objects.get()
    assert (application.state, application.amount) == (Application.State.SUBMITTED, 4)


def test_a_refused_rule_is_named_before_submission_and_links_to_its_question(visit: Visit) -> None:
    here = world.open_world()
    draft = calls.start_application(call=here.call, by=here.applicant, now=world.NOW)
    answers = {**world.ANSWERS, "consent_reclaim": "no"}
    calls.save_draft(application=draft, answers=answers, by=here.applicant, now=world.NOW)
    visitor = visit(language="ko")
    visitor.sign_in("applicant")
    page = visitor.go(f"/applications/{draft.number}/submit/")
    page.get_by_role("link", name="환수에 대한 동의가 필요합니다.").click()
    assert page.url.endswith("/edit/#id_consent_reclaim")
    expect(page.locator("#id_consent_reclaim")).to_be_in_viewport()


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_reviewer_scores_with_and_without_script(
    visit: Visit, language: str, *, script: bool
) -> None:
    here = world.reviewing_world()
    words = WORDS[language]
    visitor = visit(language=language, script=script)
    visitor.sign_in("reviewer1")
    page = visitor.page
    page.locator("main table a").first.click()
    for criterion, points in world.POINTS.items():
        page.fill(f"#id_{criterion}", str(points))
    if script:
        expect(page.locator(".total output")).to_have_text("75")
    page.locator("main form button").first.click()
    expect(page.get_by_role("status")).to_contain_text(words.recorded)
    review = Review.objects.get()
    assert review.points == world.POINTS
    assert review.assignment.reviewer == here.reviewer


def test_points_beyond_the_criterion_are_refused_and_shown_again(visit: Visit) -> None:
    world.reviewing_world()
    visitor = visit(language="ko")
    visitor.sign_in("reviewer1")
    page = visitor.page
    page.locator("main table a").first.click()
    for criterion in world.POINTS:
        page.fill(f"#id_{criterion}", "99")
    page.locator("main form button").first.click()
    visitor.refusals.add(422)
    expect(page.get_by_role("alert")).to_contain_text("적을 수 있는 가장 큰 수는 40입니다.")
    expect(page.locator("#id_ripple")).to_have_value("99")
    assert not Review.objects.exists()


def test_a_declared_conflict_takes_the_application_out_of_sight(visit: Visit) -> None:
    here = world.reviewing_world()
    assignment = Assignment.objects.filter(reviewer=here.reviewer).earliest("pk")
    visitor = visit(language="ko")
    visitor.sign_in("reviewer1")
    page = visitor.go(f"/reviews/{assignment.pk}/")
    press(page, WORDS["ko"].conflict)
    expect(page.get_by_role("status")).to_contain_text(assignment.application.number)
    assert DeclaredConflict.objects.filter(reviewer=here.reviewer).exists()
    visitor.go(f"/reviews/{assignment.pk}/")
    visitor.refusals.add(404)
    expect(page.get_by_role("heading", level=1)).to_have_text("화면을 찾을 수 없습니다")


def test_the_language_switch_stays_on_the_page(visit: Visit) -> None:
    world.open_world()
    visitor = visit(language="ko", script=False)
    page = visitor.go("/calls/?page=1")
    page.get_by_role("button", name="English").click()
    assert page.url.endswith("/calls/?page=1")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", level=1)).to_have_text("Calls")
    page.get_by_role("button", name="한국어").click()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
