"""`dure round`: solve, read, approve, explain and replay a call's round through the hub's API.

- Exit 0: done. Exit 1: the hub refused or is away. Exit 2: address or token are missing.
- Times are those of the programme's zone; a call closes at 24:00 of its last day, as the portal
  says it too. Reasons come in the language of the terminal.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Column, Table

from dure.cli import round_tables
from dure.cli.api_door import FAILED, AsJson, Hub, Token, asking, connected, wide_console
from dure.cli.round_tables import csv_of, facts_of, outcomes_table
from dure.client import HubClient
from dure.client.models import RoundView

app = typer.Typer(help="Solve, read and approve allocation rounds.", no_args_is_help=True)


@app.command()
def calls(*, hub: Hub, token: Token, as_json: AsJson = False) -> None:
    """List the calls and how far they have come."""
    client = connected(hub, token)
    with asking():
        found = client.calls()
        zone = UTC if as_json or not found else ZoneInfo(client.programme().time_zone)
    if as_json:
        typer.echo("[" + ",".join(call.model_dump_json() for call in found) + "]")
        return
    table = Table(Column("Call", no_wrap=True), "State", "Opens", "Closes", "Applications")
    for call in found:
        opens = f"{call.opens.astimezone(zone):%F, %H:%M}"
        table.add_row(call.id, call.state, opens, _until(call.closes, zone), str(call.applications))
    Console().print(table)


@app.command()
def solve(call: str, *, hub: Hub, token: Token, as_json: AsJson = False) -> None:
    """Propose a round. Nothing is given until a person approves the plan."""
    client = connected(hub, token)
    with asking(f"call {call}"):
        view = client.solve(call)
    _show(view, client, as_json=as_json)


@app.command()
def show(
    call: str,
    *,
    hub: Hub,
    token: Token,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print one line per application.")] = False,
) -> None:
    """Show the latest plan: who gets what, and why."""
    client = connected(hub, token)
    with asking(f"round of call {call}"):
        view = client.round(call)
    if as_csv:
        typer.echo(csv_of(view, _zone(client)), nl=False)
        return
    _show(view, client, as_json=as_json)


@app.command()
def approve(
    call: str,
    *,
    plan: Annotated[int, typer.Option(help="The plan's number, as `show` prints it.")],
    hub: Hub,
    token: Token,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Approve a plan; with the last approval needed, awards are offered. Cannot be undone."""
    client = connected(hub, token)
    with asking(f"plan {plan} of call {call}"):
        if not yes:
            typer.echo(_headline(client.round(call)), err=True)
            typer.confirm(f"Approve plan {plan}?", abort=True, err=True)
        view = client.approve(call, plan=plan)
    _show(view, client, as_json=as_json)


@app.command()
def withdraw(
    call: str,
    *,
    plan: Annotated[int, typer.Option(help="The plan's number, as `show` prints it.")],
    hub: Hub,
    token: Token,
    as_json: AsJson = False,
) -> None:
    """Take your approval of a plan back, while it waits for somebody else's."""
    client = connected(hub, token)
    with asking(f"plan {plan} of call {call}"):
        view = client.withdraw(call, plan=plan)
    _show(view, client, as_json=as_json)


@app.command()
def explain(
    call: str, application: str, *, hub: Hub, token: Token, as_json: AsJson = False
) -> None:
    """Say what the latest plan means for one application, why, and what would have changed it."""
    client = connected(hub, token)
    with asking(f"application {application} in a round of call {call}"):
        row = client.outcome(call, application)
    if as_json:
        typer.echo(row.model_dump_json())
        return
    table = Table(show_header=False, box=None)
    for name, value in facts_of(row, _zone(client)):
        table.add_row(name, value)
    console = Console()
    console.print(f"{row.application}  {row.title}", markup=False)
    console.print(table)
    for line in (row.reason, row.change, *row.failures):
        if line:
            console.print(line, markup=False)


@app.command()
def report(call: str, *, hub: Hub, token: Token, as_json: AsJson = False) -> None:
    """Say what the latest plan came to: funnel, success by group, quotas and prices, pools."""
    with asking(f"round of call {call}"):
        view = connected(hub, token).report(call)
    if as_json:
        typer.echo(view.model_dump_json())
        return
    round_tables.print_report(view, wide_console())


@app.command()
def replay(
    what: Annotated[str, typer.Argument(metavar="CALL|PLAN", help="A call, or a plan's number.")],
    *,
    hub: Hub,
    token: Token,
    as_json: AsJson = False,
) -> None:
    """Make a plan again from what was stored with it. Exit 0: it comes out the same."""
    client = connected(hub, token)
    asked = f"plan {what}" if what.isdecimal() else f"round of call {what}"
    with asking(asked):
        plan = int(what) if what.isdecimal() else client.round(what).plan
        view = client.replay(plan=plan)
    if as_json:
        typer.echo(view.model_dump_json())
    elif view.same:
        typer.echo(f"Plan {plan} made again: the same, value for value.")
    else:
        typer.echo(f"Plan {plan} made again: it differs.", err=True)
        for one in view.differences:
            typer.echo(f"  {one.where}: stored {one.stored}, now {one.made}", err=True)
    if not view.same:
        raise typer.Exit(FAILED)


def _until(end: datetime, zone: tzinfo) -> str:
    """The end of a half-open period: 24:00 of its last day, not 0:00 after it."""
    local = end.astimezone(zone)
    if local.time() == time():
        return f"{local - timedelta(days=1):%F}, 24:00"
    return f"{local:%F, %H:%M}"


def _headline(view: RoundView) -> str:
    given = sum(row.servers for row in view.outcomes)
    counts = Counter(row.outcome for row in view.outcomes)
    proof = "proven optimal" if view.optimal else "not proven optimal"
    said = (
        f"{view.call}, plan {view.plan} ({view.status}, {proof}): "
        f"{given} of {view.offered} servers to {counts['awarded'] + counts['reduced']} "
        f"of {len(view.outcomes)} applications."
    )
    if view.approvals_needed > 1:
        by = ", ".join(one.by for one in view.approvals) or "nobody yet"
        said += f" Approved by {by}; {view.approvals_needed} people are needed."
    return said


def _zone(client: HubClient) -> ZoneInfo:
    """The programme's zone: an award's first day is a day there."""
    with asking():
        return ZoneInfo(client.programme().time_zone)


def _show(view: RoundView, client: HubClient, *, as_json: bool) -> None:
    if as_json:
        typer.echo(view.model_dump_json())
        return
    zone = _zone(client)
    typer.echo(_headline(view))
    wide_console().print(outcomes_table(view, zone))
