"""Real Chromium on a live server.

- The hub's clock is set to January 2026, when the first call was open.
- Whatever a page writes to its console as an error (a refused script, a missing file) fails the
  test; so does a page whose content is wider than the window.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from tests.browser.world import NOW, PASSWORD

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESK, PHONE = (1280, 900), (360, 740)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # Playwright's loop runs in this thread; what Django refuses there is safe: nobody awaits here.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def january(settings: Settings) -> None:
    """The hub lives in January 2026, and sessions travel over plain HTTP."""
    settings.DURE_CLOCK_OFFSET_S = round((NOW - datetime.now(UTC)).total_seconds())
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False


@dataclass
class Visitor:
    """Somebody at a browser."""

    page: Page
    base: str
    size: tuple[int, int]
    complaints: list[str] = field(default_factory=list)
    refusals: set[int] = field(default_factory=set)
    """Statuses that this visit is meant to meet; Chromium reports each as an error."""

    def go(self, path: str) -> Page:
        self.page.goto(self.base + path)
        return self.page

    def sign_in(self, username: str) -> None:
        self.go("/login/")
        self.page.fill("#id_username", username)
        self.page.fill("#id_password", PASSWORD)
        self.page.click("main button")

    def unexpected(self) -> list[str]:
        """What the console said, less the refusals that were meant."""
        meant = tuple(f"status of {status}" for status in self.refusals)
        return [said for said in self.complaints if not any(m in said for m in meant)]

    def sideways(self) -> int:
        """Pixels that the page is wider than the window."""
        root = "document.documentElement"
        return int(self.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth"))


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(browser: Browser, live_server: LiveServer, january: None) -> Iterator[Visit]:
    """Opens a browser of its own: `visit(language="ko", size=DESK)`."""
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def arrive(
        *, language: str = "ko", size: tuple[int, int] = DESK, script: bool = True
    ) -> Visitor:
        context = browser.new_context(
            locale=language,
            viewport={"width": size[0], "height": size[1]},
            java_script_enabled=script,
        )
        contexts.append(context)
        visitor = Visitor(context.new_page(), live_server.url, size)
        visitor.page.on(
            "console",
            lambda said: visitor.complaints.append(said.text) if said.type == "error" else None,
        )
        visitors.append(visitor)
        return visitor

    yield arrive
    for context in contexts:
        context.close()
    assert [complaint for visitor in visitors for complaint in visitor.unexpected()] == []
