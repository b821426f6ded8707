"""Two supply calls, read as text: Korea's of 2025 with the real suppliers, and one as in 2026.

A changed plan shows as a changed text. `DURE_WRITE_GOLDEN=1` writes the text anew; let a reviewer
read the difference.

- 2025: the suppliers, models, accelerators, public shares and clusters are the published ones. The
  prices, power, months, the panel's points, the budget and the fourth bidder's offer are not
  published: assumptions, chosen plausibly. Four bid, three were chosen.
- 2026: the call of `programmes/kr-gpu-2026.yaml` with its reported rubric. The five bids are made
  up; the best-placed one's site fails its inspection.
"""

from __future__ import annotations

import csv
import os
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Final

import pytest

from dure.cli.programme_library import load_programme
from dure.engine.checks.tender import violations
from dure.engine.tender import Bid, Lot, TenderPlan, TenderPolicy, TenderSnapshot, plan
from dure.engine.tender.explain import two_decimals
from dure.vocabulary.plans import Header
from dure.vocabulary.programme import SupplyCall
from dure.vocabulary.programme.supply_calls import SupplyAward
from dure.vocabulary.reasons import CATALOGUE

HERE: Final = Path(__file__)
PUBLISHED: Final = HERE.parents[1] / "published" / "kr_suppliers_2025.csv"
TFLOPS: Final = {"H200": 989, "B200": 2250}
HEADER: Final = Header(number=1, generation=1, now=datetime(2025, 7, 28, tzinfo=UTC), seed="seed")
MILLION: Final = 10**6

# Assumptions: won for a server, kW of a server with its cooling, months, the panel's points of 60.
UNPUBLISHED: Final = {
    "Naver Cloud": (600 * MILLION, 11, 4, 51),
    "NHN Cloud": (950 * MILLION, 14, 5, 54),
    "Kakao": (940 * MILLION, 15, 5, 52),
}
CENTRES: Final = ("first", "second")


def published_bids() -> list[Bid]:
    with PUBLISHED.open(encoding="utf-8", newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["supplier"] in UNPUBLISHED]
    return [_published(row) for row in rows]


