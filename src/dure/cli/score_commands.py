"""`dure round scores` and `dure round sensitivity`: a call's ranking, and what outcomes hang on."""

from __future__ import annotations

import csv
import io
from typing import Annotated

import typer
from rich.table import Column, Table

from dure.cli.api_door import AsJson, Hub, Token, asking, connected, wide_console
from dure.client.scores import HangingView, ScoresView, SensitivityView, StandingView


def scores(
    call: str,
    *,
    hub: Hub,
    token: Token,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print one line per application.")] = False,
) -> None:
    """Show the ranking: raw and corrected scores and ranks, side by side."""
    with asking(f"ranking of call {call}"):
        view = connected(hub, token).scores(call)
    if as_json:
        typer.echo(view.model_dump_json())
    elif as_csv:
        typer.echo(_csv(view), nl=False)
    else:
        _show(view)


def sensitivity(
    call: str,
    *,
    hub: Hub,
    token: Token,
    places: Annotated[
        int | None,
        typer.Option(min=1, help="How many are served, best rank first; else as the round does."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show whose outcome hangs on the correction, on one reviewer, on one point."""
    with asking(f"ranking of call {call}"):
        view = connected(hub, token).sensitivity(call, places=places)
    if as_json:
        typer.echo(view.model_dump_json())
    else:
        _show_sensitivity(view)


def _show(view: ScoresView) -> None:
    moved = sum(bool(row.shift) for row in view.standings)
    typer.echo(
        f"{view.call}, plan {view.plan}, correction {view.method}: {len(view.standings)}"
        f" applications, {moved} with another rank after the correction."
    )
    for note in view.notes:
        typer.echo(note)
    table = Table("Rank", Column("Application", no_wrap=True), "Score", "Raw", "Raw rank", "Shift")
    corrected = view.method != "none"
    if corrected:
        table.add_column("s.e.")
        table.add_column("Rank, 9 in 10")
    for row in view.standings:
        cells = [row.score, row.raw_score, str(row.raw_rank or ""), _shift(row)]
        more = [row.standard_error or "", _span(row)] if corrected else []
        table.add_row(str(row.rank or ""), row.application, *cells, *more)
    wide_console().print(table)


def _show_sensitivity(view: SensitivityView) -> None:
    typer.echo(
        f"{view.call}, plan {view.plan}: {len(view.hanging)} outcomes would turn, where the first"
        f" {view.places} are served."
    )
    if view.by_round:
        typer.echo("What hangs on the correction is found by the round's own rules.")
    if not view.hanging:
        return
    table = Table("Rank", Column("Application", no_wrap=True), "Now", "Chance", "Hangs on")
    for row in view.hanging:
        now = "served" if row.served else "not served"
        table.add_row(str(row.rank or ""), row.application, now, row.chance or "", _on(row))
    wide_console().print(table)


def _on(row: HangingView) -> str:
    points = [f"{point.change:+d} point of {point.reviewer}" for point in row.on_points]
    reviewers = [f"reviewer {name}" for name in row.on_reviewers]
    return ", ".join([*(["the correction"] if row.on_correction else []), *reviewers, *points])


def _shift(row: StandingView) -> str:
    return "" if row.shift is None else f"{row.shift:+d}" if row.shift else "0"


def _span(row: StandingView) -> str:
    return "" if row.rank_low is None else f"{row.rank_low}-{row.rank_high}"


def _csv(view: ScoresView) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(StandingView.model_fields))
    writer.writeheader()
    writer.writerows(row.model_dump() for row in view.standings)
    return out.getvalue()
