"""A job in real Chromium, on a served hub with a real agent: handed in, followed, ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.browser.portal import PASSWORD, environment, running, served, set_up, signed_in, wrong

pytestmark = [pytest.mark.browser, pytest.mark.processes]

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


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """The address of a served hub, with an agent on a local engine of 80 accelerators."""
    token, state = set_up(tmp_path, _SET_UP).split()[-1], str(tmp_path / "state")
    with served(tmp_path) as address:
        subprocess.run(
            [
                sys.executable, "-m", "dure", "agent", "enrol", "--hub", address,
                "--token", token, "--state", state,
                "--pool", "pool-a", "--model", "H200", "--slots", "80",
            ],
            env=environment(tmp_path), check=True,
        )  # fmt: skip
        with running(tmp_path, "agent", "run", "--state", state):
            yield address


def test_a_job_is_handed_in_followed_and_ended_in_the_browser(browser: Browser, hub: str) -> None:
    with signed_in(browser, hub, username="ann", locale="en-US") as page:
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
    with signed_in(browser, hub, username="ann", locale="ko-KR") as page:
        paths = ("/jobs/", "/jobs/new/", address)
        assert [problem for path in paths for problem in wrong(page, path)] == []
