"""`dure job`: hand jobs in through a hub, see where they run and why, read their output, end them.

- Exit 0: done; with --wait or --follow: the job completed. Exit 1: the hub or the site refused, the
  hub is away, or the job that was waited for did not complete. Exit 2: an option is not readable.
- What a job writes goes to stdout, all that is said of it to stderr, so that output can be piped.
- Interrupting `--wait` or `--follow` leaves the job running.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from pydantic import ValidationError
from rich.table import Column, Table

from dure.cli.api_door import FAILED, AsJson, Hub, Token, asking, connected, wide_console
from dure.client import HubClient
from dure.client.jobs import OVER, JobAsked, JobView, Lent, PlaceView, RouteView

UNREADABLE: Final = 2
LOOK_EVERY_S: Final = 2.0
"""An agent sends what a job writes every few seconds."""

OVERLAP: Final = 512
"""So many signs of what was shown last are looked for in what comes next."""

_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400}

app = typer.Typer(help="Hand jobs in and follow them.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="The job's number, as `list` prints it.", min=1)]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the job is over.")]
Follow = Annotated[bool, typer.Option("--follow", help="Print what it writes until it is over.")]


@app.command(context_settings={"ignore_unknown_options": True})
def submit(
    command: Annotated[
        list[str] | None, typer.Argument(help="The command of each process, after --")
    ] = None,
    *,
    hub: Hub,
    token: Token,
    accelerators: Annotated[int, typer.Option(min=1, help="One process is started on each.")] = 1,
    script: Annotated[
        Path | None, typer.Option(help="A bash script instead of a command.", exists=True)
    ] = None,
    project: Annotated[str | None, typer.Option(help="Your only one, unless said.")] = None,
    allocation: Annotated[str | None, typer.Option(help="Under this allocation.")] = None,
    pool: Annotated[str | None, typer.Option(help="In this pool.")] = None,
    lent: Annotated[
        bool, typer.Option("--lent", help="On lent capacity; may be stopped, and starts again.")
    ] = False,
    or_lent: Annotated[
        bool, typer.Option("--or-lent", help="On lent capacity too, if it starts earlier there.")
    ] = False,
    anywhere: Annotated[
        bool, typer.Option("--anywhere", help="At whichever site is best; says why.")
    ] = False,
    model: Annotated[
        list[str] | None, typer.Option(help="An accelerator model that will do; the best first.")
    ] = None,
    memory_gb: Annotated[int, typer.Option(min=0, help="Of each accelerator, at least.")] = 0,
    name: Annotated[str, typer.Option(help="What you call it.")] = "",
    directory: Annotated[str, typer.Option(help="Its folder at the site; your home there.")] = "",
    env: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; once for each.")] = None,
    time_limit: Annotated[str, typer.Option("--time", help="Such as 90m, 12h or 2d.")] = "",
    wait: Wait = False,
    follow: Follow = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say where it would run and when; hand nothing in.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Hand a job in and print its number.

    Example: dure job submit --accelerators 8 --follow -- python train.py
    """
    if lent and or_lent:
        _unreadable("say --lent or --or-lent, not both")
    chosen: Lent = "only" if lent else "also" if or_lent else "no"
    asked = _asked(
        project=project,
        command=_command(command, script),
        accelerators=accelerators,
        allocation=allocation,
        pool=pool,
        lent=chosen,
        anywhere=anywhere,
        models=tuple(model or ()),
        memory_gb=memory_gb,
        name=name,
        environment=_environment(env or []),
        working_directory=directory,
        time_limit_s=_seconds(time_limit) if time_limit else None,
    )
    client = connected(hub, token)
    with asking("such project"):
        if dry_run:
            _show_route(client.route_job(asked), as_json=as_json)
            return
        job = client.submit_job(asked)
    if not (wait or follow):
        _show(job, as_json=as_json)
        return
    _see_through(client, job, follow=follow, as_json=as_json)


