"""A small call that the applicants judge themselves: filed twice, a panel, peers, one late.

- Everybody here is made up. Nine file; one of them is another's project under a romanised name,
  which the hub finds and a person refuses.
- A panel of three reads the documents; who passes reviews two or three of the others' projects.
- Whoever gives no review is out, and what they owed goes to others (UKRI's AIRR, open access).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import override

from dure.cli.demo.context import Context, at
from dure.cli.demo.programme import PEERS
from dure.hub import clock
from dure.hub.calls import duplicates
from dure.hub.calls import operations as calls
from dure.hub.calls.models import Application, Call, DuplicatePair
from dure.hub.people import operations as people
from dure.hub.people.gate import Steward
from dure.hub.people.models import Role, User
from dure.hub.portal.reasons import sentence
from dure.hub.reviews import operations as reviews
from dure.hub.reviews.facts import with_ties
from dure.hub.reviews.models import Assignment, Verdict
from dure.hub.supply.queries import rules
from dure.vocabulary.frozen import Text
from dure.vocabulary.plans import Reason

YEAR: Final = 2025
SETUP: Final = Steward(username="demo-setup")


@dataclass(frozen=True, slots=True)
class Peer:
    """An applicant; `tenths` of the points are what everybody gives the project."""

    organisation: str
    lead: str
    title: str
    summary: str
    tenths: int


WILDFIRES: Final = "위성 영상과 기상 자료로 산불이 번지는 방향을 여섯 시간 앞서 예측하는 모델"
APPLICANTS: Final = (
    Peer("가온연구원", "김민준", "산불 확산 예측 모델", f"{WILDFIRES}을 학습합니다.", 9),
    Peer("Gaon Institute", "Min-jun Kim", "산불 확산 예측 모델", f"{WILDFIRES}.", 9),
    Peer("누리대학교", "이서연", "수어 통역 모델", "영상 속 수어를 한국어 문장으로 옮깁니다.", 8),
    Peer("다온연구원", "박지훈", "배터리 소재 탐색", "전해질 후보의 안정성을 계산합니다.", 8),
    Peer("라온대학교", "최수빈", "판소리 음성 합성", "소리꾼의 창법을 배워 사설을 노래합니다.", 7),
    Peer("마루연구원", "정하윤", "조선소 용접 검사", "용접부 사진에서 기공과 균열을 찾습니다.", 6),
    Peer(
        "바다대학교", "강도윤", "해양 산성화 예측", "관측 부이 자료로 산호의 백화를 내다봅니다.", 7
    ),
    Peer("사람연구원", "조은우", "낙상 감지 모델", "거실 센서의 신호에서 넘어짐을 알아냅니다.", 4),
    Peer("아침대학교", "윤채원", "시조 번역 모델", "옛 시조의 운율을 살려 영어로 옮깁니다.", 3),
)
SILENT: Final = "마루연구원"
"""Gives none of the reviews it owes."""


def run_peer_review(context: Context) -> None:
    """Nine file, one twice; a panel of three; six peers, one of whom is silent; five ranked."""
    operator = context.operator
    with context.stage("Small call: duplicates, panel, peer review", 4) as done:
        with transaction.atomic():
            _file(operator)
        done()
        with transaction.atomic():
            context.seen.told.append(_refuse_what_was_filed_twice(operator))
        done()
        with transaction.atomic():
            _judge_documents(operator)
        done()
        with transaction.atomic():
            _review_each_other(operator)
    context.seen.told.append(_told())


def _call() -> Call:
    return Call.objects.select_related("programme").get(key=PEERS)


def _file(by: User) -> None:
    now = at(10, 2, year=YEAR)
    clock.rehearse(now)
    calls.open_call(call=_call(), by=by, now=now)
    for number, peer in enumerate(APPLICANTS, start=1):
        organisation = people.add_organisation(
            name=peer.organisation, sector="academia", region="non-capital", by=SETUP, now=now
        )
        user = people.add_user(
            username=f"peer-{number}",
            role=Role.APPLICANT,
            organisation=organisation,
            display_name=peer.lead,
            by=SETUP,
            now=now,
        )
        application = calls.start_application(call=_call(), by=user, now=now)
        calls.save_draft(application=application, answers=_answers(peer), by=user, now=now)
        calls.submit_application(application=application, by=user, now=now)


def _answers(peer: Peer) -> dict[str, object]:
    return {
        "title": peer.title,
        "summary": peer.summary,
        "field": "other",
        "model": "either",
        "servers": 1,
        "months": 1,
        "reason_for_size": "시연: 한 자리면 충분합니다.",
        **dict.fromkeys(("plan_q1", "plan_q2", "plan_q3", "plan_q4"), 25),
        "lead_name": peer.lead,
        "data_secured": True,
        "checkpointing": True,
        "operating_staff": 1,
        "youth_company": False,
        "non_commercial": True,
        "consent_monitoring": True,
        "consent_reclaim": True,
        "consent_reporting": True,
    }


def _refuse_what_was_filed_twice(by: User) -> Text:
    """The hub finds the pair, a person says that it is one project; the later one is refused."""
    now = at(11, 3, year=YEAR)
    clock.rehearse(now)
    calls.close_call(call=_call(), by=by, now=now)
    duplicates.find_duplicates(call=_call(), by=by, now=now)
    pair = DuplicatePair.objects.select_related("first", "second").get(call=_call())
    why = [Reason.model_validate(reason) for reason in pair.evidence]
    duplicates.decide(pair=pair, ruling=DuplicatePair.Ruling.SAME, by=by, now=now)
    first, second = pair.first.number, pair.second.number
    return Text(
        ko=f"두 번 낸 과제를 찾음: {second}은(는) {first}과(와) 같음. {_said(why, 'ko')}",
        en=f"Filed twice and found: {second} is {first}. {_said(why, 'en')}",
    )


def _said(why: list[Reason], language: str) -> str:
    with override(language):
        return " ".join(map(sentence, why))


def _judge_documents(by: User) -> None:
    now = at(11, 4, year=YEAR)
    clock.rehearse(now)
    calls.screen_call(call=_call(), by=by, now=now)
    reviews.assign_reviewers(call=_call(), by=by, now=now)
    _give(at(11, 14, year=YEAR))
    reviews.close_stage(call=_call(), by=by, now=clock.now())


def _review_each_other(by: User) -> None:
    """All but one give their reviews; past the due time others are asked for the missing ones."""
    _give(at(11, 20, year=YEAR))
    late = at(11, 26, year=YEAR)
    clock.rehearse(late)
    reviews.replace_late(call=_call(), by=by, now=late)
    _give(at(12, 1, year=YEAR))
    reviews.rank_call(call=_call(), by=by, now=clock.now())


def _give(now: datetime) -> None:
    """Every review that is asked for, but those of the silent organisation."""
    clock.rehearse(now)
    tenths = {peer.organisation: peer.tenths for peer in APPLICANTS}
    points = {c.id: c.points for c in rules(_call().programme).rubric.criteria}
    asked = Assignment.objects.filter(
        stage__call__key=PEERS, state=Assignment.State.ACTIVE, review=None
    )
    reviewers = with_ties(User.objects.filter(assignments__in=asked).distinct())
    by_id = {user.pk: user for user in reviewers}
    for one in asked.select_related("application__organisation").order_by("pk"):
        reviewer = by_id[one.reviewer_id]
        if reviewer.organisation is None or reviewer.organisation.name != SILENT:
            given = tenths[one.application.organisation.name]
            reviews.submit_review(
                assignment=one,
                points=_shares(points, given),
                comment="",
                by=reviewer,
                now=now,
            )


def _shares(points: Mapping[str, int], tenths: int) -> dict[str, int]:
    return {criterion: most * tenths // 10 for criterion, most in points.items()}


def _told() -> Text:
    judged = Verdict.objects.filter(stage__call__key=PEERS, stage__key="document")
    passed = judged.filter(passed=True).count()
    ranked = Application.objects.filter(call__key=PEERS, rank__isnull=False).count()
    return Text(
        ko=f"신청자 상호 평가: 서류 {judged.count()}건 중 평가위원 과반이 인정한 {passed}건이 서로 "
        f"평가했고, 평가를 내지 않은 {passed - ranked}건은 탈락, {ranked}건에 순위를 매김",
        en=f"Peer review: of {judged.count()} projects a majority of the panel passed {passed}, "
        f"which reviewed each other; {passed - ranked} that gave no review is out, {ranked} ranked",
    )