def _published(row: dict[str, str]) -> Bid:
    """The supplier's clusters; its own use divided among them by their size, the first the rest."""
    price, power, months, points = UNPUBLISHED[row["supplier"]]
    public = [int(nodes) for nodes in row["clusters_nodes"].split("+")]
    own = int(row["total_gpus"]) // 8 - sum(public)
    owned = [own * nodes // sum(public) for nodes in public]
    owned[0] += own - sum(owned)
    return Bid(
        bid=row["supplier"],
        provider=row["supplier"],
        reviewed=Fraction(points),
        lots=tuple(
            Lot(
                centre=f"{row['supplier']} {centre}",
                model=row["model"],
                servers=nodes + kept,
                own_servers=kept,
                price=price * (nodes + kept),
                power_kw=power * (nodes + kept),
                months=months,
            )
            for nodes, kept, centre in zip(public, owned, CENTRES, strict=False)
        ),
    )


def fourth_bidder() -> Bid:
    """Made up: the published fourth bidder is not named."""
    lot = Lot(
        centre="fourth first",
        model="H200",
        servers=320,
        own_servers=96,
        price=320 * 640 * MILLION,
        power_kw=320 * 12,
        months=9,
    )
    return Bid(bid="Fourth", provider="Fourth", reviewed=Fraction(38), lots=(lot,))


def as_text(title: str, decided: TenderPlan) -> str:
    """The plan as people read it."""
    lines = [
        f"{title}: {decided.public_accelerators:,} of {decided.accelerators:,} accelerators",
        f"for public use, for {decided.price:,}",
        "proven best" if decided.optimal else f"bound {decided.bound}",
        "",
    ]
    for one in decided.intents:
        lines.append(
            f"{one.rank or '-':>2}  {one.bid:12} {two_decimals(one.total):>6} points"
            f"  {one.public_servers:4} servers  {one.outcome}"
        )
        reviewed = "none" if one.reviewed is None else two_decimals(one.reviewed)
        computed = ", ".join(f"{p.criterion} {two_decimals(p.points)}" for p in one.computed)
        lines.append(f"    reviewers {reviewed}; computed {computed}")
        lines.extend(
            f"    {reason.code}: {CATALOGUE[reason.code].format(**reason.params)}"
            for reason in (one.reason, *one.changes)
        )
    return "\n".join(lines) + "\n"


def golden(name: str, text: str) -> None:
    file = HERE.with_name(name)
    if os.environ.get("DURE_WRITE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def call_2026() -> SupplyCall:
    (call,) = load_programme("kr-gpu-2026").supply_calls
    return call


def test_the_reported_rubric_of_2026_is_in_the_file(call_2026: SupplyCall) -> None:
    rubric = call_2026.rubric
    assert [section.points for section in rubric.sections] == [50, 26, 12, 12]
    build_plan = ("build-plan", "cluster-size", "early-service")
    assert sum(c.points for c in rubric.criteria() if c.id in build_plan) == 32
    assert call_2026.award.budget == 2_080_500_000_000
    assert {m.at_least for m in call_2026.award.minimums} == {256}


def test_the_real_suppliers_of_2025_are_chosen_with_their_published_accelerators(
    call_2026: SupplyCall,
) -> None:
    """The rubric is that of 2026: of 2025 only the names of the sections are published."""
    snapshot = TenderSnapshot(
        call="kr-2025-supply", bids=(*published_bids(), fourth_bidder()), tflops=TFLOPS
    )
    award = SupplyAward(budget=1_460_000 * MILLION)  # assumption
    policy = TenderPolicy(rubric=call_2026.rubric, award=award)
    decided = plan(snapshot, policy, HEADER)
    assert violations(snapshot, policy, decided) == ()
    chosen = {one.bid: one.public_servers * 8 for one in decided.intents if any(one.parts)}
    assert chosen == {"Naver Cloud": 2_296, "NHN Cloud": 6_120, "Kakao": 2_040}
    assert (decided.accelerators, decided.public_accelerators) == (13_136, 10_456)
    golden("supply_call_2025.txt", as_text("2025", decided))


def bid_2026(name: str, points: int, *lots: Lot, **changed: object) -> Bid:
    given = {"bid": name, "provider": name, "reviewed": Fraction(points), "lots": lots}
    return Bid.model_validate({**given, **changed})


def cluster(servers: int, *, own: int, each: int, months: int, centre: str, parts: int = 1) -> Lot:
    """B200 at `each` million won a server."""
    return Lot(
        centre=centre,
        model="B200",
        servers=servers,
        own_servers=own,
        parts=parts,
        price=servers * each * MILLION,
        power_kw=servers * 14,
        months=months,
    )


FIVE: Final = (
    bid_2026("Hangang", 52, cluster(640, own=120, each=1150, months=4, centre="Naju")),
    bid_2026("Nakdong", 50, cluster(500, own=100, each=1080, months=5, centre="Ulsan")),
    bid_2026(
        "Geum",
        48,
        cluster(480, own=80, each=1120, months=6, centre="Sejong"),
        cluster(240, own=40, each=1120, months=8, centre="Sejong", parts=4),
        divisible=True,
    ),
    bid_2026("Yeongsan", 47, cluster(420, own=100, each=1050, months=7, centre="Gwangju")),
    bid_2026("Seomjin", 36, cluster(400, own=80, each=990, months=10, centre="Suncheon")),
)


def test_a_call_like_that_of_2026_replaces_a_winner_whose_inspection_fails(
    call_2026: SupplyCall,
) -> None:
    policy = TenderPolicy(rubric=call_2026.rubric, award=call_2026.award)
    first = TenderSnapshot(call=call_2026.id, bids=FIVE, tflops=TFLOPS)
    best = FIVE[0].model_copy(update={"standing": "failed_inspection"})
    again = first.model_copy(update={"bids": (best, *FIVE[1:])})
    decided = [plan(snapshot, policy, HEADER) for snapshot in (first, again)]
    for snapshot, one in zip((first, again), decided, strict=True):
        assert violations(snapshot, policy, one) == ()
    before, after = ({o.bid: o for o in one.intents} for one in decided)
    assert before["Hangang"].outcome == "won"
    assert after["Hangang"].outcome == "out"
    newly = {bid for bid in after if any(after[bid].parts) and not any(before[bid].parts)}
    assert newly == {"Yeongsan"}
    assert all(after[bid].total == before[bid].total for bid in before)
    text = as_text("2026", decided[0]) + "\nAfter the inspection\n" + as_text("2026", decided[1])
    golden("supply_call_2026.txt", text)
