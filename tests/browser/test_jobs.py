"""A job in real Chromium, on a served hub with a real agent: handed in, followed, ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect
from tests.answering import until_it_answers

pytestmark = [pytest.mark.browser, pytest.mark.processes]

ROOT = Path(__file__).parents[2]
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
PASSWORD = "a-password-of-a-test"
SEEN_MS = 60_000

_SET_UP = f"""
import django; django.setup()
from datetime import UTC, datetime, timedelta
from django.core.management import call_command
call_command("migrate", verbosity=0, interactive=False)
from tests.integration import small
from dure.hub.allocations.models import Allocation, LentRight
from dure.hub.people.gate import STEWARD
from dure.hub.people import operations as people
from dure.hub.supply.operations import issue_enrolment_token
world, now = small.running(), datetime.now(UTC)
Allocation.objects.update(starts_at=now - timedelta(days=1), ends_at=now + timedelta(days=30))
LentRight.objects.update_or_create(
    project=world.allocation("ann").project, pool=small.pool(),
    defaults=dict(order=0, max_accelerators=64, since=now),
)
people.set_password(user=world["ann"], password={PASSWORD!r}, by=STEWARD, now=now)
print(issue_enrolment_token(cluster=small.cluster(), by=STEWARD, now=now))
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


@contextmanager
def _running(environment: dict[str, str], *words: str) -> Iterator[None]:
    """A `dure` process until the block ends."""
    process = subprocess.Popen([sys.executable, "-m", "dure", *words], env=environment)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """The address of a served hub, with an agent on a local engine of 80 accelerators."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    environment, state = _environment(tmp_path), str(tmp_path / "state")
    made = subprocess.run(
        [sys.executable, "-c", _SET_UP],
        env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    with ExitStack() as running:
        port = address.rpartition(":")[2]
        running.enter_context(_running(environment, "hub", "serve", "--port", port))
        until_it_answers(address)
        subprocess.run(
            [
                sys.executable, "-m", "dure", "agent", "enrol", "--hub", address,
                "--token", made.stdout.split()[-1], "--state", state,
                "--pool", "pool-a", "--model", "H200", "--slots", "80",
            ],
            env=environment, check=True,
        )  # fmt: skip
        running.enter_context(_running(environment, "agent", "run", "--state", state))
        yield address


@contextmanager
def _ann(browser: Browser, hub: str, locale: str) -> Iterator[Page]:
    context = browser.new_context(base_url=hub, locale=locale, viewport=DESK)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.goto("/login/")
    page.fill("#id_username", "ann")
    page.fill("#id_password", PASSWORD)
    page.click("main button")
    yield page
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
        if pictures := os.environ.get("DURE_PICTURES"):
            name = f"{page.locator('html').get_attribute('lang')}{path.replace('/', '-')}"
            page.screenshot(path=f"{pictures}/{name}{size['width']}.png", full_page=True)
    page.set_viewport_size(DESK)
    return problems


def test_a_job_is_handed_in_followed_and_ended_in_the_browser(browser: Browser, hub: str) -> None:
    with _ann(browser, hub, "en-US") as page:
        page.goto("/jobs/")
        page.get_by_role("link", name="New job").click()
        page.get_by_label("Accelerators").fill("25")
        expect(page.get_by_text("The job is larger than the allocation")).to_be_visible()
        page.get_by_label("Accelerators").fill("2")
        expect(page.get_by_text("a job on 2 accelerators")).to_be_visible()
        page.get_by_label("Name").fill("hello")
        page.get_by_label("Script").fill('echo "rank $DURE_RANK"\nsleep 1000 &\nwait')
        page.get_by_role("button", name="Hand the job in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("hello")
        expect(page.get_by_text("Running", exact=True)).to_be_visible(timeout=SEEN_MS)
        expect(page.locator(".log").first).to_contain_text("rank 0", timeout=SEEN_MS)
        address = page.url.removeprefix(hub)
        page.get_by_role("button", name="End the job").click()
        expect(page.get_by_text("Cancelled", exact=True)).to_be_visible(timeout=SEEN_MS)
    with _ann(browser, hub, "ko-KR") as page:
        paths = ("/jobs/", "/jobs/new/", address)
        assert [wrong for path in paths for wrong in _wrong(page, path)] == []
