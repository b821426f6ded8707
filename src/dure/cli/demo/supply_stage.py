"""The supply call of 2025: where the programme's accelerators come from.

- Published (tests/published/kr_suppliers_2025.csv): the suppliers, their models, clusters and
  shares for public use, and that four bid and three were chosen.
- Not published, so assumptions: prices, power, months, the panel's points, the budget, the fourth
  bidder and its offer; of the rubric only the names of its sections are, so it is that of 2026.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import transaction

from dure.cli.demo.context import Context, at
from dure.cli.demo.programme import SUPPLY
from dure.hub import clock
from dure.hub.people import operations as people
from dure.hub.people.gate import Steward
from dure.hub.people.models import Organisation, Role, User
from dure.hub.tenders import choosing, judging, operations
from dure.hub.tenders.models import Bid, BidReview, SupplyCall
from dure.vocabulary.programme.bid_questions import cluster_question

YEAR: Final = 2025
MILLION: Final = 10**6
SETUP: Final = Steward(username="demo-setup")


@dataclass(frozen=True, slots=True)
class Bidder:
    """A bid: (servers, of them its own) of each cluster; what is not published follows them."""

    username: str
    name: str
    number: str
    model: str
    clusters: tuple[tuple[int, int], ...]
    million_won_a_server: int
    kw_a_server: int
    months: int
    tenths: int


# The division of own use among a supplier's clusters is that of the programme file.
BIDDERS: Final = (
    Bidder(
        "bidder-naver", "네이버클라우드", "placeholder-naver-cloud",
        "H200", ((339, 84), (43, 11)), 600, 11, 4, 8,
    ),
    Bidder(
        "bidder-nhn", "NHN클라우드", "placeholder-nhn-cloud",
        "B200", ((638, 128), (319, 64)), 950, 14, 5, 9,
    ),
    Bidder(
        "bidder-kakao", "카카오", "placeholder-kakao",
        "B200", ((303, 48),), 940, 15, 5, 8,
    ),
    Bidder("bidder-fourth", "네 번째 제안사", "", "H200", ((320, 96),), 640, 12, 9, 6),
)  # fmt: skip


def run_supply_call(context: Context) -> None:
    """Bids, document check, two stages of review, the choice, inspection, price, agreement."""
    with context.stage("Supply call: bids, reviews, choice", 4) as done:
        with transaction.atomic():
            _bid(context)
        done()
        with transaction.atomic():
            _review(context)
        done()
        with transaction.atomic():
            _choose(context)
        done()
        with transaction.atomic():
            _agree(context)


def _call() -> SupplyCall:
    return SupplyCall.objects.select_related("programme", "decision").get(key=SUPPLY)


def _bid(context: Context) -> None:
    now = at(6, 2, year=YEAR)
    clock.rehearse(now)
    operations.open_supply_call(call=_call(), by=context.operator, now=now)
    for bidder in BIDDERS:
        user = people.add_user(
            username=bidder.username,
            role=Role.PROVIDER,
            organisation=_organisation(bidder),
            display_name=bidder.name,
            by=SETUP,
            now=now,
        )
        bid = operations.start_bid(call=_call(), by=user, now=now)
        operations.save_bid(bid=bid, answers=answers_of(bidder), by=user, now=now)
        operations.submit_bid(bid=bid, by=user, now=now)


def _organisation(bidder: Bidder) -> Organisation:
    known = Organisation.objects.filter(registration_number=bidder.number).first()
    if known is not None and bidder.number:
        return known
    return people.add_organisation(
        name=bidder.name,
        sector="industry",
        region="capital",
        registration_number=bidder.number,
        by=SETUP,
        now=clock.now(),
    )


def answers_of(bidder: Bidder) -> dict[str, object]:
    """The bid as typed into the form."""
    answers: dict[str, object] = {
        "company_summary": f"{bidder.name}의 {bidder.model} 클러스터 제안입니다.",
        "build_plan": "공개되지 않은 내용으로, 시연을 위해 비워 둔 자리입니다.",
        "ecosystem_plan": "공개되지 않은 내용으로, 시연을 위해 비워 둔 자리입니다.",
        "operation_plan": "공개되지 않은 내용으로, 시연을 위해 비워 둔 자리입니다.",
        "to_2031": "yes",
        "divisible": "no",
    }
    for number, (servers, own) in enumerate(bidder.clusters, start=1):
        given = {
            "centre": f"{bidder.name} {number}센터",
            "model": bidder.model,
            "servers": servers,
            "own_servers": own,
            "parts": 1,
            "price": servers * bidder.million_won_a_server * MILLION,
            "power_kw": servers * bidder.kw_a_server,
            "months": bidder.months,
        }
        answers |= {cluster_question(number, part): str(value) for part, value in given.items()}
    return answers


def _review(context: Context) -> None:
    operator, now = context.operator, at(6, 25, year=YEAR)
    clock.rehearse(now)
    operations.close_supply_call(call=_call(), by=operator, now=now)
    judging.check_documents(call=_call(), by=operator, now=now)
    judging.assign_bid_reviewers(call=_call(), by=operator, now=now)
    _score()
    judging.start_presentations(call=_call(), by=operator, now=now)
    _score()
    judging.score_bids(call=_call(), by=operator, now=now)


def _score() -> None:
    tenths = {bidder.username: bidder.tenths for bidder in BIDDERS}
    rows = BidReview.objects.filter(bid__call__key=SUPPLY)
    for review in rows.select_related("reviewer", "bid__bidder", "bid__call__programme"):
        criteria = judging.criteria_at(review.bid.call)
        given = tenths[review.bid.bidder.username]
        judging.submit_bid_review(
            review=review,
            points={c.id: c.points * given // 10 for c in criteria},
            comment="",
            by=review.reviewer,
            now=clock.now(),
        )


def _choose(context: Context) -> None:
    now = at(7, 28, year=YEAR)
    clock.rehearse(now)
    proposed = choosing.choose_winners(call=_call(), by=context.operator, now=now)
    choosing.approve_choice(call=_call(), plan=proposed.number, by=context.operator, now=now)


def _agree(context: Context) -> None:
    operator, now = context.operator, at(8, 20, year=YEAR)
    clock.rehearse(now)
    for bid in _winners():
        findings = {item.id: (True, "") for item in operations.rules_of(bid.call).inspection}
        choosing.record_inspection(bid=bid, findings=findings, by=operator, now=now)
        choosing.adjust_price(bid=bid, price=bid.price or 0, by=operator, now=now)
    for bid in _winners():
        user: User = bid.bidder
        choosing.sign_supply_agreement(bid=bid, by=user, now=now)


def _winners() -> list[Bid]:
    rows = Bid.objects.filter(call__key=SUPPLY, state=Bid.State.SELECTED)
    return list(rows.select_related("call__programme", "bidder").order_by("number"))
