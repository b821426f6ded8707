"""`dure round what-if`, `compare`, `scenario`: a stored round under other rules beside its plan.

- Exit 0: done, also where no plan fits the scenario: that is its answer. Exit 1: the hub refused or
  is away. Exit 2: an option is not readable.
- `+4` and `-4` are more and fewer servers in every month, `4` is so many in all; `none` takes a
  bound away.
- `scenario propose` and `remove` ask first, unless --yes; with --dry-run they only show what they
  would act on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError
from rich.table import Column, Table

from dure.cli.api_door import AsJson, Hub, Token, asking, connected, wide_console
from dure.client import HubClient
from dure.client.scenarios import ScenarioAsked, ScenariosView, ScenarioView, TotalsView
from dure.vocabulary.scenario import Change

MERIT_PER_POINT: Final = 1000
"""As the allocator counts it."""

Plan = Annotated[
    int | None, typer.Option(help="The plan to start from; the latest if none is named.")
]


def what_if(
    call: str,
    *,
    name: Annotated[str, typer.Option(help="What the scenario is called.")],
    hub: Hub,
    token: Token,
    plan: Plan = None,
    policy: Annotated[
        str | None, typer.Option(help="strict-rank, score-weighted or lottery.")
    ] = None,
    band: Annotated[
        list[str] | None,
        typer.Option(help="Least score of a lottery's band, the best first; once a band."),
    ] = None,
    organisation_cap: Annotated[
        str | None,
        typer.Option(metavar="N|none", help="Most servers that one organisation may hold."),
    ] = None,
    cap: Annotated[
        list[str] | None,
        typer.Option(metavar="QUOTA=N|none", help="Another cap of a quota or rule."),
    ] = None,
    floor: Annotated[
        list[str] | None,
        typer.Option(metavar="QUOTA=N|none", help="Another floor of a quota or rule."),
    ] = None,
    supply: Annotated[
        list[str] | None,
        typer.Option(metavar="POOL=+N|-N|N", help="More, fewer or so many servers of a pool."),
    ] = None,
    spares: Annotated[
        list[str] | None,
        typer.Option(metavar="POOL=+N|-N", help="More or fewer spares kept back in a pool."),
    ] = None,
    raw_scores: Annotated[
        bool, typer.Option("--raw-scores", help="Rank by scores without the correction.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Plan the call's round under other rules or with other supply. Nothing is awarded."""
    bounds: dict[str, dict[str, str]] = {}
    for field, given, option in (("most", cap, "--cap"), ("least", floor, "--floor")):
        for key, value in _pairs(given, option):
            bounds.setdefault(key, {})[field] = value
    change = _change(
        name=name,
        policy=policy,
        lottery_bands=band or [],
        organisation_cap=organisation_cap,
        bounds=bounds,
        supply={pool: _supply(value) for pool, value in _pairs(supply, "--supply")},
        spares=dict(_pairs(spares, "--spares")),
    )
    asked = ScenarioAsked(plan=plan, raw_scores=raw_scores, change=change)
    with asking(f"round of call {call}"):
        view = connected(hub, token).what_if(call, asked)
    _show(view, as_json=as_json)


def compare(
    call: str, *, hub: Hub, token: Token, plan: Plan = None, as_json: AsJson = False
) -> None:
    """Show a plan beside its scenarios."""
    with asking(f"round of call {call}"):
        view = connected(hub, token).scenarios(call, plan=plan)
    if as_json:
        typer.echo(view.model_dump_json())
        return
    _print_all(view)


app = typer.Typer(help="Look at one scenario, propose or remove it.", no_args_is_help=True)

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the scenario; do nothing.")]


@app.command()
def show(
    call: str, name: str, *, hub: Hub, token: Token, plan: Plan = None, as_json: AsJson = False
) -> None:
    """Show one scenario: what it comes to, and for whom it differs."""
    _show(_found(connected(hub, token), call, name, plan), as_json=as_json)


