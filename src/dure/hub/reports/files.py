"""The closed month as files: CSV for programs, a workbook for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime

import xlsxwriter
from django.utils.translation import gettext as _

from dure.hub.reports.models import ClosedMonth
from dure.hub.reports.queries import statement_of
from dure.metering.conservation import SixWay
from dure.metering.statement import MonthlyStatement
from dure.quantities import AcceleratorSeconds

Cell = str | int | float
Table = tuple[str, list[str], list[Sequence[Cell]]]

SPLIT = ("used", "lent", "idle", "unallocated", "down", "own")
FORMULA_STARTERS = ("=", "+", "-", "@", "\t", "\r")


def csv_bytes(month: ClosedMonth) -> bytes:
    """All lines of the statement in one table, amounts in whole accelerator-seconds. UTF-8, BOM."""
    result = statement_of(month)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(
        ["line", "pool", "provider", "cluster", "model", "allocation", "project", "organisation",
         "sector", "servers", "accelerators", "entitled", *SPLIT, "cost_share", "currency"]
    )  # fmt: skip
    for row in _csv_rows(result):
        writer.writerow([_inert(cell) for cell in row])
    return out.getvalue().encode("utf-8-sig")


def _csv_rows(result: MonthlyStatement) -> Iterator[list[Cell]]:
    for pool in result.pools:
        yield [
            "pool", pool.pool, pool.provider, pool.cluster, pool.model, "", "", "", "", "",
            pool.accelerators, "", *(getattr(pool.split, name) for name in SPLIT), "", "",
        ]  # fmt: skip
    for one in result.allocations:
        yield [
            "allocation", one.pool, "", "", one.model, one.allocation, one.project,
            one.organisation, one.sector, one.servers, "", one.entitled, one.used,
            *[""] * (len(SPLIT) - 1), one.cost_share.minor, one.cost_share.currency,
        ]  # fmt: skip
    for borrower in result.borrowers:
        yield [
            "lent", borrower.pool, "", "", "", "", borrower.project, "", "", "", "", "", "",
            borrower.lent, *[""] * (len(SPLIT) - 2), "", "",
        ]  # fmt: skip


def _inert(cell: Cell) -> Cell:
    """A name that begins like a formula must not become one in the reader's spreadsheet."""
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTERS):
        return f"'{cell}"
    return cell


def xlsx_bytes(month: ClosedMonth) -> bytes:
    """A workbook of three sheets in the reader's language; hours to two places."""
    result = statement_of(month)
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        # The same month gives the same file.
        book.set_properties({"created": datetime(result.year, result.month, 1)})  # noqa: DTZ001  # document property, no instant
        for title, heads, rows in (_pools(result), _allocations(result), _borrowers(result)):
            _sheet(book, title, heads, rows)
    return out.getvalue()


def _sheet(
    book: xlsxwriter.Workbook, title: str, heads: list[str], rows: list[Sequence[Cell]]
) -> None:
    bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    amount = book.add_format({"num_format": "#,##0.00"})
    whole = book.add_format({"num_format": "#,##0"})
    sheet = book.add_worksheet(title)
    sheet.freeze_panes(1, 1)
    for column, head in enumerate(heads):
        sheet.write_string(0, column, head, bold)
        longest = max((len(str(row[column])) for row in rows), default=0)
        sheet.set_column(column, column, min(40, max(12, longest + 2)))
    for index, row in enumerate(rows, start=1):
        for column, cell in enumerate(row):
            if isinstance(cell, str):
                sheet.write_string(index, column, cell)
            else:
                sheet.write_number(
                    index, column, cell, amount if isinstance(cell, float) else whole
                )


def _hours(accelerator_seconds: int) -> float:
    return float(round(AcceleratorSeconds(accelerator_seconds).hours, 2))


def _split_cells(split: SixWay) -> list[Cell]:
    return [*(_hours(getattr(split, name)) for name in SPLIT), _hours(split.total)]


def _pools(result: MonthlyStatement) -> Table:
    heads = [
        _("Pool"), _("Provider"), _("Model"), _("Accelerators"), _("Used (h)"), _("Lent (h)"),
        _("Idle (h)"), _("Unallocated (h)"), _("Down (h)"), _("Provider's own (h)"), _("Total (h)"),
    ]  # fmt: skip
    rows: list[Sequence[Cell]] = [
        [p.pool, p.provider, p.model, p.accelerators, *_split_cells(p.split)] for p in result.pools
    ]
    rows.append([_("Total"), "", "", "", *_split_cells(result.totals)])
    return _("Pools"), heads, rows


def _allocations(result: MonthlyStatement) -> Table:
    heads = [
        _("Allocation"), _("Organisation"), _("Sector"), _("Pool"), _("Model"), _("Servers"),
        _("Entitled (h)"), _("Used (h)"), _("Cost share"), _("Currency"),
    ]  # fmt: skip
    rows: list[Sequence[Cell]] = [
        [
            a.allocation, a.organisation, a.sector, a.pool, a.model, a.servers,
            _hours(a.entitled), _hours(a.used), a.cost_share.minor, a.cost_share.currency,
        ]
        for a in result.allocations
    ]  # fmt: skip
    return _("Allocations"), heads, rows


def _borrowers(result: MonthlyStatement) -> Table:
    rows: list[Sequence[Cell]] = [[b.project, b.pool, _hours(b.lent)] for b in result.borrowers]
    return _("Lent"), [_("Project"), _("Pool"), _("Lent (h)")], rows
