"""A supply call in the hub: bids, documents, reviews, the choice, inspection, price, agreement."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings
from tests.integration import bidding
from tests.integration.bidding import BIDDERS, CLOSED, OPEN, World

from dure.engine import tender
from dure.hub import clock
from dure.hub.allocations.decisions import StalePlan
from dure.hub.allocations.models import Decision
from dure.hub.allocations.operations import approve_decision
from dure.hub.calls.operations import AnswersInvalid, UnableToSubmit
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.notices.models import Notice
from dure.hub.people.gate import NotPermitted
from dure.hub.people.models import Role, User
from dure.hub.people.operations import add_user
from dure.hub.reviews.operations import PointsInvalid
from dure.hub.tenders import choosing, judging, operations, queries
from dure.hub.tenders.models import Bid, BidReview, SupplyCall

pytestmark = [pytest.mark.django_db, pytest.mark.database]

AssertQueries = Callable[[int], AbstractContextManager[CaptureQueriesContext]]


@pytest.fixture(autouse=True)
def _plain_passwords(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(clock, "now", lambda: CLOSED)


def states(world: World) -> dict[str, str]:
    return {name: world.bid(name).state for name in BIDDERS}


def client(user: User | None, language: str = "en") -> Client:
    found = Client(headers={"accept-language": language})
    if user is not None:
        found.force_login(user)
    return found


def test_three_win_by_the_rules_and_each_is_told_why() -> None:
    world = bidding.decided()
    assert states(world) == {
        "hangang": "selected",
        "nakdong": "selected",
        "geum": "selected",
        "seomjin": "rejected",
    }
    told = Notice.objects.filter(recipient=world["seomjin"]).latest("pk")
    assert told.reason["code"] == "tender.budget"
    plan = tender.TenderPlan.model_validate(world.decision.plan)
    assert plan.public_accelerators == 8 * (520 + 400 + 400)
    assert all(one.total <= 100 for one in plan.intents)


def test_a_stored_choice_replays_exactly() -> None:
    decision = bidding.decided().decision
    again = tender.plan(
        tender.TenderSnapshot.model_validate(decision.snapshot),
        tender.TenderPolicy.model_validate(decision.policy),
        tender.TenderPlan.model_validate(decision.plan).header,
    )
    assert again.model_dump(mode="json") == decision.plan


def test_what_is_missing_is_told_at_its_question_and_nothing_is_submitted() -> None:
    world = bidding.opened()
    bid = operations.start_bid(call=world.call, by=world["geum"], now=OPEN)
    uneven = {
        **bidding.answers_of("geum"),
        **bidding.cluster(2, servers=10, own=10, each=1, months=1),
        **bidding.cluster(3, servers=10, own=2, each=1, months=1, parts=4),
        "divisible": "yes",
        "cluster-1.months": "",
    }
    operations.save_bid(bid=bid, answers=uneven, by=world["geum"], now=OPEN)
    with pytest.raises(AnswersInvalid) as refused:
        operations.submit_bid(bid=bid, by=world["geum"], now=OPEN)
    assert {name: reason.code for name, reason in refused.value.problems.items()} == {
        "cluster-1.months": "answer.required",
        "cluster-2.own_servers": "tender.own_use_is_all",
        "cluster-3.servers": "tender.does_not_divide",
        "cluster-3.own_servers": "tender.does_not_divide",
    }
    assert world.bid("geum").state == "draft"


@pytest.mark.parametrize(
    ("state", "day", "good"),
    [
        ("held", "2026-06-01", True),
        ("held", "2026-05-31", False),
        ("planned", "2026-12-31", True),
        ("planned", "2027-01-01", False),
        ("none", "", False),
        ("held", "", False),
    ],
)
def test_a_certificate_is_good_when_held_on_the_day_or_planned_in_time(
    state: str, day: str, *, good: bool
) -> None:
    world = bidding.opened()
    bid = operations.start_bid(call=world.call, by=world["geum"], now=OPEN)
    said = {"certificate.csap.state": state, "certificate.csap.date": day}
    answers = {**bidding.answers_of("geum"), **said}
    operations.save_bid(bid=bid, answers=answers, by=world["geum"], now=OPEN)
    operations.submit_bid(bid=world.bid("geum"), by=world["geum"], now=OPEN)
    operations.close_supply_call(call=world.call, by=world["operator"], now=CLOSED)
    decision = judging.check_documents(call=world.call, by=world["operator"], now=CLOSED)
    assert world.bid("geum").state == ("admitted" if good else "refused")
    assert decision.kind == "screening"
    if not good:
        assert world.bid("geum").failures[0]["rule"] == "certificate-csap"


def test_a_bid_without_a_cluster_of_256_does_not_pass_the_documents() -> None:
    world = bidding.opened()
    bid = bidding.draft(world, "geum")
    small = bidding.cluster(1, servers=300, own=45, each=900, months=4)
    operations.save_bid(
        bid=bid, answers={**bidding.answers_of("geum"), **small}, by=world["geum"], now=OPEN
    )
    assert [f.rule for f in operations.failures_of(world.bid("geum"))] == ["one-large-cluster"]


def test_nobody_bids_before_or_after_and_one_organisation_bids_once() -> None:
    world = bidding.opened()
    first = operations.start_bid(call=world.call, by=world["geum"], now=OPEN)
    assert operations.start_bid(call=world.call, by=world["geum"], now=OPEN) == first
    with pytest.raises(UnableToSubmit):
        operations.start_bid(call=world.call, by=world["hangang"], now=CLOSED)
    operations.withdraw_bid(bid=first, by=world["geum"], now=OPEN)
    assert operations.start_bid(call=world.call, by=world["geum"], now=OPEN) != first


def test_bids_are_sealed_until_the_call_is_closed() -> None:
    world = bidding.submitted()
    number = world.bid("geum").number
    assert not queries.bids_of(call=world.call, by=world["operator"])
    with pytest.raises(NotPermitted):
        queries.bid_for(world["operator"], number)
    with pytest.raises(NotPermitted):
        queries.bid_for(world["hangang"], number)
    assert queries.bid_for(world["geum"], number).number == number
    operations.close_supply_call(call=world.call, by=world["operator"], now=CLOSED)
    assert queries.bid_for(world["operator"], number).number == number
    with pytest.raises(NotPermitted):
        queries.bid_for(world["hangang"], number)


def test_points_are_taken_for_the_stage_and_within_it() -> None:
    world = bidding.in_review()
    review = BidReview.objects.filter(reviewer=world["reviewer1"]).earliest("pk")
    for points in ({"build-plan": 17}, {"understanding": 5}, {}):
        with pytest.raises(PointsInvalid):
            judging.submit_bid_review(
                review=review, points=points, comment="", by=world["reviewer1"], now=CLOSED
            )
    with pytest.raises(NotPermitted):
        judging.submit_bid_review(
            review=review, points={}, comment="", by=world["reviewer2"], now=CLOSED
        )
    with pytest.raises(NotAtThisStage):
        judging.score_bids(call=world.call, by=world["operator"], now=CLOSED)


def test_who_steps_back_from_a_bid_is_replaced_and_sees_it_no_more() -> None:
    world = bidding.in_review()
    review = BidReview.objects.filter(reviewer=world["reviewer1"]).earliest("pk")
    add_user(
        username="reviewer4",
        role=Role.REVIEWER,
        organisation=world["reviewer1"].organisation,
        by=world["operator"],
        now=CLOSED,
    )
    number, by = review.bid.number, client(world["reviewer1"])
    by.post(reverse("bid-review-conflict", args=[review.pk]))
    judging.assign_bid_reviewers(call=world.call, by=world["operator"], now=CLOSED)
    assert {r.reviewer.username for r in BidReview.objects.filter(bid__number=number)} == {
        "reviewer2",
        "reviewer3",
        "reviewer4",
    }


def test_a_winner_that_fails_its_inspection_is_replaced_by_choosing_again() -> None:
    world = bidding.decided()
    bidding.inspect(world, "hangang", failing="cooling")
    assert world.bid("hangang").state == "failed"
    assert world.call.state == SupplyCall.State.SCORED
    with pytest.raises(NotAtThisStage):
        bidding.inspect(world, "nakdong")
    bidding.choose(world)
    assert states(world) == {
        "hangang": "failed",
        "nakdong": "selected",
        "geum": "selected",
        "seomjin": "selected",
    }
    assert Notice.objects.filter(recipient=world["hangang"]).latest("pk").reason["code"] == (
        "tender.failed_inspection"
    )


def test_a_plan_made_before_the_programme_moved_on_is_not_approved() -> None:
    world = bidding.scored()
    first = choosing.choose_winners(call=world.call, by=world["operator"], now=CLOSED)
    second = choosing.choose_winners(call=world.call, by=world["operator"], now=CLOSED)
    first.refresh_from_db()
    assert first.state == Decision.State.SUPERSEDED
    with pytest.raises(Decision.DoesNotExist):
        choosing.approve_choice(
            call=world.call, plan=first.number, by=world["operator"], now=CLOSED
        )
    choosing.approve_choice(call=world.call, plan=second.number, by=world["operator"], now=CLOSED)
    with pytest.raises(StalePlan):
        choosing.approve_choice(
            call=world.call, plan=second.number, by=world["operator"], now=CLOSED
        )


def test_a_choice_is_approved_on_its_own_page_only() -> None:
    world = bidding.scored()
    proposed = choosing.choose_winners(call=world.call, by=world["operator"], now=CLOSED)
    with pytest.raises(NotAtThisStage):
        approve_decision(decision=proposed, by=world["operator"], now=CLOSED)
    page = reverse("decision-approve", args=[world.programme.key, proposed.number])
    answer = client(world["operator"]).post(page)
    assert answer.headers["location"] == reverse("supply-choice", args=[world.call.key])
    assert world.call.state == "scored"
    decision = reverse("decision", args=[world.programme.key, proposed.number])
    assert "Choice among bids" in client(world["operator"]).get(decision).content.decode()


def test_the_price_follows_the_inspection_and_the_agreement_the_price() -> None:
    world = bidding.decided()
    operator, provider = world["operator"], world["nakdong"]
    price = 500 * 1080 * bidding.MILLION
    with pytest.raises(NotAtThisStage):
        choosing.adjust_price(bid=world.bid("nakdong"), price=price, by=operator, now=CLOSED)
    bidding.inspect(world, "nakdong")
    with pytest.raises(NotAtThisStage):
        choosing.sign_supply_agreement(bid=world.bid("nakdong"), by=provider, now=CLOSED)
    for wrong in (0, price + 1):
        with pytest.raises(choosing.PriceInvalid):
            choosing.adjust_price(bid=world.bid("nakdong"), price=wrong, by=operator, now=CLOSED)
    choosing.adjust_price(bid=world.bid("nakdong"), price=price - 5, by=operator, now=CLOSED)
    with pytest.raises(NotPermitted):
        choosing.sign_supply_agreement(bid=world.bid("nakdong"), by=world["geum"], now=CLOSED)
    choosing.sign_supply_agreement(bid=world.bid("nakdong"), by=provider, now=CLOSED)
    assert world.bid("nakdong").state == "agreed"


def test_only_the_operator_moves_the_call() -> None:
    world = bidding.scored()
    for name in ("hangang", "reviewer1", "auditor", "applicant"):
        with pytest.raises(NotPermitted):
            choosing.choose_winners(call=world.call, by=world[name], now=CLOSED)
        with pytest.raises(NotPermitted):
            operations.close_supply_call(call=world.call, by=world[name], now=CLOSED)
        with pytest.raises(NotPermitted):
            judging.check_documents(call=world.call, by=world[name], now=CLOSED)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_page_is_there_for_whom_it_is(language: str) -> None:
    world = bidding.decided()
    own, call = world.bid("hangang"), world.call
    review = BidReview.objects.earliest("pk").pk
    pages: dict[str, set[str | None]] = {
        reverse("supply-calls"): {None, "hangang", "operator", "auditor"},
        reverse("supply-call", args=[call.key]): {None, "hangang", "operator", "auditor"},
        reverse("my-bids"): {"hangang", "geum"},
        reverse("bid", args=[own.number]): {"hangang", "operator", "auditor"},
        reverse("supply-choice", args=[call.key]): {"operator", "auditor"},
        reverse("bid-inspection", args=[own.number]): {"operator"},
        reverse("bid-price", args=[own.number]): {"operator"},
        reverse("my-bid-reviews"): {"reviewer1", "applicant"},  # applicants review their peers
    }
    readers = (None, "hangang", "geum", "operator", "auditor", "reviewer1", "applicant")
    public = (reverse("supply-calls"), reverse("supply-call", args=[call.key]))
    for address, allowed in pages.items():
        for name in readers:
            answer = client(world[name] if name else None, language).get(address)
            expected = 200 if name in allowed or address in public else 404
            if name is None and expected == 404:
                expected = 302  # to the sign-in page
            assert answer.status_code == expected, (name, address)
    answer = client(world["reviewer1"]).get(reverse("bid-review", args=[review]))
    assert answer.status_code == 302


def test_the_operator_walks_the_call_by_its_pages() -> None:
    world = bidding.submitted()
    by = client(world["operator"])
    key = world.call.key

    def step(name: str) -> None:
        by.post(reverse("supply-step", args=[key, name]))

    for name in ("close", "check", "assign"):
        step(name)
    step("close")  # a late click does nothing
    assert world.call.state == "written"
    bidding.score_stage(world)
    step("present")
    bidding.score_stage(world)
    step("score")
    by.post(reverse("supply-choose", args=[key]))
    number = world.decision.number
    text = by.get(reverse("supply-choice", args=[key])).content.decode()
    assert "Proven optimal" in text
    assert "tender.budget" in text
    by.post(reverse("supply-approve", args=[key, number]))
    assert world.call.state == "decided"
    items = {f"{item}.passed": "yes" for item in bidding.ITEMS}
    inspection = reverse("bid-inspection", args=[world.bid("geum").number])
    assert by.post(inspection, {**items, "cooling.passed": ""}).status_code == 422
    by.post(inspection, items)
    price = reverse("bid-price", args=[world.bid("geum").number])
    assert by.post(price, {"price": 10**15}).status_code == 422
    by.post(price, {"price": 500_000 * bidding.MILLION})
    provider = client(world["geum"])
    own = reverse("bid", args=[world.bid("geum").number])
    assert "Sign the agreement" in provider.get(own).content.decode()
    provider.post(reverse("bid-sign", args=[world.bid("geum").number]))
    assert world.bid("geum").state == "agreed"


def test_a_provider_bids_by_its_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    world = bidding.opened()
    monkeypatch.setattr(clock, "now", lambda: OPEN)
    by = client(world["nakdong"])
    edit = by.post(reverse("bid-start", args=[world.call.key])).headers["location"]
    half = {**bidding.answers_of("nakdong"), "cluster-1.price": "viel", "then": "save"}
    answer = by.post(edit, half)
    assert answer.status_code == 422
    assert 'value="viel"' in answer.content.decode()
    answer = by.post(edit, {**bidding.answers_of("nakdong"), "then": "submit"})
    assert answer.headers["location"] == reverse("bid", args=[world.bid("nakdong").number])
    assert world.bid("nakdong").state == "submitted"


def test_a_reviewer_scores_by_the_pages() -> None:
    world = bidding.in_review()
    by = client(world["reviewer1"])
    review = BidReview.objects.filter(reviewer=world["reviewer1"]).earliest("pk")
    address = reverse("bid-review", args=[review.pk])
    text = by.get(address).content.decode()
    assert "build-plan" in text
    assert "understanding" not in text
    points = {"build-plan": "16", "finance": "4", "ecosystem-plan": "17", "operation": "12"}
    assert by.post(address, points).status_code == 422
    assert by.post(address, {**points, "ecosystem-plan": "16"}).status_code == 302
    review.refresh_from_db()
    assert sum(review.points.values()) == 48


def test_the_pages_cost_few_queries(django_assert_max_num_queries: AssertQueries) -> None:
    world = bidding.decided()
    by = client(world["operator"])
    number = world.bid("hangang").number
    for address in (
        reverse("supply-calls"),
        reverse("supply-choice", args=[world.call.key]),
        reverse("bid", args=[number]),
    ):
        by.get(address)
        with django_assert_max_num_queries(12):
            assert by.get(address).status_code == 200
    assert Bid.objects.count() == len(BIDDERS)
