"""`dure round reviewers`: a call's stages and reviewers, what is late, and who replaces whom."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Column, Table

from dure.cli.api_door import AsJson, Hub, Token, asking, connected, wide_console
from dure.client.reviewers import ReplacementView, ReviewersView


def reviewers(
    call: str,
    *,
    hub: Hub,
    token: Token,
    late: Annotated[
        bool, typer.Option("--late", help="Show who would replace whom; nothing is done.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace late reviewers now, and tell them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show who reviews how much, and replace those who are late."""
    client = connected(hub, token)
    view: ReviewersView | ReplacementView
    with asking(f"reviewers of call {call}"):
        if replace:
            view = client.replace_late(call)
        elif late:
            view = client.replacements(call)
        else:
            view = client.reviewers(call)
    if as_json:
        typer.echo(view.model_dump_json())
    elif isinstance(view, ReviewersView):
        _show(view)
    else:
        _show_replacement(view)


def _show(view: ReviewersView) -> None:
    stages = Table("Stage", "Kind", "State", "Due", *_numbers("Asked", "Given", "Late", "Passed"))
    for one in view.stages:
        counts = (one.asked, one.given, one.late, one.passed)
        due = f"{one.due:%F}" if one.due else ""
        stages.add_row(one.label.en, one.kind, one.state, due, *map(str, counts))
    console = wide_console()
    console.print(stages)
    if view.short:
        typer.echo(f"{view.short} of the applications have fewer reviewers than they should.")
    people = Table("Reviewer", "Organisation", *_numbers("Asked", "Given", "Late"), "Next due")
    for who in view.reviewers:
        due = f"{who.due:%F}" if who.due else ""
        figures = map(str, (who.asked, who.given, who.late))
        people.add_row(who.reviewer, who.organisation, *figures, due)
    console.print(people)


def _show_replacement(view: ReplacementView) -> None:
    verb = "are replaced" if view.done else "would be replaced"
    leaving = sum(len(one.leaving) for one in view.changes)
    typer.echo(f"{view.call}: late reviewers {verb} in {leaving} reviews.")
    table = Table(Column("Application", no_wrap=True), "Leaves", "Comes")
    for one in view.changes:
        table.add_row(one.application, ", ".join(one.leaving), ", ".join(one.coming))
    wide_console().print(table)


def _numbers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, justify="right") for name in names)
