"""Names of organisations and people: a labelled set of pairs, and how many are told rightly.

The pairs are made by hand from names in public use. A name the rules miss stays in the set: the
bound says how many there may be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from unicodedata import normalize

import pytest

from dure.engine.organisation_names import likeness, name_keys, same_organisation
from dure.engine.person_names import person_keys, same_person

Pairs = tuple[tuple[str, str], ...]

ONE_ORGANISATION: Final[Pairs] = (
    ("삼성전자", "Samsung Electronics Co., Ltd."),
    ("현대자동차", "Hyundai Motor Company"),
    ("현대모비스", "Hyundai Mobis"),
    ("한화시스템", "Hanwha Systems"),
    ("두산로보틱스", "Doosan Robotics"),
    ("셀트리온", "Celltrion"),
    ("LG화학", "엘지화학"),
    ("LG화학", "LG Chem"),
    ("케이티", "KT"),
    ("(주)케이티", "KT Corp."),
    ("에스케이텔레콤 주식회사", "SK텔레콤"),
    ("에스케이텔레콤", "SK Telecom"),
    ("네이버클라우드 ㈜", "NAVER Cloud Corp."),
    ("가람테크", "Garam Tech"),
    ("한빛소프트", "Hanbit Soft"),
    ("한빛소프트(Hanbit Soft)", "HANBIT SOFT INC."),
    ("㈜두레", "Dure Inc."),
    ("두레 주식회사", "(주) 두레"),
    ("서울대학교", "Seoul National University"),
    ("서울대학교 공과대학", "SNU"),
    ("서울대학교 인공지능대학원", "서울대학교"),
    ("KAIST 전산학부", "한국과학기술원"),
    ("Graduate School of AI, KAIST", "카이스트"),
    ("Korea Advanced Institute of Science and Technology", "한국과학기술원(KAIST)"),
    ("한국전자통신연구원(ETRI)", "ETRI"),
    ("Department of Computer Science, Yonsei University", "연세대학교"),
    ("충남대학교", "Chungnam National University"),
    ("전남대학교", "Chonnam National University"),
    ("경북대학교 산학협력단", "Kyungpook National University"),
    ("부산대학교", "Pusan National University"),
    ("국립한밭대학교", "Hanbat National University"),
    ("제주대학교", "Jeju National University"),
    ("제주대학교", "Cheju National University"),
    ("인하대학교", "Inha University"),
    ("아주대학교", "Ajou University"),
    ("중앙대학교", "Chung-Ang University"),
    ("건국대학교", "Konkuk University"),
    ("단국대학교", "Dankook University"),
    ("국민대학교", "Kookmin University"),
    ("영남대학교", "Yeungnam University"),
    ("경희대학교", "Kyung Hee University"),
    ("한라대학교", "Halla University"),
    ("숙명여자대학교", "Sookmyung Women's University"),
    ("아주대학교의료원", "Ajou University Medical Center"),
    ("강원대학교병원", "Kangwon National University Hospital"),
    ("한밭대학교", normalize("NFD", "한밭대학교")),
    ("ＫＡＩＳＴ", "kaist"),
    ("엔씨소프트", "NCSOFT"),
    ("신세계아이앤씨", "Shinsegae I&C"),
    ("뉴로메카", "Neuromeka"),
)

TWO_ORGANISATIONS: Final[Pairs] = (
    ("서울대학교", "University of Seoul"),
    ("서울대학교", "서울대학교병원"),
    ("서울대학교", "서울대학교 병원"),
    ("서울대학교", "서울과학기술대학교"),
    ("KAIST", "KIST"),
    ("KISTI", "KIST"),
    ("한국과학기술원", "한국과학기술정보연구원"),
    ("한국과학기술원", "Korea Institute of Science and Technology"),
    ("고려대학교", "한국대학교"),
    ("경북대학교", "경남대학교"),
    ("전남대학교", "전북대학교"),
    ("충남대학교", "Chungbuk National University"),
    ("인하대학교", "인하대학교병원"),
    ("강원대학교", "Kangwon National University Hospital"),
    ("삼성전자", "삼성전기"),
    ("삼성전자", "Samsung SDS"),
    ("Naver", "Naver Cloud"),
    ("SK텔레콤", "SK하이닉스"),
    ("LG화학", "LG전자"),
    ("가람테크", "가람바이오"),
    ("가람테크", "Goram Bio"),
    ("한빛소프트", "한별소프트"),
    ("두레", "다래"),
    ("두레", "Dalae"),
    ("한국은행", "한국전력"),
    ("현대자동차", "현대중공업"),
    ("현대자동차", "Hyundai Heavy Industries"),
    ("삼성병원(서울)", "현대병원(서울)"),
    ("", ""),
    ("두레", ""),
)

ONE_PERSON: Final[Pairs] = (
    ("홍길동", "Hong Gildong"),
    ("홍길동", "Gildong Hong"),
    ("홍길동", "HONG, Kil-Dong"),
    ("홍길동", "홍 길동"),
    ("홍길동", "길동 홍"),
    ("홍길동 교수", "Prof. Gildong Hong"),
    ("홍길동(Hong Gildong)", "Gil Dong Hong"),
    ("이영희", "Lee Younghee"),
    ("이영희", "Yi Yeonghui"),
    ("Lee Young-Hee", "Yeong-hui Yi"),
    ("김철수", "Chulsoo Kim"),
    ("김철수", "Gim Cheolsu"),
    ("박지성", "Ji-Sung Park"),
    ("최민호", "Minho Choi"),
    ("정수빈", "Subin Jung"),
    ("Jeong Subin", "Chung Soo-Bin"),
    ("노무현", "Roh Moo-hyun"),
    ("남궁민", "Namgung Min"),
    ("임현정", "Hyunjung Lim"),
    ("강동원", "Dong-Won Gang"),
    ("전지현", "Jun Ji-hyun"),
    ("조승우", "Cho Seung-woo"),
    ("안철수", "Ahn Cheol-soo"),
    ("김민국", "Kim Minguk"),
    ("이승만", "Syngman Rhee"),  # missed: an old spelling
    ("José García", "Garcia, Jose"),
)

TWO_PEOPLE: Final[Pairs] = (
    ("홍길동", "홍길순"),
    ("김철수", "이철수"),
    ("김철수", "Lee Chulsoo"),
    ("Kim Minsu", "Kim Minji"),
    ("박지성", "Park Jisoo"),
    ("최민호", "최민우"),
    ("김영수", "김연수"),
    ("이정은", "이종은"),
    ("정수빈", "중수빈"),
    ("John Smith", "Jane Smith"),
    ("홍길동", ""),
    ("", ""),
)


@pytest.mark.parametrize(
    ("same", "positive", "negative", "precision", "recall"),
    [
        (same_organisation, ONE_ORGANISATION, TWO_ORGANISATIONS, 1.0, 0.95),
        (same_person, ONE_PERSON, TWO_PEOPLE, 1.0, 0.95),
    ],
)
def test_names_are_told_with_this_precision_and_recall(
    same: Callable[[str, str], bool],
    positive: Pairs,
    negative: Pairs,
    precision: float,
    recall: float,
) -> None:
    found = [pair for pair in positive if same(*pair)]
    missed = sorted(set(positive) - set(found))
    wrong = [pair for pair in negative if same(*pair)]
    assert len(found) / (len(found) + len(wrong)) >= precision, wrong
    assert len(found) / len(positive) >= recall, missed


@pytest.mark.parametrize("pair", [*ONE_ORGANISATION, *TWO_ORGANISATIONS])
def test_sameness_is_the_same_in_both_directions(pair: tuple[str, str]) -> None:
    assert same_organisation(*pair) is same_organisation(*pair[::-1])
    assert likeness(*pair) == likeness(*pair[::-1])


def test_one_organisation_is_wholly_like_and_others_are_less() -> None:
    assert likeness("삼성전자", "Samsung Electronics") == 1.0
    close, far = likeness("삼성전자", "삼성전기"), likeness("삼성전자", "한빛소프트")
    assert 0.0 <= far < close < 1.0


def test_a_jung_may_be_either_of_two_people_who_are_not_one() -> None:
    assert same_person("Lee Jung", "이정")
    assert same_person("Lee Jung", "이중")
    assert not same_person("이정", "이중")


def test_a_hostile_name_has_few_keys() -> None:
    hostile = "스a" * 100
    assert len(name_keys(hostile)) < 1100
    assert len(person_keys("u " * 200)) < 1100
