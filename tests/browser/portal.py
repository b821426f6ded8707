"""A portal of its own for a browser test: `dure` as processes, and somebody who has signed in.

- The hub is served from a home of the test's; nothing of the machine's own settings reaches it.
- Whatever a page writes to its console as an error fails the test.
- A page is judged by axe's rules of WCAG 2.1 A and AA, and must not be wider than desk or phone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize
from tests.answering import free_port, until_it_answers

ROOT = Path(__file__).parents[2]
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
PASSWORD = "a-password-of-a-test"


def environment(home: Path) -> dict[str, str]:
    """For every process of this portal."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DURE_")}
    return {
        **kept,
        "DURE_HOME": str(home),
        "DURE_INSECURE_COOKIES": "1",
        "DJANGO_SETTINGS_MODULE": "dure.hub.settings",
        "PYTHONPATH": str(ROOT),
    }


def set_up(home: Path, program: str) -> str:
    """Runs a program that fills the portal's database; what it printed."""
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, env=environment(home), check=True, stdout=subprocess.PIPE, text=True
    ).stdout


@contextmanager
def running(home: Path, *words: str) -> Iterator[None]:
    """A `dure` process until the block ends; what it prints is in the home."""
    command = [sys.executable, "-m", "dure", *words]
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(command, env=environment(home), stdout=log, stderr=log)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The address of the hub, which answers there until the block ends."""
    port = free_port()
    with running(home, "hub", "serve", "--port", str(port)):
        address = f"http://127.0.0.1:{port}"
        until_it_answers(address)
        yield address


@contextmanager
def signed_in(browser: Browser, hub: str, *, username: str, locale: str) -> Iterator[Page]:
    """A page of a browser of its own, after the sign-in."""
    context = browser.new_context(base_url=hub, locale=locale, viewport=DESK)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.goto("/login/")
    page.fill("#id_username", username)
    page.fill("#id_password", PASSWORD)
    page.click("main button")
    yield page
    context.close()
    assert complaints == []


def wrong(page: Page, path: str) -> list[str]:
    """What axe finds on the page, and where it is too wide. `DURE_PICTURES`: a folder for it."""
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
