"""A small programme in the middle of its life, for pages to show: made through the operations.

- Korea's programme file, its first call, three organisations, one person of each role.
- `open_world`: the call is open. `reviewing_world`: one application is in review.
  `decided_world`: the round was decided; one award waits for its agreement.
- Each is made once in a process and put back from its rows after that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.integration.kept import kept

from dure.hub.allocations import operations as allocations
from dure.hub.allocations.models import Project
from dure.hub.calls import operations as calls
from dure.hub.calls.models import Application, Call
from dure.hub.market.models import Listing
from dure.hub.people.gate import STEWARD
from dure.hub.people.models import Organisation, Role, User
from dure.hub.people.operations import add_organisation, add_user
from dure.hub.reviews import operations as reviews
from dure.hub.reviews.models import Assignment
from dure.hub.supply import operations as supply
from dure.vocabulary.programme_file import parse_programme

FILE = Path(__file__).parents[2] / "programmes" / "kr-gpu-2026.yaml"
NOW = datetime(2026, 1, 10, 10, tzinfo=ZoneInfo("Asia/Seoul"))
PASSWORD = "두레-함께-쓰는-전산-2026"
POINTS = {"ripple": 30, "ecosystem": 20, "readiness": 25}

ANSWERS: dict[str, object] = {
    "title": "한국어 의료 언어모델 사전학습",
    "summary": "병원 기록을 안전하게 요약하는 공개 한국어 의료 언어모델을 학습합니다.",
    "field": "language",
    "model": "H200",
    "servers": "4",
    "months": "6",
    "reason_for_size": "70억 매개변수 모델을 2조 토큰으로 학습하는 데 필요한 규모입니다.",
    "plan_q1": "40",
    "plan_q2": "30",
    "plan_q3": "20",
    "plan_q4": "10",
    "lead_name": "김두레",
    "data_secured": "yes",
    "checkpointing": "yes",
    "operating_staff": "2",
    "open_release": "",
    "youth_company": "no",
    "non_commercial": "yes",
    "consent_monitoring": "yes",
    "consent_reclaim": "yes",
    "consent_reporting": "yes",
}


@dataclass(frozen=True, slots=True)
class World:
    """Who and what there is."""

    call: Call
    applicant: User
    neighbour: User
    operator: User
    reviewers: tuple[User, ...]

    @property
    def reviewer(self) -> User:
        return self.reviewers[0]


def found_again(made: World) -> Callable[[], World]:
    """How this world is found among its rows."""

    def find() -> World:
        people = {one.username: one for one in User.objects.select_related("organisation")}
        return World(
            call=Call.objects.select_related("programme").get(pk=made.call.pk),
            applicant=people["applicant"],
            neighbour=people["neighbour"],
            operator=people["operator"],
            reviewers=tuple(people[one.username] for one in made.reviewers),
        )

    return find


def _stage(make: Callable[[datetime], World]) -> Callable[..., World]:
    """A stage of the world's life."""

    @wraps(make)
    def made(now: datetime = NOW) -> World:
        return kept(f"{make.__name__} {now}", lambda: make(now), found_again)

    return made


@_stage
def open_world(now: datetime = NOW) -> World:
    """The programme is loaded and its call takes applications."""
    programme = supply.store_programme(
        programme=parse_programme(FILE.read_text(), file=FILE.name), by=STEWARD, now=now
    )
    calls.announce_calls(programme=programme, by=STEWARD, now=now)
    call = calls.open_call(call=Call.objects.get(key="kr-2026-r1"), by=STEWARD, now=now)
    university = _organisation("두레대학교", "academia", now)
    company = _organisation("이웃데이터", "industry", now)
    panel = _organisation("평가연구소", "institute", now)
    return World(
        call=call,
        applicant=_person("applicant", Role.APPLICANT, university, "김두레", now),
        neighbour=_person("neighbour", Role.APPLICANT, company, "이이웃", now),
        operator=_person("operator", Role.OPERATOR, None, "박운영", now),
        reviewers=tuple(
            _person(f"reviewer{n}", Role.REVIEWER, panel, f"평가위원 {n}", now) for n in (1, 2, 3)
        ),
    )


def submitted(world: World, by: User, now: datetime = NOW, **answers: object) -> Application:
    """One complete application."""
    draft = calls.start_application(call=world.call, by=by, now=now)
    saved = calls.save_draft(application=draft, answers={**ANSWERS, **answers}, by=by, now=now)
    return calls.submit_application(application=saved, by=by, now=now)


@_stage
def reviewing_world(now: datetime = NOW) -> World:
    """Three applications are in review; a draft and a refused one stand beside them."""
    world = open_world(now)
    calls.start_application(call=world.call, by=world.applicant, now=now)
    submitted(world, world.applicant, now)
    submitted(world, world.applicant, now, title="기후 예측 기반모델", servers="20")
    submitted(
        world, world.neighbour, now, title="제조 결함 탐지 <모델>", model="B200", servers="16"
    )
    calls.close_call(call=world.call, by=STEWARD, now=now)
    calls.screen_call(call=world.call, by=STEWARD, now=now)
    reviews.assign_reviewers(call=world.call, by=STEWARD, now=now)
    return world


@_stage
def decided_world(now: datetime = NOW) -> World:
    """Reviewed, ranked and decided: an award awaits its agreement, a model is published."""
    world = reviewing_world(now)
    for n, assignment in enumerate(Assignment.objects.select_related("reviewer").order_by("pk")):
        points = {**POINTS, "ripple": 30 + n % 7}
        reviews.submit_review(
            assignment=assignment,
            points=points,
            comment="계획이 구체적임.",
            by=assignment.reviewer,
            now=now,
        )
    reviews.rank_call(call=world.call, by=STEWARD, now=now)
    decision = allocations.solve_round(call=world.call, by=world.operator, now=now)
    allocations.approve_decision(decision=decision, by=world.operator, now=now)
    _publish(now)
    return world


def _publish(now: datetime) -> None:
    project = Project.objects.filter(application__isnull=False).earliest("pk")
    Listing.objects.create(
        project=project,
        slug="dure-med-7b",
        name="두레 의료 7B",
        summary="병원 기록 요약에 맞춘 공개 한국어 언어모델.",
        licence="Apache-2.0",
        state=Listing.State.PUBLISHED,
        published_at=now,
    )


def _organisation(name: str, sector: str, now: datetime) -> Organisation:
    return add_organisation(name=name, sector=sector, region="capital", by=STEWARD, now=now)


def _person(
    username: str, role: Role, organisation: Organisation | None, name: str, now: datetime
) -> User:
    return add_user(
        username=username,
        role=role,
        organisation=organisation,
        password=PASSWORD,
        display_name=name,
        by=STEWARD,
        now=now,
    )
