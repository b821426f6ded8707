"""A what-if study in real Chromium, on a served hub: its worker plays it with the real twin."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect
from tests.answering import until_it_answers

pytestmark = [pytest.mark.browser, pytest.mark.processes]

ROOT = Path(__file__).parents[2]
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
PASSWORD = "a-password-of-a-test"
PLAYED_MS = 600_000
"""Eight CPU seconds of play, and a minute of compiling where the kernel has changed."""

_SET_UP = f"""
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0, interactive=False)
from tests.integration import small
from dure.hub.people.gate import STEWARD
from dure.hub.people import operations as people
world = small.opened()
people.set_password(user=world.operator, password={PASSWORD!r}, by=STEWARD, now=small.NOW)
"""


def _environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DURE_")}
    return {
        **kept,
        "DURE_HOME": str(home),
        "DURE_INSECURE_COOKIES": "1",
        "DJANGO_SETTINGS_MODULE": "dure.hub.settings",
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """The address of a served hub with a programme, an operator and a study worker."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    environment = _environment(tmp_path)
    subprocess.run([sys.executable, "-c", _SET_UP], env=environment, check=True)
    log = tmp_path / "log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "dure", "hub", "serve", "--port", str(port)],
            env=environment, stdout=out, stderr=out,
        )  # fmt: skip
        try:
            until_it_answers(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=60)


@contextmanager
def _operator(browser: Browser, hub: str, locale: str) -> Iterator[tuple[BrowserContext, Page]]:
    context = browser.new_context(base_url=hub, locale=locale, viewport=DESK)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.goto("/login/")
    page.fill("#id_username", "operator")
    page.fill("#id_password", PASSWORD)
    page.click("main button")
    yield context, page
    context.close()
    assert complaints == []


def _wrong(page: Page, path: str) -> list[str]:
    page.goto(path)
    found = Axe().run(page, options=RULES).response["violations"]
    problems = [f"{path}: {one['help']}" for one in found]
    for size in (DESK, PHONE):
        page.set_viewport_size(size)
        root = "document.documentElement"
        if page.evaluate(f"{root}.scrollWidth > {root}.clientWidth"):
            problems.append(f"{path}: too wide at {size['width']}")
    page.set_viewport_size(DESK)
    return problems


def test_a_study_is_asked_played_by_the_worker_and_its_report_read(
    browser: Browser, hub: str
) -> None:
    with _operator(browser, hub, "en-US") as (_, page):
        page.goto("/studies/")
        page.get_by_role("link", name="New study").click()
        page.get_by_label("Name of the study").fill("Lend, or not")
        page.get_by_label("A small pool for four weeks").check()
        for policy in ("Islands", "Pool with lending"):
            page.get_by_label(policy, exact=True).check()
        page.get_by_label("Pool, reclaim and waitlist").uncheck()
        page.get_by_label("Draws of jobs and failures").fill("1")
        page.get_by_role("button", name="Play this study").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Lend, or not")
        answer = page.locator(".answer")
        expect(answer).to_contain_text("Pool with lending", timeout=PLAYED_MS)
        table = page.get_by_role("region", name="Side by side")
        expect(table.get_by_role("row", name="Useful occupancy")).to_contain_text("%")
        report = page.frame_locator("iframe.report")
        expect(report.locator("h1")).to_have_text("A small pool for four weeks")
        expect(report.locator("img").first).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="result.json").click()
        assert download.value.suggested_filename == "result.json"
        address = page.url.removeprefix(hub)
        page.get_by_role("link", name="Change and play again").click()
        broken = page.get_by_label("Scenario", exact=False).input_value()
        page.get_by_label("Scenario", exact=False).fill(broken.replace("nodes: 16", "nodes: 0"))
        page.get_by_role("button", name="Play this study").click()
        wrong = page.get_by_role("alert")
        expect(wrong).to_contain_text("supply.pools[0].nodes")
    for locale in ("ko-KR", "en-US"):
        with _operator(browser, hub, locale) as (_, page):
            paths = ("/studies/", "/studies/new/", "/studies/new/text/", address)
            assert [wrong for path in paths for wrong in _wrong(page, path)] == []
