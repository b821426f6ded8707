"""One round by hand, read as text: thirteen applications, three pools, a quota and a cap.

A changed plan shows as a changed text. To accept it, write what the failing test prints into
`round.txt` and let a reviewer read the difference.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from dure.engine.allocation import (
    PoolOffer,
    QuotaRoom,
    Request,
    RoundPlan,
    RoundPolicy,
    RoundSnapshot,
    plan,
)
from dure.engine.checks.allocation import violations
from dure.vocabulary.plans import Header
from dure.vocabulary.reasons import CATALOGUE

GOLDEN = Path(__file__).with_name("round.txt")
HEADER = Header(number=1, generation=1, now=datetime(2026, 2, 2, tzinfo=UTC))
POLICY = RoundPolicy(organisation_cap=16)

# rank, application, organisation, sector, class, models, servers, minimum, score
ROWS = """
 1 protein-folding   snu      university medium B200,H200  8  8 93.5
 2 chip-layout       hanbit   sme        medium H200       6  3 92
 3 weather-model     kma      institute  large  H200      16 16 91
 4 speech-elderly    snu      university medium H200       6  6 90.5
 5 port-logistics    badanet  sme        medium B200       6  2 88
 6 battery-search    kaist    university large  B200,H200 16 16 87
 7 sign-language     duksung  university small  H200,B200  2  2 85
 8 rice-imaging      jbnu     university small  B200       2  2 84.25
 9 old-documents     jangseo  institute  small  MI300X     2  2 83
10 drug-toxicity     postech  institute  medium B200,H200  5  5 81
11 steel-sheets      pohang   sme        medium H200       7  7 80
12 galaxy-survey     kasi     institute  large  H200,B200 12 12 79.5
13 fraud-graph       hanbit   sme        small  H200       2  2 79
""".strip().splitlines()


def request(row: str) -> Request:
    rank, application, organisation, sector, size, models, servers, minimum, score = row.split()
    return Request(
        application=application,
        organisation=organisation,
        region="seoul",
        sector=sector,
        track="open",
        size_class=size,
        models=tuple(models.split(",")),
        servers=int(servers),
        minimum=int(minimum),
        rank=int(rank),
        score=score,
    )


SNAPSHOT = RoundSnapshot(
    call="2026-1",
    requests=tuple(request(row) for row in ROWS),
    offers=(
        PoolOffer(pool="h200-large", cluster="naju", model="H200", servers=20),
        PoolOffer(pool="h200-small", cluster="daejeon", model="H200", servers=5),
        PoolOffer(pool="b200", cluster="haenam", model="B200", servers=15),
    ),
    quotas=(QuotaRoom(quota="academia", sectors=("university",), servers_left=14),),
    organisation_used={"hanbit": 12},
)


def as_text(facts: RoundSnapshot, decided: RoundPlan) -> str:
    """The plan as people read it: what each pool gave, then each application in order of rank."""
    proof = "proven best" if decided.optimal else f"bound {decided.bound}"
    lines = [f"round of {facts.call}: merit {decided.objective}, {proof}", ""]
    for offer in facts.offers:
        here = [o for o in decided.intents if o.pool == offer.pool]
        given = sum(o.servers for o in here)
        lines.append(f"{offer.pool:11}{given:3} of {offer.servers:2} servers")
    lines.append("")
    by_name = {r.application: r for r in facts.requests}
    for outcome in decided.intents:
        asked = by_name[outcome.application]
        lines.append(
            f"{asked.rank:2}  {outcome.application:16} {asked.size_class:7}"
            f"{outcome.servers:2} of {asked.servers:2}  {outcome.outcome}"
        )
        sentence = CATALOGUE[outcome.reason.code].format(**outcome.reason.params)
        lines.append(f"    {outcome.reason.code}: {sentence}")
    return "\n".join(lines) + "\n"


def test_the_round_reads_as_it_was_reviewed() -> None:
    decided = plan(SNAPSHOT, POLICY, HEADER)
    assert violations(SNAPSHOT, POLICY, decided) == ()
    assert as_text(SNAPSHOT, decided) == GOLDEN.read_text(encoding="utf-8")
