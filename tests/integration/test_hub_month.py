"""A month closes when all is said, exactly, once; its files say what the statement says."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import timedelta

import pytest
from django.db.models import Sum
from django.utils import translation
from openpyxl import load_workbook
from tests.integration import small
from tests.integration.small import APRIL, MARCH_ENDS, STARTED, World, outage, say, work

from dure.hub.audit.models import Event
from dure.hub.people.models import Organisation
from dure.hub.reports.files import csv_bytes, xlsx_bytes
from dure.hub.reports.models import ClosedMonth
from dure.hub.reports.operations import UnableToClose, close_month, preview_month
from dure.hub.reports.queries import statement_of
from dure.hub.usage.models import LedgerEntry, LedgerPosting
from dure.metering.statement import MonthlyStatement
from dure.protocol import UsageRecord

pytestmark = pytest.mark.django_db

MARCH_S = 31 * 86_400
HELD_S = 30 * 86_400
"""From the second of March on, when both agents had bound what was signed."""


def used() -> World:
    """March, with some of everything: owners' work, lent work, an outage."""
    world = small.running()
    anns, bobs = world.allocation("ann"), world.allocation("bob")
    lent = UsageRecord(
        job="lent", attempt=1, kind="lent", allocation=None, project="p-first-0003",
        pool="pool-a", username="cho", accelerators=8, start=STARTED,
        end=STARTED + timedelta(hours=7), outcome="preempted",
    )  # fmt: skip
    records = (
        work(anns, start=STARTED, hours=20, job="a1"),
        work(anns, start=STARTED + timedelta(days=2), hours=11, job="a2"),
        work(bobs, start=STARTED + timedelta(days=3), hours=9, job="b1"),
        work(bobs, start=MARCH_ENDS - timedelta(hours=4), hours=4, job="b2", outcome="running"),
        work(bobs, start=MARCH_ENDS, hours=4, job="b2"),
        lent,
    )
    say(at=APRIL, through=MARCH_ENDS, usage=records, nodes=(outage(start=STARTED, hours=6),))
    say("leased-b", at=APRIL, through=MARCH_ENDS)
    return world


def closed() -> tuple[World, ClosedMonth]:
    world = used()
    return world, close(world)


def close(world: World) -> ClosedMonth:
    return close_month(
        programme=world.programme, year=2026, month_number=3, by=world.operator, now=APRIL
    )


def test_a_month_before_the_first_agent_is_not_closed() -> None:
    world = used()
    with pytest.raises(UnableToClose) as unable:
        close_month(
            programme=world.programme, year=2026, month_number=2, by=world.operator, now=APRIL
        )
    assert [p.code for p in unable.value.problems] == ["month.no_agent"]


def test_a_month_is_not_closed_before_it_has_ended() -> None:
    world = used()
    with pytest.raises(UnableToClose) as unable:
        close_month(
            programme=world.programme, year=2026, month_number=3, by=world.operator,
            now=MARCH_ENDS - timedelta(seconds=1),
        )  # fmt: skip
    assert [p.code for p in unable.value.problems] == ["month.not_over"]
    assert not ClosedMonth.objects.exists()


def test_a_month_waits_for_every_agent_and_names_those_it_waits_for() -> None:
    world = small.running()
    say(at=APRIL, through=MARCH_ENDS - timedelta(seconds=1))
    with pytest.raises(UnableToClose) as unable:
        close(world)
    assert [(p.code, p.params["cluster"]) for p in unable.value.problems] == [
        ("month.agent_incomplete", "centre-a"),
        ("month.agent_silent", "leased-b"),
    ]
    say(at=APRIL, through=MARCH_ENDS)
    with pytest.raises(UnableToClose) as unable:
        close(world)
    assert [p.params["cluster"] for p in unable.value.problems] == ["leased-b"]
    assert not LedgerEntry.objects.filter(kind="CHARGE").exists()


def test_records_that_contradict_each_other_stop_the_month_and_are_named() -> None:
    world = used()
    anns = world.allocation("ann")
    twice = work(anns, start=STARTED + timedelta(hours=1), hours=1, job="double")
    say(at=APRIL, usage=(twice,))
    with pytest.raises(UnableToClose) as unable:
        close(world)
    assert [p.params["pool"] for p in unable.value.problems] == ["pool-a"]
    assert "double/1@" in str(unable.value.problems[0].params["detail"])
    assert not ClosedMonth.objects.exists()


def test_every_accelerator_second_of_march_is_in_one_of_six_places() -> None:
    _, row = closed()
    result = statement_of(row)
    pools = {line.pool: line.split for line in result.pools}
    a, b = pools["pool-a"], pools["pool-b"]
    assert a.total == 80 * MARCH_S
    assert b.total == 32 * MARCH_S
    hour = 3600
    assert (a.used, a.lent, a.own, a.down) == (
        24 * (20 + 11 + 9 + 4) * hour,
        8 * 7 * hour,
        16 * MARCH_S,
        8 * 6 * hour,
    )
    assert a.used + a.idle == 48 * HELD_S
    assert (b.used, b.idle, b.unallocated) == (0, 24 * HELD_S, 8 * MARCH_S + 24 * 86_400)
    assert result.totals == a + b


