"""Duplicates: copies are found with their evidence, boilerplate and short texts are not."""

from __future__ import annotations

from random import Random

from dure.engine.duplicates import (
    Duplicates,
    DuplicatesSnapshot,
    Project,
    Registered,
    find,
    registered_twice,
)
from dure.vocabulary.reasons import CATALOGUE

FORM = "본 과제는 공동 활용 자원으로 인공지능 모델을 학습하고 그 결과를 공개한다. "
OWN = (
    "흉부 영상에서 폐결절을 찾는 자기지도 표현 학습 모형을 만들고 세 병원의 자료로 검증한다",
    "해양 관측 부이의 시계열을 메우는 확산 모형을 학습하여 연안 적조를 일주일 먼저 알린다",
    "판결문을 요약하는 언어 모형을 학습하고 법률가 열두 사람이 그 정확도를 평가한다",
    "제조 공정의 진동 신호로 설비 고장을 미리 알아내는 기초 모형을 공개한다",
    "한국 수어 영상을 글로 옮기는 다중 양식 모형을 학습하여 공공 창구에 시범 적용한다",
)


def project(place: int, text: str, **changes: object) -> Project:
    made = Project(
        application=f"A-{place}",
        order=place,
        title=text.partition(" ")[0],
        summary=FORM + text,
        organisation=f"기관{place}",
        person="",
    )
    return made.model_copy(update=changes)


def found(*projects: Project) -> Duplicates:
    return find(DuplicatesSnapshot(call="c", projects=projects))


def others() -> list[Project]:
    return [project(number, text) for number, text in enumerate(OWN)]


def codes(result: Duplicates) -> list[list[str]]:
    assert all(reason.code in CATALOGUE for pair in result.projects for reason in pair.evidence)
    return [[reason.code for reason in pair.evidence] for pair in result.projects]


def test_projects_that_share_only_the_forms_phrases_are_not_one() -> None:
    assert found(*others()).projects == ()


def test_a_copy_is_found_and_the_earlier_submitted_stands_first() -> None:
    copy = project(9, OWN[1], application="A-0-copy", title="다른 제목의 같은 과제")
    (pair,) = found(copy, *others()).projects
    assert (pair.first, pair.second) == ("A-1", "A-0-copy")
    assert codes(found(copy, *others())) == [["duplicate.text"]]


def reworded(*, share: float) -> str:
    words = OWN[0].split()
    kept = round(len(words) * share)
    return " ".join([*words[:kept], "그 밖에는 다른 낱말로 전혀 새롭게 적어 둔 설명이다"])


def test_the_same_people_behind_it_make_less_text_enough() -> None:
    text = reworded(share=0.75)
    alone = project(9, text)
    same = alone.model_copy(update={"organisation": "기관0 (주)"})
    assert found(alone, *others()).projects == ()
    assert codes(found(same, *others())) == [
        ["duplicate.text", "duplicate.title", "duplicate.organisation"]
    ]


def test_a_romanised_name_and_a_number_are_evidence() -> None:
    first = project(0, OWN[0], person="홍길동", number="124-81-00998")
    second = project(9, OWN[0], person="Gildong Hong", number="1248100998")
    assert codes(found(first, second, *others()[1:])) == [
        ["duplicate.text", "duplicate.title", "duplicate.number", "duplicate.person"]
    ]


def test_one_institute_may_have_two_projects() -> None:
    mine = [
        one.model_copy(update={"organisation": "KAIST", "person": "김하나"}) for one in others()
    ]
    assert found(*mine).projects == ()


def test_a_short_text_is_found_only_when_it_is_equal() -> None:
    brief = [project(n, t, summary="", title=t[:6]) for n, t in enumerate(OWN)]
    again = brief[0].model_copy(update={"application": "A-9", "order": 9})
    (pair,) = found(*brief, again).projects
    assert pair.percent == 100


def test_a_crowd_of_equal_texts_is_told_by_the_first_of_them() -> None:
    crowd = [project(n, OWN[0]) for n in range(100)]
    pairs = found(*crowd).projects
    assert {pair.first for pair in pairs} == {"A-0"}
    assert len(pairs) == 99


def test_the_order_of_the_projects_changes_nothing() -> None:
    projects = [*others(), project(7, OWN[2]), project(8, reworded(share=0.9), person="")]
    straight = found(*projects)
    assert straight.projects
    for seed in range(5):
        mixed = list(projects)
        Random(seed).shuffle(mixed)  # noqa: S311  # no secret
        assert found(*mixed) == straight


def test_an_organisation_registered_twice_is_named() -> None:
    registered = (
        Registered(organisation="1", name="삼성전자", number="124-81-00998"),
        Registered(organisation="2", name="Samsung Electronics Co., Ltd."),
        Registered(organisation="3", name="가람", number="1248100998"),
        Registered(organisation="4", name="나래"),
    )
    result = find(DuplicatesSnapshot(call="c", projects=(), organisations=registered))
    assert [
        (pair.first, pair.second, [why.code for why in pair.evidence])
        for pair in result.organisations
    ] == [("1", "2", ["duplicate.names"]), ("1", "3", ["duplicate.number"])]


def test_two_spellings_of_one_name_and_number_are_both_said() -> None:
    pair = registered_twice(
        (
            Registered(organisation="1", name="(주) 두레", number="124-81-00998"),
            Registered(organisation="2", name="두레 주식회사", number="1248100998"),
        )
    )
    assert [why.code for why in pair[0].evidence] == ["duplicate.spelling", "duplicate.number"]
