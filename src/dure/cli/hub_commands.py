"""`dure hub`: set up, serve and steward the hub from its own machine.

- Exit 0: done. Exit 1: it was tried and did not work. Exit 2: it could not be tried.
- Whoever can run these can read the database: the audit chain names them `console:<login>`.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from dure.hub.people.gate import Steward
    from dure.hub.supply.models import Programme

FAILED: Final = 1
UNUSABLE: Final = 2

app = typer.Typer(help="Set up, serve and steward the hub.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def _hub() -> Iterator[None]:
    """Django ready, and its known errors as one sentence."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dure.hub.settings")
    try:
        import django  # noqa: PLC0415  # an agent's installation has none
    except ModuleNotFoundError:
        _end("The hub is not installed here: pip install 'dure[hub]'.", UNUSABLE)
    django.setup()
    from django.core.exceptions import ObjectDoesNotExist  # noqa: PLC0415
    from django.db import OperationalError, ProgrammingError  # noqa: PLC0415

    try:
        yield
    except ObjectDoesNotExist as error:
        _end(f"{error} Names are those of `dure programme show` and of the portal.", FAILED)
    except (OperationalError, ProgrammingError) as error:
        _end(f"The database is not ready ({error}). Run `dure hub migrate` first.", FAILED)


def _end(sentence: str, code: int) -> None:
    typer.echo(sentence, err=True)
    raise typer.Exit(code)


def _console() -> Steward:
    from dure.hub.people.gate import Steward  # noqa: PLC0415

    return Steward(username=f"console:{getpass.getuser()}")


def _programme() -> Programme:
    from dure.hub.supply.queries import record  # noqa: PLC0415

    found = record()
    if found is None:
        typer.echo("No programme is loaded. Run `dure hub load FILE` first.", err=True)
        raise typer.Exit(FAILED)
    return found


def _print(facts: dict[str, object], *, as_json: bool, sentence: str) -> None:
    typer.echo(json.dumps(facts, ensure_ascii=False, default=str) if as_json else sentence)


@app.command()
def migrate() -> None:
    """Create the database, or bring it up to date. Safe to run again."""
    with _hub():
        from django.core.management import call_command  # noqa: PLC0415

        call_command("migrate", verbosity=0, interactive=False)
    typer.echo("The database is up to date.")


@app.command()
def load(
    file: Annotated[str, typer.Argument(help="A programme file, or the name of a shipped one.")],
    *,
    dry_run: Annotated[
        bool, typer.Option(help="Say what would be loaded; change nothing.")
    ] = False,
) -> None:
    """Load a programme: its supply, calls and standing allocations. Again: an update."""
    from dure.cli.programme_commands import loaded  # noqa: PLC0415

    programme = loaded(file)
    with _hub():
        from dure.hub import clock, programmes  # noqa: PLC0415
        from dure.hub.supply.operations import UnableToLoad  # noqa: PLC0415

        pools = list(programme.pools())
        if not dry_run:
            try:
                programmes.load(programme=programme, by=_console(), now=clock.now())
            except UnableToLoad as error:
                _end(f"Nothing was loaded: {error}.", FAILED)
    verb = "Would load" if dry_run else "Loaded"
    typer.echo(f"{verb} {programme.id}: {len(pools)} pools, {len(programme.calls)} calls.")


