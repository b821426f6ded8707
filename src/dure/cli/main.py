"""The `dure` command.

Sub-commands that need the hub's packages import them when they run, so that a provider who
installed only the agent can use `dure agent` and `dure programme`.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Annotated

import typer

import dure.cli.agent_commands
import dure.cli.job_commands
import dure.cli.lab_commands
import dure.cli.programme_commands
import dure.cli.reviewers_command
import dure.cli.round_commands
import dure.cli.scenario_commands
import dure.cli.score_commands
import dure.cli.screening_command
import dure.cli.study_commands
import dure.cli.supply_commands
import dure.cli.twin_commands
from dure.cli.hub_commands import app as hub

app = typer.Typer(
    name="dure",
    help="Run a shared AI-compute programme: calls, rounds, clusters, lending, settlement.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(dure.cli.programme_commands.app, name="programme")
app.add_typer(hub, name="hub")
app.add_typer(dure.cli.agent_commands.app, name="agent")
dure.cli.round_commands.app.command()(dure.cli.screening_command.screen)
dure.cli.round_commands.app.command()(dure.cli.reviewers_command.reviewers)
dure.cli.round_commands.app.command("what-if")(dure.cli.scenario_commands.what_if)
dure.cli.round_commands.app.command()(dure.cli.scenario_commands.compare)
dure.cli.round_commands.app.add_typer(dure.cli.scenario_commands.app, name="scenario")
dure.cli.round_commands.app.command()(dure.cli.score_commands.scores)
dure.cli.round_commands.app.command()(dure.cli.score_commands.sensitivity)
app.add_typer(dure.cli.round_commands.app, name="round")
app.add_typer(dure.cli.supply_commands.app, name="supply")
app.add_typer(dure.cli.twin_commands.app, name="twin")
app.add_typer(dure.cli.job_commands.app, name="job")
app.add_typer(dure.cli.study_commands.app, name="study")
app.add_typer(dure.cli.lab_commands.app, name="lab")


@app.command()
def demo(
    *,
    serve: Annotated[
        bool, typer.Option("--serve", help="Afterwards serve the portal, with an account a role.")
    ] = False,
    serve_only: Annotated[
        bool, typer.Option("--serve-only", help="Serve what the last demo left; run nothing.")
    ] = False,
    slurm: Annotated[
        bool, typer.Option("--slurm", help="Run the jobs on this machine by a real Slurm.")
    ] = False,
    home: Annotated[
        str, typer.Option(envvar="DURE_DEMO_HOME", help="Folder for the demo's database and files.")
    ] = ".demo",
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port of the portal, on loopback.")
    ] = 8000,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON; progress goes to stderr.")
    ] = False,
) -> None:
    """Run a whole programme in two minutes: call, review, round, lending, reclaim, closed month.

    Korea's round 1 of 2026 on a fresh embedded database, with this machine as one of the sites.
    Running it again starts clean.
    """
    if importlib.util.find_spec("django") is None:
        typer.echo("The demo needs the hub: pip install 'dure[hub]'.", err=True)
        raise typer.Exit(2)
    from dure.cli.demo.run import run, serve_portal  # noqa: PLC0415  # needs the hub's packages
    from dure.hub.server import check_free  # noqa: PLC0415  # needs the hub's packages

    if serve or serve_only:
        check_free(address="127.0.0.1", port=port)
    if not serve_only:
        code = run(home=home, as_json=as_json, slurm=slurm)
        if code:
            raise typer.Exit(code)
    if serve or serve_only:
        raise typer.Exit(serve_portal(home=home, port=port))


def main() -> None:
    """The entry point: an interrupted command ends quietly with the shell's code for it.

    What the system refuses (a folder, a port) is said in its words, with the place.
    """
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        typer.echo(f"{place}{error.strerror or error}", err=True)
        sys.exit(2)
