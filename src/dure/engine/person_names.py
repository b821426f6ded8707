"""When two written names may mean one person.

- A Korean name is a surname and a given name. In Hangul the surname stands first; in Latin letters
  it may stand first or last, so both are tried. Surnames are known by their usual spellings
  (이 is Lee, Yi, Rhee); given names are compared by how they may sound.
- Other names are compared by their words, in any order.
- Two people may share a name: this finds who might be one, and never proves that they are.
- A name that was not given is nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from dure.engine.name_sounds import folded, is_hangul, readings

# Surnames of the 2015 census with their spellings in passports; the commonest hundred.
_WRITTEN: Final = """
김 kim gim, 이 lee yi rhee li i yee rhie, 박 park pak bak parc bark, 최 choi choe,
정 jung jeong chung chong cheong, 강 kang gang, 조 cho jo joe, 윤 yoon yun youn,
장 jang chang, 임 lim im rim yim, 한 han hahn, 오 oh o, 서 seo suh so sur, 신 shin sin,
권 kwon gwon kweon, 황 hwang whang, 안 ahn an, 송 song, 전 jeon jun chun chon jhun, 홍 hong,
유 yoo yu you ryu ryoo, 류 ryu ryoo yoo yu, 고 ko go koh, 문 moon mun, 양 yang, 손 son sohn,
배 bae pae, 백 baek paik back paek baik, 허 heo hur huh, 남 nam, 심 shim sim,
노 noh roh no ro, 하 ha, 곽 kwak gwak, 성 sung seong, 차 cha, 주 joo ju chu, 우 woo u wu,
구 koo ku gu goo, 나 na ra nah rha, 민 min, 진 jin chin, 지 ji chi jee, 엄 um eom uhm,
채 chae, 원 won weon, 천 cheon chun chon, 방 bang pang, 공 kong gong, 현 hyun hyeon hyon,
함 ham hahm, 변 byun byeon pyun, 염 yeom yum youm, 여 yeo yuh yo, 추 choo chu, 도 do doh to,
소 so soh, 석 seok suk sok, 선 sun seon, 설 seol sul sol, 마 ma mah, 길 gil kil,
연 yeon youn yon, 위 wi wee, 표 pyo, 명 myung myeong, 기 ki gi kee, 반 ban pan, 라 ra la rah,
왕 wang, 금 geum keum kum, 옥 ok ock, 육 yook yuk, 인 in, 맹 maeng, 제 je jae, 모 mo, 탁 tak,
국 kook guk kuk, 은 eun, 편 pyeon pyun, 용 yong, 예 ye, 경 kyung gyeong, 봉 bong, 사 sa,
부 boo bu, 가 ka ga, 복 bok, 태 tae, 목 mok, 형 hyung, 피 pi, 두 doo du, 감 kam, 음 eum,
빈 bin, 동 dong, 온 on, 호 ho, 범 bum, 좌 jwa, 팽 paeng, 승 seung, 간 kan, 상 sang, 시 si,
갈 gal kal, 단 dan, 견 kyun, 당 dang, 화 hwa, 창 chang, 남궁 namgung namkoong, 황보 hwangbo,
제갈 jegal, 사공 sagong, 선우 sunwoo seonwoo, 서문 seomun, 독고 dokgo dokko
"""
_SURNAMES: Final = {first: rest for first, *rest in map(str.split, _WRITTEN.split(","))}


def _by_spelling() -> dict[str, list[str]]:
    surnames: dict[str, list[str]] = {}
    for surname, spellings in _SURNAMES.items():
        for spelling in spellings:
            surnames.setdefault(spelling, []).append(surname)
    return surnames


_BY_SPELLING: Final = _by_spelling()

_TITLES: Final = re.compile(
    r"\b(?:prof(?:essor)?|dr|mr|ms|mrs|ph\.?\s?d|md)\b\.?"
    r"|(?<=[가-힣]{2})\s*(?:교수|박사|대표|소장|연구원|팀장|님|씨)(?:님)?$"
)
_WORD: Final = re.compile(r"[가-힣]+|\d+|[^\W\d_가-힣]+(?:[-'’][^\W\d_가-힣]+)*")
_MOST_WORDS: Final = 6
"""A longer text is no person's name; only its own words are compared."""


_LONGEST_GIVEN: Final = 3
"""Syllables; longer given names are very rare, and what is longer is mostly no name."""


@lru_cache(maxsize=16_384)  # the people of a call; each is compared with every reviewer
def person_keys(name: str) -> frozenset[str]:
    """What a written person is compared by; two may be one where any key is shared."""
    words = _WORD.findall(_TITLES.sub(" ", folded(name).strip()))
    if not words:
        return frozenset()
    if any(word[0].isdigit() for word in words):
        return frozenset({_joined(words)})
    korean = [word for word in words if is_hangul(word[0])]
    if korean:
        # `홍길동 (Hong Gildong)`: what is in Hangul tells more. `길동 홍` is written too.
        orders = {"".join(korean), "".join(korean[-1:] + korean[:-1])}
        keys = (key for written in orders for key in _of_hangul(written))
        return frozenset({_joined(korean), *keys})
    return frozenset({_joined(words), *(_of_latin(words) if len(words) <= _MOST_WORDS else ())})


def same_person(a: str, b: str) -> bool:
    """Whether two written names may mean one person: Hangul, romanised, in either order."""
    return not person_keys(a).isdisjoint(person_keys(b))


def _joined(words: list[str]) -> str:
    return " ".join(sorted(words))


def _of_hangul(name: str) -> Iterator[str]:
    for length in (2, 1):
        surname, given = name[:length], name[length:]
        if 0 < len(given) <= _LONGEST_GIVEN and surname in _SURNAMES:
            yield from (f"{surname}:{reading}" for reading in readings(given))


def _of_latin(words: list[str]) -> Iterator[str]:
    for place in {0, len(words) - 1}:
        given = " ".join(words[:place] + words[place + 1 :])
        if given:
            for surname in _BY_SPELLING.get(words[place], ()):
                yield from (f"{surname}:{reading}" for reading in readings(given))
