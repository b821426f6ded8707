"""What `dure round` prints of a round: tables for people, lines for spreadsheets."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Column, Table

from dure.client.models import BoundView, OutcomeView, ReportView, RoundView


def outcomes_table(view: RoundView, zone: ZoneInfo) -> Table:
    """One row an application, in the round's order."""
    table = Table(
        "Rank",
        Column("Application", no_wrap=True),
        "Sector",
        "Outcome",
        "Servers",
        "Pool",
        "From",
        "Months",
        "Why",
    )
    for row in view.outcomes:
        why = f"{row.reason} {row.change}" if row.change else row.reason
        table.add_row(
            str(row.rank or ""),
            row.application,
            row.sector,
            row.outcome,
            str(row.servers or ""),
            row.pool or "",
            _day(row.starts, zone),
            str(row.months or ""),
            why,
        )
    return table


def _day(at: datetime | None, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%F}" if at else ""


def _blocks(row: OutcomeView) -> str:
    """Servers by block, such as `0:32 1:8`."""
    return " ".join(f"{share.block}:{share.servers}" for share in row.blocks)


def facts_of(row: OutcomeView, zone: ZoneInfo) -> list[tuple[str, str]]:
    facts = [
        ("Outcome", row.outcome),
        ("Rank", str(row.rank or "")),
        ("Place", str(row.place or "")),
        ("Score", row.score or ""),
        ("Servers", str(row.servers or "")),
        ("Pool", row.pool or ""),
        ("From", _day(row.starts, zone)),
        ("Months", str(row.months or "")),
        ("Blocks", _blocks(row)),
    ]
    return [(name, value) for name, value in facts if value]


_COLUMNS: Final = (
    "rank", "place", "application", "sector", "outcome", "servers", "pool", "starts", "months",
    "blocks", "score", "code", "reason", "change_code", "change",
)  # fmt: skip


def csv_of(view: RoundView, zone: ZoneInfo) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for row in view.outcomes:
        writer.writerow(
            [
                row.rank, row.place, row.application, row.sector, row.outcome, row.servers,
                row.pool, _day(row.starts, zone), row.months, _blocks(row), row.score,
                row.reason_code, row.reason, row.change_code, row.change,
            ]
        )  # fmt: skip
    return out.getvalue()


MERIT_PER_POINT: Final = 1000
"""Merit counts thousandths of a point (`engine.allocation.facts`)."""


def print_report(view: ReportView, console: Console) -> None:
    """The report as a person reads it."""
    console.print(_funnel(view))
    console.print(_fairness(view))
    if view.bounds:
        console.print(_bounds(view))
    console.print(_pools(view))
    console.print(
        f"Better-placed applications passed over without a named constraint: {view.complaints}"
    )


def _funnel(view: ReportView) -> Table:
    funnel = view.funnel
    table = Table("Step", Column("Applications", justify="right"), title=f"{view.call}: funnel")
    for step, count in (
        ("in the round", funnel.applications),
        ("a pool could hold them", funnel.fit_a_pool),
        ("allowed by quotas and caps", funnel.within_bounds),
        ("served whole", funnel.served_whole),
        ("served in part", funnel.served_in_part),
        ("waiting", funnel.waiting),
    ):
        table.add_row(step, f"{count:,}")
    given, asked = funnel.server_months_given, funnel.server_months_asked
    table.caption = f"{given:,} of {asked:,} server-months asked for are given"
    return table


def _fairness(view: ReportView) -> Table:
    table = Table(
        "By", "Group", "Applications", "Served", "Success", "95 % interval", "Server-months",
        title="Who succeeded",
    )  # fmt: skip
    for one in view.fairness:
        table.add_row(
            one.dimension,
            one.label,
            f"{one.applications:,}",
            f"{one.served:,}",
            f"{one.success:.1%}",
            f"{one.low:.0%} to {one.high:.0%}",
            f"{one.server_months_given:,} of {one.server_months_asked:,}",
        )
    return table


def _bounds(view: ReportView) -> Table:
    table = Table(
        "Bound", "Most", "Held before", "Given", "Left", "Least", "Reached", "Price",
        title="Quotas, caps and floors (servers in a month; floors in server-months)",
        caption="Price: points that one more server for one month would add",
    )  # fmt: skip
    for one in view.bounds:
        label = f"{one.label} {one.unit}" if one.unit and one.unit not in one.label else one.label
        table.add_row(
            label,
            _number(one.most),
            str(max(one.held)),
            str(max(one.given)),
            _number(None if one.left is None else min(one.left)),
            _number(one.least),
            str(one.reached) if one.least is not None else "",
            _price(one),
        )
    return table


def _pools(view: ReportView) -> Table:
    table = Table("Pool", "Model", "Offered", "Given", "Left", title="Pools (servers in a month)")
    for use in view.pools:
        table.add_row(
            use.pool, use.model, str(max(use.offered)), str(max(use.given)), str(min(use.left))
        )
    return table


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _price(bound: BoundView) -> str:
    most = max((price.merit for price in bound.prices), default=0)
    return f"{most / MERIT_PER_POINT:.1f}" if most else ""
