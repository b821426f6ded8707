"""The pages of supply calls: accessible and no wider than the window, on a desk and a phone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pytest_django import Settings
from tests.browser.conftest import DESK, PHONE, Visit, Visitor
from tests.browser.test_every_page_is_accessible import walk
from tests.browser.world import PASSWORD
from tests.integration import bidding

from dure.hub.people.gate import STEWARD
from dure.hub.people.operations import set_password

pytestmark = [
    pytest.mark.browser,
    pytest.mark.database,
    pytest.mark.django_db(transaction=True),
]


@pytest.mark.parametrize(("language", "size"), [("ko", DESK), ("en", PHONE)])
def test_no_page_of_a_supply_call_breaks_a_rule_of_wcag_2_1_aa(
    visit: Visit, settings: Settings, language: str, size: tuple[int, int]
) -> None:
    world = bidding.decided()
    settings.DURE_CLOCK_OFFSET_S = round((bidding.CLOSED - datetime.now(UTC)).total_seconds())
    for user in world.people.values():
        set_password(user=user, password=PASSWORD, by=STEWARD, now=bidding.CLOSED)
    bidding.inspect(world, "nakdong")
    call = f"/supply-calls/{world.call.key}/"
    bids = {name: f"/bids/{world.bid(name).number}/" for name in bidding.BIDDERS}

    def arrive() -> Visitor:
        return visit(language=language, size=size)

    found = walk(arrive(), None, ("/supply-calls/", call))
    steps = (f"{call}choice/", bids["nakdong"] + "inspection/", bids["nakdong"] + "price/")
    found += walk(arrive(), "operator", steps)
    found += walk(arrive(), "seomjin", ("/bids/", bids["seomjin"]))
    found += walk(arrive(), "reviewer1", ("/bid-reviews/",))
    assert found == []


def test_the_page_of_a_bid_in_review_is_accessible(visit: Visit, settings: Settings) -> None:
    world = bidding.in_review()
    settings.DURE_CLOCK_OFFSET_S = round((bidding.CLOSED - datetime.now(UTC)).total_seconds())
    set_password(user=world["reviewer1"], password=PASSWORD, by=STEWARD, now=bidding.CLOSED)
    review = world["reviewer1"].bid_reviews.earliest("pk").pk
    found = walk(visit(size=PHONE), "reviewer1", (f"/bid-reviews/{review}/",))
    assert found == []
