"""Words that names of institutions are made of, and institutions whose names tell no more.

- `WORDS`: Korean and English words of one meaning. What a name has besides is its proper part, and
  that is compared by sound.
- `ALIASES`: institutions whose Korean and English names cannot be derived from each other, and
  those whose derived names would be another's (KAIST and KIST; Seoul National University and the
  University of Seoul). Names as the institutions write them on their own sites; extend freely.
"""

from __future__ import annotations

from typing import Final

# meaning: Korean words; English words.
_MEANINGS: Final[dict[str, tuple[str, str]]] = {
    "advanced": ("고등 첨단", "advanced"),
    "aerospace": ("항공우주", "aerospace"),
    "agency": ("진흥원", "agency promotion"),
    "ai": ("인공지능 에이아이", "ai"),
    "association": ("협회 학회", "association society"),
    "bank": ("은행", "bank"),
    "bio": ("바이오", "bio"),
    "bioscience": ("생명공학", "bioscience biotechnology"),
    "center": ("센터 의료원", "center centre"),
    "chemical": ("화학", "chemical chemicals chemistry chem"),
    "city": ("시립", "city municipal"),
    "cloud": ("클라우드", "cloud"),
    "communications": ("통신 커뮤니케이션", "communications communication"),
    "data": ("데이터", "data"),
    "education": ("교육", "education"),
    "electronics": ("전자", "electronics electronic"),
    "energy": ("에너지", "energy"),
    "engineering": ("엔지니어링", "engineering"),
    "entertainment": ("엔터테인먼트", "entertainment"),
    "foundation": ("재단", "foundation"),
    "games": ("게임 게임즈", "game games"),
    "group": ("그룹", "group"),
    "healthcare": ("헬스케어", "healthcare"),
    "heavy": ("중공업", "heavy industries"),
    "holdings": ("홀딩스", "holdings"),
    "hospital": ("병원", "hospital"),
    "information": ("정보", "information"),
    "innovation": ("이노베이션", "innovation innovations"),
    "institute": ("연구원 연구소 기술원", "institute"),
    "insurance": ("보험", "insurance"),
    "intelligence": ("지능 인텔리전스", "intelligence"),
    "interactive": ("인터랙티브", "interactive"),
    "korea": ("한국 대한민국", "korea korean"),
    "lab": ("랩 랩스 연구실", "lab labs laboratory laboratories"),
    "life": ("생명", "life"),
    "machinery": ("기계", "machinery machine"),
    "marine": ("해양", "marine maritime ocean"),
    "materials": ("재료 소재 머티리얼즈", "materials material"),
    "medical": ("의료 의료원 메디컬", "medical"),
    "medicine": ("의학", "medicine"),
    "mobility": ("모빌리티", "mobility"),
    "motor": ("자동차 모터스", "motor motors automobile automotive"),
    "networks": ("네트웍스 네트워크", "networks network"),
    "pharma": ("제약 파마", "pharma pharmaceutical pharmaceuticals"),
    "platform": ("플랫폼", "platform platforms"),
    "power": ("전력", "power"),
    "robot": ("로봇 로보틱스 로보틱", "robot robots robotics"),
    "school": ("학교", "school"),
    "science": ("과학", "science sciences"),
    "securities": ("증권", "securities"),
    "semiconductor": ("반도체", "semiconductor semiconductors"),
    "soft": ("소프트", "soft"),
    "solution": ("솔루션 솔루션즈", "solution solutions"),
    "standards": ("표준", "standards standard"),
    "steel": ("제철 철강 스틸", "steel"),
    "studio": ("스튜디오", "studio studios"),
    "systems": ("시스템 시스템즈", "system systems"),
    "technology": ("기술 테크 테크놀로지 공업", "technology technologies tech technological"),
    "telecom": ("텔레콤", "telecom telecommunications"),
    "university": ("대학교 대학", "university univ college"),
    "ventures": ("벤처스", "ventures"),
    "women": ("여자", "women womens womans woman"),
    # Not told apart, for one is often left out of a name or put in for the other.
    "": ("및 국립 공사 공단", "research the of and for in at s national"),
}


def _korean() -> dict[str, tuple[str, ...]]:
    words: dict[str, tuple[str, ...]] = {}
    for meaning, (korean, _) in _MEANINGS.items():
        for word in korean.split():
            words[word] = (*words.get(word, ()), meaning)
    return {**words, "과학기술원": ("science", "technology", "institute")}


KOREAN: Final = _korean()
"""Korean word -> its meanings; 의료원 has two, as "medical center" has."""

ENGLISH: Final = {
    word: meaning for meaning, (_, english) in _MEANINGS.items() for word in english.split()
}
"""English word -> its meaning; the empty one is left out of the comparison."""

_SPELT: Final = (
    "에이 비 씨 시 디 이 에프 지 에이치 아이 제이 케이 엘 엠 엔 오 피 큐 아르 알 에스 티 유 브이"
    " 더블유 엑스 와이 제트"
)
LETTERS: Final = dict(zip(_SPELT.split(), "abccdefghijklmnopqrrstuvwxyz", strict=True))
"""How Latin letters are spelt in Hangul."""

DEPARTMENTS: Final = (
    *("학과", "학부", "대학원", "대학", "전공", "캠퍼스", "과"),
    *("school", "department", "dept", "college", "graduate", "campus", "faculty"),
)
"""Words of a part of an institution: the part is not another institution."""

