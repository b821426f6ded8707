"""`dure study`: ask what-if studies of a hub, see how far they are, fetch what they came to.

- Exit 0: done. Exit 1: the hub refused or is away. Exit 2: an option or file is not readable.
- `remove` asks first, unless --yes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from dure.cli.api_door import AsJson, Hub, Token, asking, connected, wide_console
from dure.client.studies import StudyAsked, StudyView

UNREADABLE = 2

app = typer.Typer(help="Ask what-if studies of a hub's twin.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="The study's number, as `list` prints it.", min=1)]


@app.command()
def ask(
    scenario: Annotated[Path, typer.Argument(help="The scenario's YAML file; it names no file.")],
    *,
    hub: Hub,
    token: Token,
    name: Annotated[str, typer.Option(help="What the study is called.")],
    policy: Annotated[
        list[str] | None, typer.Option(help="Only this policy; once for each.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many draws.")] = None,
    as_json: AsJson = False,
) -> None:
    """Queue a study; it is played when its turn comes."""
    try:
        text = scenario.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        typer.echo(f"{scenario}: this is not text in UTF-8", err=True)
        raise typer.Exit(UNREADABLE) from None
    asked = StudyAsked(name=name, scenario=text, policies=tuple(policy or ()), seeds=seeds)
    with asking():
        view = connected(hub, token).ask_study(asked)
    _show(view, as_json=as_json)


@app.command(name="list")
def studies(*, hub: Hub, token: Token, as_json: AsJson = False) -> None:
    """List the latest studies."""
    with asking():
        found = connected(hub, token).studies()
    if as_json:
        typer.echo(found.model_dump_json())
        return
    right = (Column("No.", justify="right"), "Study", "State", Column("Played", justify="right"))
    table = Table(*right, "Asked by", "Asked")
    for one in found.studies:
        played = f"{one.played_days:,} of {one.all_days:,} days"
        table.add_row(str(one.id), one.name, one.state, played, one.asked_by, f"{one.asked:%F %R}")
    wide_console().print(table)


@app.command()
def show(
    study: Number,
    *,
    hub: Hub,
    token: Token,
    out: Annotated[Path | None, typer.Option(help="Folder to fetch its files into.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show one study: how far it is, or what it came to."""
    with asking(f"study {study}"):
        client = connected(hub, token)
        view = client.study(study)
        for file in view.files if out else ():
            _fetched(out or Path(), file.name, client.study_file(study, file.name))
    _show(view, as_json=as_json)


@app.command()
def cancel(study: Number, *, hub: Hub, token: Token, as_json: AsJson = False) -> None:
    """End a study that waits or is played."""
    with asking(f"study {study}"):
        view = connected(hub, token).cancel_study(study)
    _show(view, as_json=as_json)


@app.command()
def remove(
    study: Number,
    *,
    hub: Hub,
    token: Token,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take a study and its files away. Cannot be undone."""
    with asking(f"study {study}"):
        client = connected(hub, token)
        view = client.study(study)
        if not yes:
            typer.echo(_headline(view), err=True)
            typer.confirm("Remove it? This cannot be undone.", abort=True, err=True)
        client.remove_study(study)
    said = f"Study {study} is removed."
    typer.echo(json.dumps({"study": study, "removed": True}) if as_json else said)


def _fetched(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / Path(name).name
    path.write_bytes(content)
    typer.echo(str(path), err=True)


def _show(view: StudyView, *, as_json: bool) -> None:
    if as_json:
        typer.echo(view.model_dump_json())
        return
    typer.echo(_headline(view))
    for said in (view.answer, view.failure):
        if said:
            typer.echo(said)
    for file in view.files:
        typer.echo(f"  {file.name} ({file.size:,} bytes)")


def _headline(view: StudyView) -> str:
    return (
        f"Study {view.id}, {view.name}: {view.state}, {view.played_days:,} of"
        f" {view.all_days:,} days played ({', '.join(view.policies)}; draws: {view.seeds})"
    )
