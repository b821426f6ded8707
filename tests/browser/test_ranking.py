"""The ranking's pages in a real browser: accessible, and whole on a phone."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.browser.conftest import DESK, PHONE, Visit
from tests.browser.world import NOW
from tests.integration.operated import ranked_world
from tests.integration.rankings import rank_simulated

pytestmark = [
    pytest.mark.browser,
    pytest.mark.database,
    pytest.mark.django_db(transaction=True),
]

PAGES = ("", "reviewers/", "sensitivity/?places=20", "?order=shift&page=2")


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_ranking_is_accessible_and_fits_a_phone(visit: Visit, language: str) -> None:
    world = ranked_world().world
    rank_simulated(world.call, NOW)
    visitor = visit(language=language)
    visitor.sign_in("operator")
    problems = []
    for path in PAGES:
        page = visitor.go(f"/calls/kr-2026-r1/ranking/{path}")
        found = Axe().run(page).response["violations"]
        problems += [f"{path}: {one['id']}: {one['nodes'][0]['html']}" for one in found]
        for width, height in (DESK, PHONE):
            page.set_viewport_size({"width": width, "height": height})
            if visitor.sideways() > 0:
                problems.append(f"{path}: {visitor.sideways()} px too wide at {width}")
        page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    assert problems == []