def test_a_month_is_closed_once_and_charges_once() -> None:
    world, row = closed()
    assert close(world).pk == row.pk
    charges = LedgerEntry.objects.filter(kind="CHARGE")
    amounts = {e.allocation.key: e.postings.get(amount__gt=0).amount for e in charges}
    assert amounts == {
        world.allocation("ann").key: 24 * 31 * 3600,
        world.allocation("bob").key: 24 * 13 * 3600,
    }
    assert Event.objects.filter(what="month.closed").count() == 1


def test_the_whole_ledger_sums_to_zero_and_each_entry_does() -> None:
    closed()
    assert LedgerPosting.objects.aggregate(n=Sum("amount"))["n"] == 0
    sums = LedgerEntry.objects.annotate(n=Sum("postings__amount"))
    assert {e.n for e in sums} == {0}
    assert {e.kind for e in sums} == {"DEPOSIT", "CHARGE"}


def test_the_kept_statement_is_what_was_previewed_and_its_digest_is_in_the_audit_chain() -> None:
    world = used()
    before = preview_month(
        programme=world.programme, year=2026, month_number=3, by=world.operator, now=APRIL
    )
    row = close(world)
    assert statement_of(row) == before
    kept = json.dumps(row.statement, sort_keys=True)
    assert row.sha256 == hashlib.sha256(kept.encode()).hexdigest()
    assert Event.objects.get(what="month.closed").detail == {"sha256": row.sha256}


def test_only_firms_owe_their_share_by_what_they_were_entitled_to() -> None:
    world, row = closed()
    owed = {a.allocation: a.cost_share.minor for a in statement_of(row).allocations}
    assert owed[world.allocation("ann").key] == 0
    # 24 accelerators of 3,000,000 for 30 of 31 days, a tenth of it
    assert owed[world.allocation("bob").key] == round(24 * 3_000_000 * 30 / 31 / 10)


def _table(body: bytes) -> list[dict[str, str]]:
    assert body.startswith(b"\xef\xbb\xbf")  # spreadsheets take it for UTF-8 by this mark
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))


def test_the_csv_says_what_the_statement_says() -> None:
    _, row = closed()
    result = statement_of(row)
    rows = _table(csv_bytes(row))
    by_pool = {r["pool"]: r for r in rows if r["line"] == "pool"}
    for line in result.pools:
        split = {name: int(by_pool[line.pool][name]) for name in type(line.split).model_fields}
        assert split == line.split.model_dump()
    shares = {r["allocation"]: int(r["cost_share"]) for r in rows if r["line"] == "allocation"}
    assert shares == {a.allocation: a.cost_share.minor for a in result.allocations}
    lent = {(r["project"], r["pool"]): int(r["lent"]) for r in rows if r["line"] == "lent"}
    assert lent == {(b.project, b.pool): b.lent for b in result.borrowers}


def _sheets(row: ClosedMonth) -> dict[str, list[tuple[object, ...]]]:
    with translation.override("en"):
        book = load_workbook(io.BytesIO(xlsx_bytes(row)))
    return {sheet.title: list(sheet.iter_rows(min_row=2, values_only=True)) for sheet in book}


def _hours(seconds: int) -> float:
    return round(seconds / 3600, 2)


def test_the_workbook_says_what_the_statement_says() -> None:
    _, row = closed()
    result: MonthlyStatement = statement_of(row)
    sheets = _sheets(row)
    assert list(sheets) == ["Pools", "Allocations", "Lent"]
    *pools, total = sheets["Pools"]
    for line, cells in zip(result.pools, pools, strict=True):
        assert cells[:4] == (line.pool, line.provider, line.model, line.accelerators)
        split = [_hours(v) for v in line.split.model_dump().values()]
        assert list(cells[4:]) == pytest.approx([*split, _hours(line.split.total)])
    assert total[-1] == pytest.approx(_hours(result.totals.total))
    allocations = {r[0]: r[6:9] for r in sheets["Allocations"]}
    for a in result.allocations:
        assert allocations[a.allocation] == pytest.approx(
            (_hours(a.entitled), _hours(a.used), a.cost_share.minor)
        )
    assert sheets["Lent"] == [("p-first-0003", "pool-a", 56)]


def test_the_workbook_is_in_the_readers_language() -> None:
    _, row = closed()
    with translation.override("ko"):
        book = load_workbook(io.BytesIO(xlsx_bytes(row)))
    assert "Pools" not in book.sheetnames
    assert book.worksheets[0]["A1"].value != "Pool"


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_a_name_that_begins_like_a_formula_stays_a_name(start: str) -> None:
    world = used()
    name = f"{start}HYPERLINK(0)"
    Organisation.objects.filter(name="Bada").update(name=name)
    row = close(world)
    cells = {r["organisation"] for r in _table(csv_bytes(row))}
    assert f"'{name}" in cells
    assert name not in cells
    with translation.override("en"):
        book = load_workbook(io.BytesIO(xlsx_bytes(row)))
    found = [c for c in book["Allocations"]["B"] if "HYPERLINK" in str(c.value)]
    assert [(c.data_type, str(c.value).strip()) for c in found] == [("s", name.strip())]


def test_the_same_month_gives_the_same_files() -> None:
    _, row = closed()
    assert csv_bytes(row) == csv_bytes(row)
    assert xlsx_bytes(row) == xlsx_bytes(row)