@app.command()
def propose(
    call: str,
    name: str,
    *,
    hub: Hub,
    token: Token,
    plan: Plan = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make a scenario the call's proposed plan. Nothing is awarded until it is approved."""
    client = connected(hub, token)
    view = _found(client, call, name, plan)
    question = f"Propose it? Other proposed plans of {call} are set aside."
    if not _meant(view, question, dry_run=dry_run, yes=yes, as_json=as_json):
        return
    with asking(f"scenario {name} of plan {view.plan} of call {call}"):
        made = client.propose_scenario(call, name, plan=view.plan)
    said = f"Scenario {name} is proposed as plan {made.plan}; it waits for approval."
    typer.echo(made.model_dump_json() if as_json else said)


@app.command()
def remove(
    call: str,
    name: str,
    *,
    hub: Hub,
    token: Token,
    plan: Plan = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take a scenario away. Cannot be undone; no plan and no award changes."""
    client = connected(hub, token)
    view = _found(client, call, name, plan)
    question = "Remove it? This cannot be undone."
    if not _meant(view, question, dry_run=dry_run, yes=yes, as_json=as_json):
        return
    with asking(f"scenario {name} of plan {view.plan} of call {call}"):
        client.remove_scenario(call, name, plan=view.plan)
    said = f"Scenario {name} of plan {view.plan} is removed."
    removed = {"call": call, "plan": view.plan, "name": name, "removed": True}
    typer.echo(json.dumps(removed, ensure_ascii=False) if as_json else said)


def _meant(view: ScenarioView, question: str, *, dry_run: bool, yes: bool, as_json: bool) -> bool:
    """Whether to go on: a dry run only shows the scenario, and who is asked may say no."""
    if dry_run:
        _show(view, as_json=as_json)
        return False
    _ask(view, question, yes=yes)
    return True


def _found(client: HubClient, call: str, name: str, plan: int | None) -> ScenarioView:
    of = f"plan {plan}" if plan is not None else "the latest plan"
    with asking(f"scenario {name} of {of} of call {call}"):
        return client.scenario(call, name, plan=plan)


def _ask(view: ScenarioView, question: str, *, yes: bool) -> None:
    if not yes:
        typer.echo(_headline(view), err=True)
        typer.confirm(question, abort=True, err=True)


def _show(view: ScenarioView, *, as_json: bool) -> None:
    if as_json:
        typer.echo(view.model_dump_json())
    else:
        _print_scenario(view)


def _pairs(given: list[str] | None, option: str) -> list[tuple[str, str]]:
    """KEY=VALUE, each key once."""
    found: dict[str, str] = {}
    for one in given or ():
        key, sign, value = one.partition("=")
        if not (key and sign and value) or key in found:
            raise typer.BadParameter(f"{one!r}: write KEY=VALUE, each key once", param_hint=option)
        found[key] = value
    return list(found.items())


def _supply(value: str) -> dict[str, str]:
    return {"by" if value.startswith(("+", "-")) else "to": value}


def _change(**given: Any) -> Change:
    """What was typed, as a change; numbers stay as they were typed until they are read here."""
    try:
        return Change.model_validate(given)
    except ValidationError as unfit:
        error = unfit.errors()[0]
        where = ".".join(str(part) for part in error["loc"])
        said = f"{where}: {error['msg']} (given: {error['input']!r})"
        raise typer.BadParameter(said) from None


def _print_scenario(view: ScenarioView) -> None:
    console = wide_console()
    console.print(_headline(view), markup=False)
    groups = Table("Group", Column("Served", justify="right"), Column("Months", justify="right"))
    for group in view.groups:
        label = f"{group.dimension}: {group.label}"
        groups.add_row(label, f"{group.served:+d}", f"{group.server_months:+d}")
    if view.groups:
        console.print(groups)
    table = Table(Column("Application", no_wrap=True), "Difference", "Plan", "Scenario", "Why")
    for one in view.differences:
        before, after = (f"{p.servers} {p.pool}" if p.pool else "" for p in (one.before, one.after))
        table.add_row(one.application, one.change, before, after, one.after.reason)
    if view.differences:
        console.print(table)


def _headline(view: ScenarioView) -> str:
    if view.totals is None:
        return f"{view.name}: no plan fits. {view.refusal}"
    proof = "proven optimal" if view.totals.optimal else "not proven optimal"
    return (
        f"{view.name} (from plan {view.plan}, {proof}): {view.totals.served} of"
        f" {view.totals.applications} applications served,"
        f" {len(view.differences)} fare otherwise."
    )


def _print_all(view: ScenariosView) -> None:
    """A column a plan: the stored one first."""
    planned = [one for one in view.scenarios if one.totals is not None]
    table = Table(
        "Figure",
        Column(f"Plan {view.plan}", justify="right"),
        *(Column(one.name, justify="right") for one in planned),
    )
    columns = [view.totals, *(one.totals for one in planned if one.totals is not None)]
    for label, cells in _rows(columns):
        table.add_row(label, *cells)
    wide_console().print(table)
    for one in view.scenarios:
        if one.refusal:
            typer.echo(f"{one.name}: no plan fits. {one.refusal}")


def _rows(columns: list[TotalsView]) -> Iterable[tuple[str, list[str]]]:
    yield "Applications served", [str(one.served) for one in columns]
    yield "of them whole", [str(one.whole) for one in columns]
    yield "Server-months given", [str(one.server_months) for one in columns]
    yield "Server-months left idle", [str(one.server_months_idle) for one in columns]
    yield "Merit", [f"{one.merit / MERIT_PER_POINT:,.1f}" for one in columns]
    yield "Proven optimal", ["yes" if one.optimal else "no" for one in columns]