@app.command(name="list")
def jobs(
    *,
    hub: Hub,
    token: Token,
    project: Annotated[str, typer.Option(help="Only of this project.")] = "",
    state: Annotated[str, typer.Option(help='A state, or "open": what is not over.')] = "",
    mine: Annotated[bool, typer.Option("--mine", help="Only your own.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the latest jobs of your projects, and why each waiting one waits."""
    with asking():
        found = connected(hub, token).jobs(state=state, project=project, mine=mine)
    if as_json:
        typer.echo(found.model_dump_json())
        return
    right = (Column("No.", justify="right"), "Name", "State", Column("Acc.", justify="right"))
    table = Table(*right, "Project", "Under", "Pool", "User", "Waits because")
    for one in found.jobs:
        table.add_row(
            str(one.id),
            one.name or one.engine_job or "",
            one.state,
            str(one.accelerators),
            one.project,
            one.allocation or "lent",
            one.pool,
            one.username,
            one.waits or "",
        )
    wide_console().print(table)


@app.command()
def show(job: Number, *, hub: Hub, token: Token, as_json: AsJson = False) -> None:
    """Show one job: how it stands, why it waits, why it is where it is."""
    with asking(f"job {job}"):
        found = connected(hub, token).job(job)
    _show(found, as_json=as_json)


@app.command()
def logs(
    job: Number, *, hub: Hub, token: Token, follow: Follow = False, as_json: AsJson = False
) -> None:
    """Print the end of what a job's first process wrote."""
    client = connected(hub, token)
    with asking(f"job {job}"):
        if follow:
            _see_through(client, client.job(job), follow=True, as_json=as_json)
            return
        log = client.job_log(job)
    if as_json:
        typer.echo(log.model_dump_json())
    elif log.at is None:
        typer.echo("The site has sent nothing yet; ask again in a few seconds.", err=True)
    else:
        typer.echo(log.text, nl=not log.text.endswith("\n"))


@app.command()
def cancel(job: Number, *, hub: Hub, token: Token, as_json: AsJson = False) -> None:
    """End a job; a running one gets its grace period."""
    with asking(f"job {job}"):
        found = connected(hub, token).cancel_job(job)
    _show(found, as_json=as_json)


def fresh(shown: str, tail: str) -> str:
    """What of a log's end was not shown yet; a line says where something is missing."""
    if tail.startswith(shown):
        return tail[len(shown) :]
    last = shown[-OVERLAP:]
    place = tail.rfind(last)
    if place >= 0:
        return tail[place + len(last) :]
    return f"\n[some output is not shown here]\n{tail}"


def _see_through(client: HubClient, job: JobView, *, follow: bool, as_json: bool) -> None:
    """Until the job is over; what changes is said. Ends the command by how the job ended."""
    shown, said, attempt = "", "", 0
    while True:
        with asking(f"job {job.id}"):
            job = client.job(job.id)
            if follow:
                log = client.job_log(job.id)
                shown = "" if log.attempt != attempt else shown
                attempt = log.attempt
                typer.echo(fresh(shown, log.text), nl=False)
                shown = log.text
        line = _headline(job)
        if line != said:
            typer.echo(line, err=True)
            said = line
        if job.state in OVER:
            break
        time.sleep(LOOK_EVERY_S)
    if as_json:
        typer.echo(job.model_dump_json())
    if job.state != "completed":
        raise typer.Exit(FAILED)


def _asked(**given: object) -> JobAsked:
    try:
        return JobAsked.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        _unreadable(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


def _command(command: list[str] | None, script: Path | None) -> tuple[str, ...]:
    if bool(command) == (script is not None):
        _unreadable("write a command after --, or name a bash script with --script")
    if script is None:
        return tuple(command or ())
    try:
        return ("/bin/bash", "-c", script.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        _unreadable(f"{script}: this is not text in UTF-8")


def _environment(given: list[str]) -> dict[str, str]:
    parts = [one.partition("=") for one in given]
    wrong = [name for name, sign, _ in parts if not (sign and name)]
    if wrong:
        _unreadable(f"--env {wrong[0]}: write NAME=VALUE")
    return {name: value for name, _, value in parts}


def _seconds(written: str) -> int:
    found = re.fullmatch(r"([1-9]\d{0,5})([mhd])", written)
    if found is None:
        _unreadable(f"--time {written}: write a number with m, h or d, such as 90m, 12h or 2d")
    return int(found[1]) * _UNITS[found[2]]


def _unreadable(why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(UNREADABLE)


def _show(job: JobView, *, as_json: bool) -> None:
    if as_json:
        typer.echo(job.model_dump_json())
        return
    typer.echo(_headline(job))
    if job.route is not None:
        _say_why(job.route)


def _headline(job: JobView) -> str:
    under = f"allocation {job.allocation}" if job.allocation else "lent capacity"
    about = f"Job {job.id}{f' ({job.name})' if job.name else ''}: {job.state}"
    how = f", attempt {job.attempt}" if job.attempt > 1 else ""
    code = "" if job.exit_code is None else f", exit code {job.exit_code}"
    place = f"{job.accelerators} accelerators of {job.pool} at {job.cluster}, {under}"
    why = next((f". {words}" for words in (job.refused, job.waits) if words), "")
    return f"{about}{how}{code}; {place}{why}"


def _show_route(route: RouteView, *, as_json: bool) -> None:
    if as_json:
        typer.echo(route.model_dump_json())
    elif route.chosen is None:
        typer.echo("None of the places can run it.")
        _say_why(route)
    else:
        typer.echo(f"It would run in {_place(route.chosen)}.")
        _say_why(route)
    if route.chosen is None:
        raise typer.Exit(FAILED)


def _say_why(route: RouteView) -> None:
    for one in route.places:
        mark = "here" if one == route.chosen else "not"
        at = f" ({one.at.astimezone():%F %R})" if one.at is not None else ""
        typer.echo(f"  {mark} {_place(one)}: {one.why_not or one.reason}{at}")


def _place(one: PlaceView) -> str:
    under = f"allocation {one.allocation}" if one.allocation else "on loan"
    return f"{one.pool} at {one.cluster}, {under}"
