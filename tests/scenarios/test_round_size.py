"""A round of the size of Korea's first: 514 applications for 1,714 servers, 542 offered.

The applications are made from a seed; only the totals are the published ones. Proof is counted in
the solver's own effort, so a slow machine proves as much as a fast one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from random import Random

import pytest

from dure.engine.allocation import PoolOffer, QuotaRoom, Request, RoundPolicy, RoundSnapshot, plan
from dure.engine.checks.allocation import violations
from dure.vocabulary.plans import Header

HEADER = Header(number=1, generation=1, now=datetime(2026, 2, 2, tzinfo=UTC))
OFFERS = (
    PoolOffer(pool="h200-a", cluster="a", model="H200", servers=255),
    PoolOffer(pool="h200-b", cluster="b", model="H200", servers=32),
    PoolOffer(pool="b200", cluster="c", model="B200", servers=255),
)
TRACKS = {
    "university": "academia",
    "startup": "industry",
    "sme": "industry",
    "institute": "institute",
}


def sizes(draw: Random) -> list[int]:
    """514 requests that add up to 1,714 servers."""
    servers = [draw.choice([1, 1, 1, 2, 2, 2, 3, 4, 4, 4, 5, 6, 8, 8, 16]) for _ in range(514)]
    while (over := sum(servers) - 1714) != 0:
        at = draw.randrange(514)
        servers[at] = max(1, servers[at] - (1 if over > 0 else -1))
    return servers


def request(draw: Random, rank: int, servers: int) -> Request:
    sector = draw.choices(list(TRACKS), [63, 15, 12, 10])[0]
    return Request(
        application=f"a{rank:03}",
        organisation=f"org{draw.randrange(250)}",
        region="seoul",
        sector=sector,
        track=TRACKS[sector],
        size_class="small" if servers <= 2 else "medium" if servers <= 8 else "large",
        models=draw.choice([("H200",), ("B200",), ("H200", "B200"), ("B200", "H200")]),
        servers=servers,
        minimum=servers,
        rank=rank,
        score=str(98 - (rank * 38 + draw.randrange(38)) / 514),
    )


def korea_sized(seed: int, quotas: tuple[QuotaRoom, ...] = ()) -> RoundSnapshot:
    draw = Random(seed)  # noqa: S311  # sample data
    asked = sizes(draw)
    requests = tuple(request(draw, rank, servers) for rank, servers in enumerate(asked, 1))
    return RoundSnapshot(call="r1", requests=requests, offers=OFFERS, quotas=quotas)


CAPPED = (QuotaRoom(quota="academia", sectors=("university",), servers_left=330),)


@pytest.mark.parametrize(
    ("facts", "policy"),
    [
        (korea_sized(1), RoundPolicy()),
        (korea_sized(2, CAPPED), RoundPolicy(organisation_cap=8)),
    ],
)
def test_a_round_of_koreas_size_is_proven_best(facts: RoundSnapshot, policy: RoundPolicy) -> None:
    decided = plan(facts, policy, HEADER)
    assert decided.optimal
    assert violations(facts, policy, decided) == ()
    assert sum(outcome.servers for outcome in decided.intents) == 542


def test_another_process_with_other_hashes_makes_the_same_plan() -> None:
    facts, policy = korea_sized(3, CAPPED), RoundPolicy()
    script = (
        "import sys; from dure.engine.allocation import *;"
        "from dure.vocabulary.plans import Header;"
        "lines = sys.stdin.read().splitlines();"
        "print(plan(RoundSnapshot.model_validate_json(lines[0]),"
        " RoundPolicy.model_validate_json(lines[1]),"
        " Header.model_validate_json(lines[2])).model_dump_json())"
    )
    stored = "\n".join(m.model_dump_json() for m in (facts, policy, HEADER))
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=stored,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert done.stdout.strip() == plan(facts, policy, HEADER).model_dump_json()
