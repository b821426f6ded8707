"""Korea's supply call of 2026 at each stage of its life, made through the operations alone.

- Four providers bid. At the choice three are bought from; the last is too dear for what is left.
- Each stage is made once in a process and put back from its rows after that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from tests.integration.kept import stage

from dure.hub.allocations.models import Decision
from dure.hub.people.gate import STEWARD
from dure.hub.people.models import Role, User
from dure.hub.people.operations import add_organisation, add_user
from dure.hub.supply import operations as supply
from dure.hub.supply.models import Programme
from dure.hub.tenders import choosing, judging, operations
from dure.hub.tenders.models import Bid, BidReview, SupplyCall
from dure.vocabulary.programme_file import parse_programme

FILE: Final = Path(__file__).parents[2] / "programmes" / "kr-gpu-2026.yaml"
SEOUL: Final = ZoneInfo("Asia/Seoul")
OPEN: Final = datetime(2026, 3, 20, 10, tzinfo=SEOUL)
CLOSED: Final = datetime(2026, 4, 20, 10, tzinfo=SEOUL)
MILLION: Final = 10**6

ANSWERS: Final[dict[str, object]] = {
    "company_summary": "춘천 데이터센터에 B200 클러스터를 구축합니다.",
    "build_plan": "수전 설비는 이미 갖추었고 서버는 두 차례로 나누어 들어옵니다.",
    "ecosystem_plan": "대학과 스타트업에 교육과 기술 지원을 제공합니다.",
    "operation_plan": "운영 인력 열두 명이 하루 세 교대로 근무합니다.",
    "to_2031": "yes",
    "certificate.csap.state": "held",
    "certificate.csap.date": "2028-05-31",
    "divisible": "no",
}

# provider -> servers, of them its own, million won a server, months, tenths of all points
BIDDERS: Final = {
    "hangang": (640, 120, 1150, 4, 9),
    "nakdong": (500, 100, 1080, 5, 8),
    "geum": (480, 80, 1120, 6, 7),
    "seomjin": (400, 80, 1990, 10, 5),
}


def cluster(
    number: int, *, servers: int, own: int, each: int, months: int, parts: int = 1
) -> dict[str, object]:
    given = {
        "centre": f"Centre {number}",
        "model": "B200",
        "servers": servers,
        "own_servers": own,
        "parts": parts,
        "price": servers * each * MILLION,
        "power_kw": servers * 14,
        "months": months,
    }
    return {f"cluster-{number}.{part}": str(answer) for part, answer in given.items()}


def answers_of(name: str) -> dict[str, object]:
    servers, own, each, months, _ = BIDDERS[name]
    return {**ANSWERS, **cluster(1, servers=servers, own=own, each=each, months=months)}


@dataclass(slots=True)
class World:
    """Who and what there is."""

    programme: Programme
    people: dict[str, User] = field(default_factory=dict)

    def __getitem__(self, name: str) -> User:
        return self.people[name]

    @property
    def call(self) -> SupplyCall:
        return SupplyCall.objects.select_related("programme", "decision").get()

    @property
    def decision(self) -> Decision:
        """The latest plan of the choice."""
        return Decision.objects.get(supply_calls=self.call)

    def bid(self, name: str) -> Bid:
        return Bid.objects.select_related("call__programme", "organisation").get(
            bidder=self.people[name]
        )


def _found_again(made: World) -> Callable[[], World]:
    def find() -> World:
        people = User.objects.select_related("organisation").filter(username__in=made.people)
        return World(Programme.objects.get(), {one.username: one for one in people})

    return find


@stage(_found_again)
def opened() -> World:
    """The call takes bids."""
    rules = parse_programme(FILE.read_text(encoding="utf-8"), file=FILE.name)
    programme = supply.store_programme(programme=rules, by=STEWARD, now=OPEN)
    operations.announce_supply_calls(programme=programme, by=STEWARD, now=OPEN)
    world = World(programme)
    for name in (*BIDDERS, "panel"):
        organisation = add_organisation(
            name=name.title(), sector="industry", region="capital", by=STEWARD, now=OPEN
        )
        role = Role.REVIEWER if name == "panel" else Role.PROVIDER
        names = [f"reviewer{n}" for n in (1, 2, 3)] if name == "panel" else [name]
        for username in names:
            world.people[username] = add_user(
                username=username, role=role, organisation=organisation, by=STEWARD, now=OPEN
            )
    for role in (Role.OPERATOR, Role.AUDITOR, Role.APPLICANT):
        world.people[role.value] = add_user(username=role.value, role=role, by=STEWARD, now=OPEN)
    operations.open_supply_call(call=world.call, by=world["operator"], now=OPEN)
    return world


def draft(world: World, name: str) -> Bid:
    bid = operations.start_bid(call=world.call, by=world[name], now=OPEN)
    return operations.save_bid(bid=bid, answers=answers_of(name), by=world[name], now=OPEN)


@stage(_found_again)
def submitted() -> World:
    world = opened()
    for name in BIDDERS:
        operations.submit_bid(bid=draft(world, name), by=world[name], now=OPEN)
    return world


@stage(_found_again)
def in_review() -> World:
    """Documents are checked, the written stage has begun."""
    world = submitted()
    operator = world["operator"]
    operations.close_supply_call(call=world.call, by=operator, now=CLOSED)
    judging.check_documents(call=world.call, by=operator, now=CLOSED)
    judging.assign_bid_reviewers(call=world.call, by=operator, now=CLOSED)
    return world


def score_stage(world: World) -> None:
    """Every reviewer gives every bid its tenths of each criterion of the present stage."""
    names = {world.bid(name).pk: name for name in BIDDERS}
    for review in BidReview.objects.select_related("reviewer", "bid__call"):
        tenths = BIDDERS[names[review.bid_id]][4]
        criteria = judging.criteria_at(review.bid.call)
        judging.submit_bid_review(
            review=review,
            points={c.id: c.points * tenths // 10 for c in criteria},
            comment="",
            by=review.reviewer,
            now=CLOSED,
        )


@stage(_found_again)
def scored() -> World:
    """Reviewed in writing and at the presentation."""
    world = in_review()
    score_stage(world)
    judging.start_presentations(call=world.call, by=world["operator"], now=CLOSED)
    score_stage(world)
    judging.score_bids(call=world.call, by=world["operator"], now=CLOSED)
    return world


def choose(world: World) -> None:
    """Proposed and approved."""
    operator = world["operator"]
    proposed = choosing.choose_winners(call=world.call, by=operator, now=CLOSED)
    choosing.approve_choice(call=world.call, plan=proposed.number, by=operator, now=CLOSED)


@stage(_found_again)
def decided() -> World:
    world = scored()
    choose(world)
    return world


ITEMS: Final = ("power-supply", "cooling", "floor", "network", "security")


def inspect(world: World, name: str, failing: str = "") -> None:
    choosing.record_inspection(
        bid=world.bid(name),
        findings={
            item: (item != failing, "측정값 기록" if item == failing else "") for item in ITEMS
        },
        by=world["operator"],
        now=CLOSED,
    )
