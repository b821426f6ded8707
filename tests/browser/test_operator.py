"""The operator's way through a round in real Chromium, and the accessibility of the pages.

Solve, read a reason, approve on the confirmation page; then the applicant reads the duties and
signs. Every page is checked with axe in both languages, on a desk and on a phone.
"""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from tests.integration.operated import LATER, outage, ranked_world, running_world

from dure.hub import clock
from dure.hub.allocations import scenarios
from dure.hub.allocations.models import Allocation, Decision
from dure.hub.people.models import User
from dure.vocabulary.scenario import Change

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
OFFERED = "p-kr-2026-r1-0002-a1"
HERE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("operate", ()),
    ("round", ("kr-2026-r1",)),
    ("scenarios", ("kr-2026-r1",)),
    ("scenario-add", ("kr-2026-r1",)),
    ("decision", ("kr-gpu-2026", "4")),
    ("allocations", ()),
    ("allocation", ("p-kr-2026-r1-0003-a1",)),
    ("clusters", ()),
    ("cluster", ("naver-h200-a",)),
    ("ledger", ()),
    ("ledger-balances", ()),
    ("months", ()),
    ("month", ("2026", "3")),
    ("month-close", ()),
    ("audit", ()),
    ("organisations-twice", ()),
    ("tokens", ()),
    ("members", ("p-kr-2026-r1-0003",)),
)


@pytest.fixture(autouse=True)
def _a_hub_for_loopback(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(clock, "now", lambda: LATER)


def of(browser: Browser, server: LiveServer, user: User, locale: str) -> BrowserContext:
    """A browser in which this person has signed in."""
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    context = browser.new_context(base_url=server.url, locale=locale, viewport=DESK)
    context.set_default_timeout(15_000)
    context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": server.url}]
    )
    return context


def test_a_round_is_solved_read_approved_and_its_award_signed(
    browser: Browser, live_server: LiveServer
) -> None:
    operated = ranked_world()
    with of(browser, live_server, operated.world.operator, "en-US") as context:
        page = context.new_page()
        page.goto(reverse("operate"))
        page.get_by_role("link", name="To the round").click()
        page.get_by_role("button", name="Make the plan").click()
        expect(page.get_by_text("Proven optimal")).to_be_visible()
        row = page.get_by_role("row").filter(has_text="기후 예측 기반모델")
        expect(row).to_contain_text("Awarded all that was requested")
        page.get_by_role("link", name="Look and approve").click()
        assert Decision.objects.get(kind="round").state == Decision.State.PROPOSED
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_text(re.compile(r"Plan \d+ is approved"))).to_be_visible()
    with of(browser, live_server, operated.world.neighbour, "ko-KR") as context:
        page = context.new_page()
        page.goto(reverse("allocations"))
        page.get_by_role("link", name="제조 결함 탐지 <모델>").click()
        page.locator("a[href$='/sign/']").click()
        page.locator("button[value=sign]").click()
        assert page.locator("input[name=duties_read]:invalid").count() == 1
        page.locator("input[name=duties_read]").check()
        page.locator("button[value=sign]").click()
        expect(page.locator(".badge-positive").first).to_be_visible()
    signed = Allocation.objects.get(project__organisation=operated.world.neighbour.organisation)
    assert signed.state == Allocation.State.ACTIVE


@pytest.mark.parametrize("locale", ["ko-KR", "en-US"])
def test_every_operators_page_is_accessible_and_fits_a_phone(
    browser: Browser, live_server: LiveServer, locale: str
) -> None:
    operated = running_world()
    problems: list[str] = []
    with of(browser, live_server, operated.world.operator, locale) as context:
        page = context.new_page()
        page.on(
            "console", lambda said: problems.append(said.text) if said.type == "error" else None
        )
        scenario = _scenario(operated.world.operator)
        made = (
            ("scenario", scenario),
            ("scenario-propose", scenario),
            ("incident", (outage()[0],)),
            ("incidents", ()),
            ("maintenance-announce", ()),
        )
        for name, args in (*made, *HERE):
            problems += _problems(page, reverse(name, args=args))
    with of(browser, live_server, operated.world.applicant, locale) as context:
        page = context.new_page()
        problems += _problems(page, reverse("agreement-sign", args=[OFFERED]))
    assert problems == []


def _scenario(operator: User) -> tuple[str, ...]:
    """A scenario that serves fewer: the address of its page."""
    decision = Decision.objects.get(kind="round")
    most = max(decision.snapshot["offers"], key=lambda offer: max(offer["servers"]))
    fewer = {"name": "fewer", "supply": {most["pool"]: {"to": 2}}, "organisation_cap": 8}
    made = scenarios.add_scenario(
        decision=decision, change=Change.model_validate(fewer), by=operator, now=LATER
    )
    return "kr-2026-r1", str(made.pk)


def _error(said: ConsoleMessage) -> list[str]:
    """What Chromium complains of; a refused inline style or script is such a complaint."""
    return [said.text] if said.type == "error" else []


def _problems(page: Page, address: str) -> list[str]:
    """What axe finds at desk width, and whether a phone would scroll sideways."""
    page.set_viewport_size(DESK)
    answer = page.goto(address)
    assert answer is not None
    assert answer.ok, address
    found = [
        f"{address}: {violation['id']}: {violation['nodes'][0]['html']}"
        for violation in Axe().run(page).response["violations"]
    ]
    page.set_viewport_size(PHONE)
    width = page.evaluate("document.documentElement.scrollWidth")
    return found if width <= PHONE["width"] else [*found, f"{address}: {width} px on a phone"]
