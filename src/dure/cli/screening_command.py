"""`dure round screen`: who screening would refuse, and why; with --apply, the screening itself."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from dure.cli.api_door import AsJson, Hub, Token, asking, connected
from dure.client.models import ScreeningView


def screen(
    call: str,
    *,
    hub: Hub,
    token: Token,
    apply: Annotated[
        bool, typer.Option("--apply", help="Screen the closed call. Cannot be undone.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show who would be refused and what looks alike; nothing changes without --apply."""
    client = connected(hub, token)
    with asking(f"call {call}"):
        view = client.screen(call) if apply else client.screening(call)
    if as_json:
        typer.echo(view.model_dump_json())
        return
    _show(view)


def _show(view: ScreeningView) -> None:
    verb = "were refused" if view.applied else "would be refused now"
    typer.echo(f"{view.call}: {len(view.refused)} of {view.judged} applications {verb}.")
    if view.refused:
        table = Table(Column("Application", no_wrap=True), "Organisation", "Question", "Why")
        for row in view.refused:
            questions = ", ".join(dict.fromkeys(row.fields))
            table.add_row(row.application, row.organisation, questions, "\n".join(row.reasons))
        Console().print(table)
    if view.duplicates:
        typer.echo("These pairs may be one project; the operator decides each:")
        table = Table("First", "Second", "Evidence", "Decided")
        for pair in view.duplicates:
            table.add_row(pair.first, pair.second, "\n".join(pair.evidence), pair.ruling or "-")
        Console().print(table)