PLACES: Final = frozenset(
    {
        *("서울", "부산", "대구", "인천", "광주", "대전", "울산", "세종", "제주", "한국", "본사"),
        *("seoul", "busan", "daegu", "incheon", "gwangju", "daejeon", "ulsan", "sejong", "jeju"),
        *("korea", "republicofkorea", "southkorea"),
    }
)
"""What stands in brackets after a name and is not another name of it."""

ALIASES: Final[tuple[tuple[str, ...], ...]] = (
    (
        *("한국과학기술원", "카이스트", "KAIST"),
        "Korea Advanced Institute of Science and Technology",
    ),
    (
        *("한국과학기술연구원", "키스트", "KIST"),
        "Korea Institute of Science and Technology",
    ),
    ("한국과학기술정보연구원", "KISTI", "Korea Institute of Science and Technology Information"),
    (
        "한국전자통신연구원",
        "에트리",
        "ETRI",
        "Electronics and Telecommunications Research Institute",
    ),
    ("울산과학기술원", "유니스트", "UNIST", "Ulsan National Institute of Science and Technology"),
    (
        *("광주과학기술원", "지스트", "GIST"),
        "Gwangju Institute of Science and Technology",
    ),
    (
        *("대구경북과학기술원", "디지스트", "DGIST"),
        "Daegu Gyeongbuk Institute of Science and Technology",
    ),
    (
        *("포항공과대학교", "포항공대", "포스텍", "POSTECH"),
        "Pohang University of Science and Technology",
    ),
    (
        *("과학기술연합대학원대학교", "UST"),
        *("University of Science and Technology", "Korea University of Science and Technology"),
    ),
    ("서울과학기술대학교", "SeoulTech", "Seoul National University of Science and Technology"),
    (
        *("서울대학교", "서울대", "국립서울대학교", "SNU"),
        "Seoul National University",
    ),
    ("서울시립대학교", "서울시립대", "University of Seoul"),
    (
        *("서울대학교병원", "서울대병원", "SNUH"),
        "Seoul National University Hospital",
    ),
    ("분당서울대학교병원", "SNUBH", "Seoul National University Bundang Hospital"),
    ("고려대학교", "고려대", "고대", "Korea University"),
    ("연세대학교", "연세대", "Yonsei University"),
    ("이화여자대학교", "이화여대", "Ewha Womans University"),
    ("한양대학교", "한양대", "Hanyang University"),
    ("성균관대학교", "성균관대", "SKKU", "Sungkyunkwan University"),
    ("부산대학교", "부산대", "PNU", "Pusan National University"),
    ("한국외국어대학교", "한국외대", "HUFS", "Hankuk University of Foreign Studies"),
    ("한국항공대학교", "한국항공대", "Korea Aerospace University"),
    ("한국기술교육대학교", "코리아텍", "KOREATECH", "Korea University of Technology and Education"),
    (
        *("한국공학대학교", "Tech University of Korea"),
        "Korea Polytechnic University",
    ),
    ("가톨릭대학교", "The Catholic University of Korea"),
    ("서울아산병원", "Asan Medical Center"),
    ("삼성서울병원", "Samsung Medical Center"),
    ("세브란스병원", "연세의료원", "Severance Hospital", "Yonsei University Health System"),
    ("국립암센터", "National Cancer Center"),
    ("한국생명공학연구원", "KRIBB", "Korea Research Institute of Bioscience and Biotechnology"),
    ("한국화학연구원", "KRICT", "Korea Research Institute of Chemical Technology"),
    ("한국기계연구원", "KIMM", "Korea Institute of Machinery and Materials"),
    ("한국항공우주연구원", "KARI", "Korea Aerospace Research Institute"),
    ("한국원자력연구원", "KAERI", "Korea Atomic Energy Research Institute"),
    ("한국표준과학연구원", "KRISS", "Korea Research Institute of Standards and Science"),
    ("한국에너지기술연구원", "KIER", "Korea Institute of Energy Research"),
    ("한국천문연구원", "KASI", "Korea Astronomy and Space Science Institute"),
    ("기초과학연구원", "IBS", "Institute for Basic Science"),
    ("고등과학원", "KIAS", "Korea Institute for Advanced Study"),
    ("국가수리과학연구소", "NIMS", "National Institute for Mathematical Sciences"),
    ("정보통신산업진흥원", "NIPA", "National IT Industry Promotion Agency"),
    ("한국지능정보사회진흥원", "NIA", "National Information Society Agency"),
    (
        *("정보통신기획평가원", "IITP"),
        "Institute of Information and Communications Technology Planning and Evaluation",
    ),
    ("한국전력공사", "한국전력", "한전", "KEPCO", "Korea Electric Power Corporation"),
    ("네이버", "NAVER"),
    ("네이버클라우드", "NAVER Cloud"),
    ("카카오", "Kakao"),
    ("엔에이치엔클라우드", "NHN클라우드", "NHN Cloud"),
    ("삼성에스디에스", "삼성SDS", "Samsung SDS"),
    ("에스케이하이닉스", "SK하이닉스", "SK hynix"),
    ("엘지유플러스", "LG유플러스", "LG U+", "LG Uplus"),
    ("엘지에이아이연구원", "LG AI연구원", "LG AI Research"),
    ("포스코", "POSCO"),
    ("엔씨소프트", "NCSOFT"),
    ("크래프톤", "KRAFTON"),
    ("업스테이지", "Upstage"),
    ("래블업", "Lablup"),
    ("리벨리온", "Rebellions"),
    ("퓨리오사에이아이", "퓨리오사AI", "FuriosaAI"),
    ("엘리스", "엘리스그룹", "Elice"),
    ("루닛", "Lunit"),
    ("뷰노", "VUNO"),
    ("트웰브랩스", "Twelve Labs"),
)
