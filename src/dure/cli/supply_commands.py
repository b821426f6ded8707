"""`dure supply`: see, make and approve the choice of a supply call through the hub's API.

- Exit 0: done. Exit 1: the hub refused or is away. Exit 2: address or token are missing.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from dure.cli.api_door import AsJson, Hub, Token, asking, connected, wide_console
from dure.client.models import ChoiceView

app = typer.Typer(help="Choose among the bids of supply calls.", no_args_is_help=True)


@app.command()
def calls(*, hub: Hub, token: Token, as_json: AsJson = False) -> None:
    """List the supply calls and how far they have come."""
    with asking():
        found = connected(hub, token).supply_calls()
    if as_json:
        typer.echo("[" + ",".join(call.model_dump_json() for call in found) + "]")
        return
    table = Table(Column("Supply call", no_wrap=True), "State", "Opens", "Closes", "Bids")
    for call in found:
        bids = "sealed" if call.bids is None else str(call.bids)
        table.add_row(call.id, call.state, f"{call.opens:%F}", f"{call.closes:%F}", bids)
    Console().print(table)


@app.command()
def show(call: str, *, hub: Hub, token: Token, as_json: AsJson = False) -> None:
    """Show the latest plan: who is bought from, and why."""
    with asking(f"choice of supply call {call}"):
        view = connected(hub, token).choice(call)
    _show(view, as_json=as_json)


@app.command()
def choose(call: str, *, hub: Hub, token: Token, as_json: AsJson = False) -> None:
    """Propose whom to buy from. Nobody is chosen until a person approves the plan."""
    with asking(f"supply call {call}"):
        view = connected(hub, token).choose(call)
    _show(view, as_json=as_json)


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
    """Approve a plan: the winners and the others are told. Cannot be undone."""
    client = connected(hub, token)
    with asking(f"plan {plan} of supply call {call}"):
        if not yes:
            typer.echo(_headline(client.choice(call)), err=True)
            typer.confirm(f"Approve plan {plan}?", abort=True, err=True)
        view = client.approve_choice(call, plan=plan)
    _show(view, as_json=as_json)


def _headline(view: ChoiceView) -> str:
    chosen = sum(1 for one in view.outcomes if one.public_servers)
    if view.conflict:
        return (
            f"{view.call}, plan {view.plan} ({view.status}): nobody can be chosen; "
            f"these rules cannot be met together: {', '.join(view.conflict)}."
        )
    proof = "proven optimal" if view.optimal else "not proven optimal"
    return (
        f"{view.call}, plan {view.plan} ({view.status}, {proof}): {chosen} of "
        f"{len(view.outcomes)} bids, {view.public_accelerators:,} accelerators for public use, "
        f"{view.price:,} of {view.budget:,}."
    )


def _show(view: ChoiceView, *, as_json: bool) -> None:
    if as_json:
        typer.echo(view.model_dump_json())
        return
    typer.echo(_headline(view))
    table = Table("Rank", Column("Bid", no_wrap=True), "Provider", "Points", "Outcome", "Why")
    for one in view.outcomes:
        points = f"{float(Fraction(one.total)):.2f}"
        why = " ".join((one.reason, *one.changes))
        table.add_row(str(one.rank or ""), one.bid, one.provider, points, one.outcome, why)
    wide_console().print(table)
