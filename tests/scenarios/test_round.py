"""One round by hand, read as text: two models with conversion, six months, blocks and bounds.

Seventeen applications for three pools; a quota, a floor for a region, a cap on every organisation
and a rule on what one region may hold. Each reads its outcome, its reason and the smallest change
that would have served it. A changed plan shows as a changed text: DURE_WRITE_GOLDEN=1 rewrites
it, and a reviewer reads the difference.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from dure.engine.allocation import (
    Group,
    Held,
    PoolOffer,
    Request,
    RoundPlan,
    RoundPolicy,
    RoundSnapshot,
    Wish,
    plan,
)
from dure.engine.allocation.change import Changes
from dure.engine.allocation.limits import read
from dure.engine.allocation.report import awards_of, round_report
from dure.engine.allocation.windows import said
from dure.engine.checks.allocation import violations
from dure.vocabulary.plans import Header, Reason
from dure.vocabulary.reasons import CATALOGUE

GOLDEN = Path(__file__).with_name("round.txt")
HEADER = Header(number=1, generation=1, now=datetime(2026, 2, 2, tzinfo=UTC))
MONTHS = 6

# application, organisation, region, sector, class, wishes (least-most of a model), months, start,
# blocks or cluster, score; best rank first. One B200 server counts as two of H200.
ROWS = """
protein-folding  snu      seoul    university medium B200:4-4,H200:8-8   6 1-1 cluster 93.5
chip-layout      hanbit   gyeonggi sme        medium H200:3-8            6 1-1 cluster 92
weather-model    kma      jeju     institute  large  H200:8-8            4 1-3 blocks  91
speech-elderly   snu      seoul    university medium H200:6-6            3 1-4 cluster 90.5
port-logistics   badanet  busan    sme        medium B200:2-4            6 1-1 cluster 88
battery-search   kaist    daejeon  university large  B200:8-8,H200:16-16 2 1-2 blocks  87.25
sign-language    duksung  seoul    university small  H200:2-2,B200:1-1   6 1-1 cluster 85
rice-imaging     jbnu     honam    university small  B200:2-2            3 1-1 cluster 84.25
old-documents    jangseo  gyeonggi institute  small  MI300X:2-2          6 1-1 cluster 83
drug-toxicity    postech  gyeongbuk institute medium B200:3-3            3 1-2 cluster 81
steel-sheets     posco    gyeongbuk sme       medium H200:5-5            6 1-1 cluster 80
galaxy-survey    kasi     daejeon  institute  large  H200:9-9            6 1-1 blocks  79.5
fraud-graph      hanbit   gyeonggi sme        small  H200:2-2            3 1-4 cluster 79
shipyard-weld    ulsanu   busan    university small  B200:3-3            3 1-1 cluster 78
tokamak-wall     kfe      daejeon  institute  large  H200:4-4            3 1-1 blocks  77
kelp-forest      chonnam  honam    university medium B200:3-3            3 1-1 cluster 70
tide-mill        mokpo    honam    university medium H200:3-4            2 5-5 cluster 66.5
""".strip().splitlines()

WEIGHT = {"B200": Fraction(2), "H200": Fraction(1), "MI300X": Fraction(1)}


def wish(written: str) -> Wish:
    model, amounts = written.split(":")
    minimum, servers = amounts.split("-")
    return Wish(model=model, servers=int(servers), minimum=int(minimum), weight=WEIGHT[model])


def request(rank: int, row: str) -> Request:
    name, organisation, region, sector, size, wishes, months, start, contiguity, score = row.split()
    earliest, latest = start.split("-")
    return Request.model_validate(
        {
            "application": name,
            "organisation": organisation,
            "region": region,
            "sector": sector,
            "track": "open",
            "size_class": size,
            "wishes": tuple(wish(written) for written in wishes.split(",")),
            "months": int(months),
            "earliest": int(earliest) - 1,
            "latest": int(latest) - 1,
            "contiguity": contiguity,
            "rank": rank,
            "score": score,
        }
    )


SNAPSHOT = RoundSnapshot(
    call="2026-1",
    months=MONTHS,
    requests=tuple(request(rank, row) for rank, row in enumerate(ROWS, start=1)),
    offers=(
        PoolOffer(
            pool="h200-large",
            cluster="naju",
            model="H200",
            servers=(28,) * MONTHS,
            block_servers=8,
            blocks=(*((8,) * MONTHS,) * 3, (4,) * MONTHS),
        ),
        PoolOffer(pool="h200-small", cluster="daejeon", model="H200", servers=(5, 5, 5, 7, 7, 7)),
        PoolOffer(
            pool="b200",
            cluster="haenam",
            model="B200",
            servers=(9,) * MONTHS,
            block_servers=4,
            blocks=((4,) * MONTHS, (4,) * MONTHS, (1,) * MONTHS),
        ),
    ),
    held=(
        Held(
            organisation="hanbit", sector="sme", region="gyeonggi", model="H200", servers=(2,) * 6
        ),
    ),
)
POLICY = RoundPolicy(
    groups=(
        Group(group="academia", sectors=("university",), most=14),
        Group(
            group="cap",
            kind="organisation_cap",
            each="organisation",
            size_classes=("small", "medium"),
            most=9,
        ),
        Group(group="honam", kind="rule", regions=("honam",), least=15),
        Group(group="gyeonggi", kind="rule", regions=("gyeonggi",), most=7),
    )
)


def sentence(reason: Reason) -> str:
    return CATALOGUE[reason.code].format(**reason.params)


def amounts(asked: Request) -> str:
    return " or ".join(
        f"{w.minimum}-{w.servers} {w.model}" if w.minimum < w.servers else f"{w.servers} {w.model}"
        for w in asked.wishes
    )


def as_text(decided: RoundPlan) -> str:
    """The plan as people read it: the funnel, the pools, then everybody in order of place."""
    report = round_report(SNAPSHOT, POLICY, decided)
    funnel, proof = report.funnel, "proven best" if decided.optimal else f"bound {decided.bound}"
    lines = [
        f"round of {SNAPSHOT.call}: merit {decided.objective}, {proof}",
        f"{funnel.applications} applications, {funnel.fit_a_pool} fit a pool,",
        f"{funnel.within_bounds} within bounds, {funnel.served_whole} served whole,",
        f"{funnel.served_in_part} in part, {funnel.waiting} waiting",
        f"justified complaints: {report.complaints}",
        "",
    ]
    for pool in report.pools:
        used = " ".join(
            f"{given}/{offered}" for given, offered in zip(pool.given, pool.offered, strict=True)
        )
        lines.append(f"{pool.pool:11}{used}")
    lines += [
        f"{bound.group:11}given {bound.given}, left {bound.left}, reached {bound.reached}"
        for bound in report.bounds
        if not bound.unit
    ]
    lines.append("")
    return "\n".join(lines) + "\n".join(_outcomes(decided)) + "\n"


def _outcomes(decided: RoundPlan) -> list[str]:
    by_name = {r.application: r for r in SNAPSHOT.requests}
    changes = Changes(read(SNAPSHOT, POLICY, HEADER.seed), awards_of(decided))
    lines = []
    for outcome in decided.intents:
        asked = by_name[outcome.application]
        starts = said(asked.earliest, asked.latest - asked.earliest + 1)
        lines.append(
            f"\n{outcome.place:2}  {outcome.application}: {outcome.outcome}."
            f" Asked for {amounts(asked)}, {asked.months} months from {starts}"
            f"{', whole blocks' if asked.contiguity == 'blocks' else ''}; {asked.size_class}"
        )
        lines.append(f"    {outcome.reason.code}: {sentence(outcome.reason)}")
        change = changes.smallest(asked)
        if change is not None:
            lines.append(f"    {change.code}: {sentence(change)}")
    return lines


def test_the_round_reads_as_it_was_reviewed() -> None:
    decided = plan(SNAPSHOT, POLICY, HEADER)
    assert violations(SNAPSHOT, POLICY, decided) == ()
    text = as_text(decided)
    if os.environ.get("DURE_WRITE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
