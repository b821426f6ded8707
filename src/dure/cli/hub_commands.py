"""`dure hub`: set up, serve and steward the hub from its own machine."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

import dure.cli.people_commands
from dure.cli.hub_door import (
    FAILED,
    UNUSABLE,
    AsJson,
    console,
    end,
    loaded_programme,
    missing,
    opened,
    say,
)

app = typer.Typer(help="Set up, serve and steward the hub.", no_args_is_help=True)
app.add_typer(dure.cli.people_commands.app)


@app.command()
def migrate(*, as_json: AsJson = False) -> None:
    """Create the database, or bring it up to date. Safe to run again."""
    with opened():
        from django.core.management import call_command  # noqa: PLC0415

        call_command("migrate", verbosity=0, interactive=False)
    say({"up_to_date": True}, as_json=as_json, sentence="The database is up to date.")


@app.command()
def load(
    file: Annotated[str, typer.Argument(help="A programme file, or the name of a shipped one.")],
    *,
    dry_run: Annotated[
        bool, typer.Option(help="Say what would be loaded; change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Load a programme: its supply, calls and standing allocations. Again: an update."""
    from dure.cli.programme_commands import loaded  # noqa: PLC0415

    programme = loaded(file)
    with opened():
        from dure.hub import clock, programmes  # noqa: PLC0415
        from dure.hub.supply.operations import UnableToLoad  # noqa: PLC0415

        pools = list(programme.pools())
        if not dry_run:
            try:
                programmes.load(programme=programme, by=console(), now=clock.now())
            except UnableToLoad as error:
                end(f"Nothing was loaded: {error}.", FAILED)
    verb = "Would load" if dry_run else "Loaded"
    pool_count, calls = len(pools), [call.id for call in programme.calls]
    say(
        {"programme": programme.id, "loaded": not dry_run, "pools": pool_count, "calls": calls},
        as_json=as_json,
        sentence=f"{verb} {programme.id}; pools: {pool_count}, calls: {', '.join(calls) or 'none'}",
    )


@app.command()
def serve(
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="TCP port.")] = 8000,
    address: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    workers: Annotated[int, typer.Option(min=1)] = 1,
    studies: Annotated[
        bool, typer.Option(help="Play what-if studies here too, where the twin is installed.")
    ] = True,
) -> None:
    """Serve the portal and the API, until interrupted."""
    with opened():
        from dure.hub import server  # noqa: PLC0415

        server.check_free(address=address, port=port)
        try:
            server.check_migrated()
        except server.DatabaseBehind as error:
            end(f"The database is not ready ({error}). Run `dure hub migrate` first.", FAILED)
        typer.echo(f"Serving http://{address}:{port}/ (Ctrl-C ends it)")
        server.serve(address=address, port=port, workers=workers, studies=studies)


@app.command("create-enrolment")
def create_enrolment(cluster: str, *, as_json: AsJson = False) -> None:
    """Make a one-time token for a cluster's agent. It is shown once and lasts a day."""
    with opened():
        from dure.hub import clock  # noqa: PLC0415
        from dure.hub.supply import operations  # noqa: PLC0415
        from dure.hub.supply.models import Cluster  # noqa: PLC0415

        clusters = Cluster.objects.order_by("key")
        found = clusters.filter(key=cluster).first()
        if found is None:
            missing(f"There is no cluster {cluster}", clusters.values_list("key", flat=True))
        token = operations.issue_enrolment_token(cluster=found, by=console(), now=clock.now())
    say({"cluster": cluster, "token": token}, as_json=as_json, sentence=token)


@app.command()
def steward(
    *,
    every_s: Annotated[int, typer.Option("--every-s", min=1, help="Seconds between steps.")] = 60,
    once: Annotated[bool, typer.Option(help="One step, then end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the loop: expiry, reclaim, waitlist, lending. Level-triggered; safe to restart."""
    import time  # noqa: PLC0415

    with opened():
        from dure.hub import clock  # noqa: PLC0415
        from dure.hub.loop import step  # noqa: PLC0415

        programme = loaded_programme()
        while True:
            done = step(programme=programme, now=clock.now())
            made = {part: decision.number for part, decision in done.made.items()}
            say(
                {"expired": done.expired, "made": made, "failed": done.failed},
                as_json=as_json,
                sentence=f"expired {done.expired}; plans {made or 'none'}; "
                f"failed {done.failed or 'none'}",
            )
            if once:
                raise typer.Exit(FAILED if done.failed else 0)
            time.sleep(every_s)


@app.command("study-worker")
def study_worker(
    *,
    once: Annotated[bool, typer.Option(help="Play what is queued, then end.")] = False,
    parent: Annotated[
        int | None, typer.Option(help="End when this process is gone.", hidden=True)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Play the what-if studies that are asked in the portal, one at a time. Safe to kill."""
    with opened():
        from dure.hub.studies import installed, worker  # noqa: PLC0415

        if installed.missing():
            named = ", ".join(installed.missing())
            end(f"The twin needs {named}: {installed.COMMAND}.", UNUSABLE)
        played = worker.work(once=once, parent=parent)
    say({"played": played}, as_json=as_json, sentence=f"Studies played: {played}")


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
    """Close a month: account for every pool, charge, write CSV and XLSX. Again: the same."""
    try:
        asked = date.fromisoformat(f"{month}-01")
    except ValueError:
        end(f"{month!r} is not a month; write it as 2026-03.", UNUSABLE)
    year, number = asked.year, asked.month
    with opened():
        from dure.hub import clock  # noqa: PLC0415
        from dure.hub.portal.reasons import sentence  # noqa: PLC0415
        from dure.hub.reports import files, operations  # noqa: PLC0415

        programme, by, now = loaded_programme(), console(), clock.now()
        try:
            if dry_run:
                operations.preview_month(
                    programme=programme, year=year, month_number=number, by=by, now=now
                )
                before = programme.months.filter(year=year, month=number).exists()
                typer.echo(f"{month} {'is closed already' if before else 'can be closed'}.")
                return
            closed = operations.close_month(
                programme=programme, year=year, month_number=number, by=by, now=now
            )
        except operations.UnableToClose as error:
            end(
                "The month cannot be closed:\n"
                + "\n".join(f"- {sentence(p)}" for p in error.problems),
                FAILED,
            )
        out.mkdir(parents=True, exist_ok=True)
        written = [out / f"statement-{month}.csv", out / f"statement-{month}.xlsx"]
        written[0].write_bytes(files.csv_bytes(closed))
        written[1].write_bytes(files.xlsx_bytes(closed))
    say(
        {"month": month, "sha256": closed.sha256, "files": [str(path) for path in written]},
        as_json=as_json,
        sentence=f"Closed {month}: {written[0]}, {written[1]}",
    )


@app.command()
def verify(*, as_json: AsJson = False) -> None:
    """Follow the audit chain from its first event to its last."""
    with opened():
        from dure.hub.audit.queries import verify as verify_chain  # noqa: PLC0415

        report = verify_chain()
    say(
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
    with opened():
        from dure.hub.api import api  # noqa: PLC0415

        typer.echo(
            json.dumps(api.get_openapi_schema(), indent=2, ensure_ascii=False, sort_keys=True)
        )
