"""The people of the demo, generated from a fixed seed.

- Published are the totals of Korea's round 1: 514 applications for 1,714 servers, of which academia
  asked for 1,075 and industry with institutes for 639 (newsis, 2026-03-03). They hold exactly.
- Not published are the individual applications, the number of applications by sector, the demand
  by model, and every name: those are generated here and say so in their titles.
- Industry's and institutes' parts of the 639, and the demand by model, follow the published awards
  (1,288 : 312 accelerators) and the published offer (H200 2,296 : B200 2,040).
- Reviewers differ in leniency, and scatter around an application's merit.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

SEED: Final = "dure-demo/kr-2026-r1"

APPLICATIONS: Final = 514
SERVERS_BY_SECTOR: Final = {"academia": 1075, "industry": 514, "institute": 125}
APPLICATIONS_BY_SECTOR: Final = {"academia": 322, "industry": 155, "institute": 37}
ORGANISATIONS_BY_SECTOR: Final = {"academia": 96, "industry": 128, "institute": 24}
REVIEWERS: Final = 66

LARGEST: Final = {"H200": 32, "B200": 16, "either": 16}
H200_OFFERED, B200_OFFERED = 287, 255
EITHER: Final = 0.25
"""Share of applicants who take either model; an assumption of the demo."""

IN_CAPITAL, YOUNG = 0.6, 0.3
"""Shares of organisations in the capital area, of youth companies in industry; assumptions."""

SIZES: Final = (1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4, 4, 8, 8, 16)
"""Requests are mostly small with a few large ones; their sums are then made exact."""

NAMES: Final = {"academia": "시연대학교", "industry": "시연기업", "institute": "시연연구원"}
TOPICS: Final = (
    ("language", "한국어 언어모델 추가 학습"),
    ("language", "법률 문서 요약 모델"),
    ("vision", "위성 영상 분석 모델"),
    ("vision", "영상 생성 모델 경량화"),
    ("science", "신소재 물성 예측"),
    ("science", "기상 예측 기반모델"),
    ("health", "의료 영상 판독 보조"),
    ("health", "단백질 구조 예측"),
    ("manufacturing", "로봇 조작 정책 학습"),
    ("manufacturing", "공정 이상 탐지"),
)


@dataclass(frozen=True, slots=True)
class Organisation:
    name: str
    sector: str
    region: str
    registration_number: str
    young_company: bool


@dataclass(frozen=True, slots=True)
class Applicant:
    """One application to come, and its true merit, which only the reviewers' points show."""

    username: str
    organisation: Organisation
    answers: dict[str, object]
    merit: float


@dataclass(frozen=True, slots=True)
class Reviewer:
    username: str
    organisation: str
    fields: tuple[str, ...]
    leniency: float


@dataclass(frozen=True, slots=True)
class World:
    organisations: tuple[Organisation, ...]
    applicants: tuple[Applicant, ...]
    reviewers: tuple[Reviewer, ...]


def generate(seed: str = SEED) -> World:
    """The same world for the same seed, on any machine."""
    dice = random.Random(seed)  # noqa: S311  # reproducible on purpose; guards nothing
    organisations = tuple(_organisations(dice))
    applicants = tuple(_applicants(dice, organisations))
    return World(organisations, applicants, tuple(_reviewers(dice, organisations)))


def points(
    *, applicant: Applicant, reviewer: Reviewer, criteria: dict[str, int], seed: str = SEED
) -> dict[str, int]:
    """What the reviewer gives: merit, leniency, and scatter by criterion, within each bound."""
    dice = random.Random(f"{seed}/{applicant.username}/{reviewer.username}")  # noqa: S311  # as above
    level = applicant.merit + reviewer.leniency
    return {
        criterion: max(0, min(most, round(most * (level + dice.gauss(0, 6)) / 100)))
        for criterion, most in criteria.items()
    }


