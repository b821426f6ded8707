"""A what-if study in real Chromium, on a served hub: its worker plays it with the real twin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.browser.portal import PASSWORD, served, set_up, signed_in, wrong

pytestmark = [pytest.mark.browser, pytest.mark.processes]

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


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """The address of a served hub with a programme, an operator and a study worker."""
    set_up(tmp_path, _SET_UP)
    with served(tmp_path) as address:
        yield address


def test_a_study_is_asked_played_by_the_worker_and_its_report_read(
    browser: Browser, hub: str
) -> None:
    with signed_in(browser, hub, username="operator", locale="en-US") as page:
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
        expect(page.get_by_role("alert")).to_contain_text("supply.pools[0].nodes")
    for locale in ("ko-KR", "en-US"):
        with signed_in(browser, hub, username="operator", locale=locale) as page:
            paths = ("/studies/", "/studies/new/", "/studies/new/text/", address)
            assert [problem for path in paths for problem in wrong(page, path)] == []
