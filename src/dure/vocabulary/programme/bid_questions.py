"""The questions of a bid: the call's own, one group a certificate, one group a cluster offered.

- They are questions like those of any form, so bids are typed, kept and shown as applications are.
- Of the clusters only the first must be filled in; one that is begun must be finished.
"""

from __future__ import annotations

from typing import Final

from dure.vocabulary.frozen import Text
from dure.vocabulary.programme.calls import Choice, FormField
from dure.vocabulary.programme.supply_calls import CertificateRule, SupplyCall

MOST_SERVERS: Final = 100_000
MOST_PRICE: Final = 10**15
"""Far above any call; they keep a slip of the hand from becoming a bid (our choice)."""

_STATES: Final = (
    Choice(value="held", label=Text(ko="보유", en="Held")),
    Choice(value="planned", label=Text(ko="취득 예정", en="Planned")),
    Choice(value="none", label=Text(ko="없음", en="None")),
)

CLUSTER_PARTS: Final = (
    "centre",
    "model",
    "servers",
    "own_servers",
    "parts",
    "price",
    "power_kw",
    "months",
)


DIVISIBLE: Final = "divisible"
"""The question whether less than all of the bid may be bought."""


def cluster_question(number: int, part: str) -> str:
    """The id of one question on the cluster of that number, from 1."""
    return f"cluster-{number}.{part}"


def certificate_question(scheme: str, part: str) -> str:
    """The id of one question on a certificate: its `state` or its `date`."""
    return f"certificate.{scheme}.{part}"


def questions(call: SupplyCall) -> tuple[FormField, ...]:
    """Every question of a bid to the call, in the order of the form."""
    certificates = (q for rule in call.certificates for q in _certificate(rule))
    clusters = (q for n in range(1, call.most_clusters + 1) for q in _cluster(call, n))
    return (*call.form, *certificates, _DIVISIBLE, *clusters)


def _certificate(rule: CertificateRule) -> tuple[FormField, ...]:
    return (
        FormField(
            id=certificate_question(rule.id, "state"),
            label=Text(ko=f"{rule.label.ko}: 상태", en=f"{rule.label.en}: state"),
            kind="choice",
            choices=_STATES,
        ),
        FormField(
            id=certificate_question(rule.id, "date"),
            label=Text(ko=f"{rule.label.ko}: 날짜", en=f"{rule.label.en}: date"),
            help=Text(
                ko="보유한 인증은 만료일, 취득 예정인 인증은 예정일을 적어 주십시오.",
                en="The expiry date of one that is held, the plan date of one that is planned.",
            ),
            kind="date",
            required=False,
        ),
    )


def _cluster(call: SupplyCall, number: int) -> tuple[FormField, ...]:
    def label(ko: str, en: str) -> Text:
        return Text(ko=f"클러스터 {number}: {ko}", en=f"Cluster {number}: {en}")

    def asked(part: str, said: Text, help_: Text | None, least: int, most: int) -> FormField:
        return FormField(
            id=cluster_question(number, part),
            label=said,
            help=help_,
            kind="integer",
            required=number == 1,
            minimum=least,
            maximum=most,
        )

    return (
        FormField(
            id=cluster_question(number, "centre"),
            label=label("데이터센터", "data centre"),
            kind="text",
            required=number == 1,
            max_length=120,
        ),
        FormField(
            id=cluster_question(number, "model"),
            label=label("가속기", "accelerator"),
            kind="choice",
            choices=tuple(
                Choice(value=model, label=Text(ko=model, en=model)) for model in call.models
            ),
            required=number == 1,
        ),
        asked("servers", label("전체 서버 수", "servers in all"), _SERVERS, 1, MOST_SERVERS),
        asked(
            "own_servers",
            label("자체 활용 서버 수", "servers for your own use"),
            _OWN,
            0,
            MOST_SERVERS,
        ),
        asked("parts", label("분할 단위 수", "equal parts"), _PARTS, 1, 100),
        asked("price", label("가격", "price"), _PRICE, 1, MOST_PRICE),
        asked("power_kw", label("소요 전력(kW)", "power (kW)"), _POWER, 1, 10**7),
        asked("months", label("개시까지 개월 수", "months to service"), _MONTHS, 0, 120),
    )


_DIVISIBLE: Final = FormField(
    id=DIVISIBLE,
    label=Text(ko="일부만 선정되어도 공급합니다", en="Less than all of the bid may be bought"),
    help=Text(
        ko="'예'이면 클러스터별로, 클러스터 안에서는 분할 단위로 나누어 선정될 수 있습니다.",
        en="With yes, single clusters may be bought, and of a cluster some of its equal parts.",
    ),
    kind="boolean",
)
_SERVERS: Final = Text(
    ko="정부 활용분과 자체 활용분을 모두 더한 수입니다.", en="For public use and your own together."
)
_OWN: Final = Text(ko="정부 활용에서 제외되는 서버입니다.", en="These are not for public use.")
_PARTS: Final = Text(
    ko="일부만 공급할 수 없으면 1을 적어 주십시오. 서버 수와 가격이 이 수로 나누어져야 합니다.",
    en="Write 1 for all or nothing. Servers and price must divide by this number.",
)
_PRICE: Final = Text(
    ko="이 클러스터 전체의 가격입니다.", en="For the whole cluster, in the programme's currency."
)
_POWER: Final = Text(ko="냉각을 포함한 최대 부하 기준입니다.", en="At full load, with the cooling.")
_MONTHS: Final = Text(
    ko="협약일부터 서비스 개시까지입니다.", en="From the award until it is in service."
)