def _organisations(dice: random.Random) -> list[Organisation]:
    made: list[Organisation] = []
    for sector, count in ORGANISATIONS_BY_SECTOR.items():
        for number in range(1, count + 1):
            made.append(  # noqa: PERF401  # two draws an item, in a fixed order
                Organisation(
                    name=f"{NAMES[sector]} {number:03d}",
                    sector=sector,
                    region="capital" if dice.random() < IN_CAPITAL else "non-capital",
                    registration_number=f"demo-{sector}-{number:03d}",
                    young_company=sector == "industry" and dice.random() < YOUNG,
                )
            )
    return made


def _applicants(dice: random.Random, organisations: tuple[Organisation, ...]) -> list[Applicant]:
    requests: list[tuple[str, str, int]] = []
    for sector, count in APPLICATIONS_BY_SECTOR.items():
        models = [_model(dice) for _ in range(count)]
        sizes = _sizes(dice, models, SERVERS_BY_SECTOR[sector])
        requests += [(sector, model, size) for model, size in zip(models, sizes, strict=True)]
    dice.shuffle(requests)
    by_sector = {s: [o for o in organisations if o.sector == s] for s in NAMES}
    return [
        _applicant(dice, number, dice.choice(by_sector[sector]), model, size)
        for number, (sector, model, size) in enumerate(requests, start=1)
    ]


def _model(dice: random.Random) -> str:
    if dice.random() < EITHER:
        return "either"
    offered = H200_OFFERED + B200_OFFERED
    return "H200" if dice.random() < H200_OFFERED / offered else "B200"


def _sizes(dice: random.Random, models: list[str], total: int) -> list[int]:
    """Sizes within each model's bound that sum to `total` exactly."""
    sizes = [dice.choice(SIZES) for _ in models]
    while (gap := total - sum(sizes)) != 0:
        index = dice.randrange(len(sizes))
        step = 1 if gap > 0 else -1
        if 1 <= sizes[index] + step <= LARGEST[models[index]]:
            sizes[index] += step
    return sizes


def _applicant(
    dice: random.Random, number: int, organisation: Organisation, model: str, servers: int
) -> Applicant:
    field, topic = dice.choice(TOPICS)
    plan = dice.choice(((25, 25, 25, 25), (10, 30, 30, 30), (40, 30, 20, 10)))
    answers: dict[str, object] = {
        "title": f"{topic} (시연 {number:03d})",
        "summary": "시연을 위해 정해진 시드로 만든 가상의 신청입니다.",
        "field": field,
        "model": model,
        "servers": servers,
        "months": dice.choice((6, 9, 12, 12)),
        "reason_for_size": "시연: 모델 크기와 데이터 양에서 산정하였습니다.",
        **{f"plan_q{quarter}": share for quarter, share in enumerate(plan, start=1)},
        "lead_name": f"시연책임자 {number:03d}",
        "data_secured": True,
        "checkpointing": True,
        "operating_staff": dice.randint(1, 6),
        "open_release": "",
        "youth_company": organisation.young_company,
        "non_commercial": True,
        "consent_monitoring": True,
        "consent_reclaim": True,
        "consent_reporting": True,
    }
    return Applicant(
        username=f"applicant-{number:03d}",
        organisation=organisation,
        answers=answers,
        merit=dice.gauss(68, 11),
    )


def _reviewers(dice: random.Random, organisations: tuple[Organisation, ...]) -> list[Reviewer]:
    """Most come from the applicants' own organisations: conflicts of interest are the rule."""
    fields = sorted({field for field, _ in TOPICS})
    homes = [o.name for o in organisations if o.sector != "industry"]
    return [
        Reviewer(
            username=f"reviewer-{number:02d}",
            organisation=dice.choice(homes),
            fields=tuple(sorted(dice.sample(fields, 2))),
            leniency=dice.gauss(0, 5),
        )
        for number in range(1, REVIEWERS + 1)
    ]