@app.command()
def serve(
    *,
    port: Annotated[int, typer.Option(help="TCP port.")] = 8000,
    address: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    workers: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Serve the portal and the API, until interrupted."""
    with _hub():
        from dure.hub.server import serve as serve_hub  # noqa: PLC0415

        typer.echo(f"Serving http://{address}:{port}/ (Ctrl-C ends it)")
        serve_hub(address=address, port=port, workers=workers)


@app.command("create-user")
def create_user(
    username: str,
    *,
    role: Annotated[
        str, typer.Option(help="applicant, reviewer, operator, provider or auditor.")
    ] = "applicant",
    organisation: Annotated[str, typer.Option(help="Name; made when it is new.")] = "",
    sector: Annotated[str, typer.Option(help="Sector of a new organisation.")] = "",
    region: Annotated[str, typer.Option(help="Region of a new organisation.")] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Make an account. Without --password-stdin it asks for a password."""
    with _hub():
        from django.contrib.auth.password_validation import validate_password  # noqa: PLC0415
        from django.core.exceptions import ValidationError  # noqa: PLC0415

        from dure.hub import clock  # noqa: PLC0415
        from dure.hub.people import operations  # noqa: PLC0415
        from dure.hub.people.models import Organisation, Role, User  # noqa: PLC0415

        if role not in Role.values:
            _end(f"There is no role {role}; choose of {', '.join(Role.values)}.", UNUSABLE)
        if User.objects.filter(username=username).exists():
            _end(f"There is an account {username} already.", FAILED)
        password = (
            sys.stdin.readline().rstrip("\n")
            if password_stdin
            else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        )
        try:
            validate_password(password)
        except ValidationError as error:
            _end(" ".join(error.messages), FAILED)
        belongs = Organisation.objects.filter(name=organisation).first()
        if organisation and belongs is None:
            belongs = operations.add_organisation(
                name=organisation, sector=sector, region=region, by=_console(), now=clock.now()
            )
        operations.add_user(
            username=username,
            role=Role(role),
            organisation=belongs,
            password=password,
            by=_console(),
            now=clock.now(),
        )
    typer.echo(f"Made {username} ({role}).")


@app.command("create-token")
def create_token(
    username: str,
    *,
    label: Annotated[str, typer.Option(help="What the token is for.")] = "cli",
) -> None:
    """Make a personal token for the API (`dure round`, scripts). It is shown once."""
    with _hub():
        from dure.hub import clock  # noqa: PLC0415
        from dure.hub.people import operations  # noqa: PLC0415
        from dure.hub.people.models import User  # noqa: PLC0415

        user = User.objects.get(username=username)
        token = operations.issue_token(user=user, label=label, by=_console(), now=clock.now())
    typer.echo(token)


@app.command("create-enrolment")
def create_enrolment(cluster: str) -> None:
    """Make a one-time token for a cluster's agent. It is shown once and lasts a day."""
    with _hub():
        from dure.hub import clock  # noqa: PLC0415
        from dure.hub.supply import operations  # noqa: PLC0415
        from dure.hub.supply.models import Cluster  # noqa: PLC0415

        found = Cluster.objects.get(key=cluster)
        token = operations.issue_enrolment_token(cluster=found, by=_console(), now=clock.now())
    typer.echo(token)


@app.command()
def steward(
    *,
    every_s: Annotated[int, typer.Option("--every-s", min=1, help="Seconds between steps.")] = 60,
    once: Annotated[bool, typer.Option(help="One step, then end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the loop: expiry, reclaim, waitlist, lending. Level-triggered; safe to restart."""
    import time  # noqa: PLC0415

    with _hub():
        from dure.hub import clock  # noqa: PLC0415
        from dure.hub.loop import step  # noqa: PLC0415

        programme = _programme()
        while True:
            done = step(programme=programme, now=clock.now())
            made = {part: decision.number for part, decision in done.made.items()}
            _print(
                {"expired": done.expired, "made": made, "failed": done.failed},
                as_json=as_json,
                sentence=f"expired {done.expired}; plans {made or 'none'}; "
                f"failed {done.failed or 'none'}",
            )
            if once:
                raise typer.Exit(FAILED if done.failed else 0)
            time.sleep(every_s)


@app.command("close-month")
def close_month(
    month: Annotated[str, typer.Argument(help="Year and month, such as 2026-03.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder for the CSV and the workbook.")] = Path(),
    dry_run: Annotated[
        bool, typer.Option(help="Check that it could be closed; close nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Close a month: account for every pool, charge, write CSV and XLSX. Again: the same files."""
    try:
        year, number = (int(part) for part in month.split("-"))
    except ValueError:
        _end(f"{month!r} is not a month; write it as 2026-03.", UNUSABLE)
    with _hub():
        from dure.hub import clock  # noqa: PLC0415
        from dure.hub.portal.reasons import sentence  # noqa: PLC0415
        from dure.hub.reports import files, operations  # noqa: PLC0415

        programme, by, now = _programme(), _console(), clock.now()
        try:
            if dry_run:
                operations.preview_month(
                    programme=programme, year=year, month_number=number, by=by, now=now
                )
                typer.echo(f"{month} can be closed.")
                return
            closed = operations.close_month(
                programme=programme, year=year, month_number=number, by=by, now=now
            )
        except operations.UnableToClose as error:
            _end(
                "The month cannot be closed:\n"
                + "\n".join(f"- {sentence(p)}" for p in error.problems),
                FAILED,
            )
        out.mkdir(parents=True, exist_ok=True)
        written = [out / f"statement-{month}.csv", out / f"statement-{month}.xlsx"]
        written[0].write_bytes(files.csv_bytes(closed))
        written[1].write_bytes(files.xlsx_bytes(closed))
    _print(
        {"month": month, "sha256": closed.sha256, "files": [str(path) for path in written]},
        as_json=as_json,
        sentence=f"Closed {month}: {written[0]}, {written[1]}",
    )


@app.command()
def verify(*, as_json: AsJson = False) -> None:
    """Follow the audit chain from its first event to its last."""
    with _hub():
        from dure.hub.audit.queries import verify as verify_chain  # noqa: PLC0415

        report = verify_chain()
    _print(
        {"holds": report.intact, "events": report.length, "broken_at": report.broken_at},
        as_json=as_json,
        sentence=f"The chain of {report.length} events holds."
        if report.intact
        else f"The chain breaks at event {report.broken_at}: {report.problem}.",
    )
    if not report.intact:
        raise typer.Exit(FAILED)


@app.command()
def openapi() -> None:
    """Print the API's OpenAPI document."""
    with _hub():
        from dure.hub.api import api  # noqa: PLC0415

        typer.echo(
            json.dumps(api.get_openapi_schema(), indent=2, ensure_ascii=False, sort_keys=True)
        )
