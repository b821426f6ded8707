"""The demo: set up a folder of its own, run the stages, print what came of them.

- Everything stands in one folder (`.demo`); it is made anew each time, and only a folder that the
  demo itself made is ever removed.
- Whatever a killed demo left running ends by itself: its server and agent die with it, its jobs
  are a few seconds long. A Slurm that it left is ended by the next one in its folder.
- Exit 0: every stage ran and every check holds. Exit 1: one does not. Exit 2: it could not start.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import structlog
import typer
from rich.console import Console

from dure.cli.slurm_lab import Lab, NoLabHere, PackagesMissing, UnableToStart

MARKER: Final = ".dure-demo"
LAB: Final = "slurm"
PASSWORD: Final = "dure-demo-2026"  # noqa: S105  # printed for all to see; loopback only
OK, FAILED, UNUSABLE = 0, 1, 2

RARELY: Final = 50_000
"""Objects made between two searches for garbage: at Python's own 700 they took 7 of 79 s of CPU."""

INTERRUPTED: Final = 130


class FolderInUse(Exception):
    """The folder holds something that the demo did not make."""


def prepare(home: Path) -> None:
    """An empty folder that is marked as the demo's. Raises FolderInUse."""
    if home.exists():
        if not (home / MARKER).exists() and any(home.iterdir()):
            raise FolderInUse(
                f"{home} holds something else than a demo; name another folder with --home"
            )
        end_slurm(home)
        shutil.rmtree(home)
    home.mkdir(parents=True, mode=0o700)
    (home / MARKER).touch()


def end_slurm(home: Path) -> None:
    """Ends what a demo in this folder left of Slurm, also one that was killed."""
    with suppress(NoLabHere):
        Lab.of(home / LAB).kill()


def settle_environment(home: Path) -> None:
    """The demo's own embedded database, whatever the installation around it uses."""
    os.environ["DURE_HOME"] = str(home)
    os.environ["DURE_INSECURE_COOKIES"] = "1"
    os.environ["DJANGO_SETTINGS_MODULE"] = "dure.hub.settings"
    for name in ("DURE_DATABASE_URL", "DURE_SECRET_KEY_FILE", "DURE_CLOCK_OFFSET_S"):
        os.environ.pop(name, None)


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """The agents' and the loop's lines go to a file; the screen shows the progress."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        structlog.configure(logger_factory=structlog.WriteLoggerFactory(file))
        yield
    structlog.reset_defaults()


def run(*, home: str, as_json: bool, slurm: bool) -> int:
    """Runs the whole demo, on this machine with its own engine or Slurm; returns the exit code."""
    folder = Path(home).resolve()
    try:
        prepare(folder)
    except FolderInUse as error:
        typer.echo(str(error), err=True)
        return UNUSABLE
    settle_environment(folder)
    import django  # noqa: PLC0415  # after the environment that its settings read

    django.setup()
    gc.set_threshold(RARELY)
    from dure.cli.demo import summary  # noqa: PLC0415  # needs Django ready
    from dure.cli.demo.local_site import DemoStuck  # noqa: PLC0415
    from dure.cli.demo.play import play  # noqa: PLC0415
    from dure.cli.demo.site_engines import OwnEngine, RealSlurm  # noqa: PLC0415
    from dure.cli.demo.site_stages import SitesFailed  # noqa: PLC0415

    console = Console(stderr=as_json)
    try:
        engine = RealSlurm(folder / LAB) if slurm else OwnEngine()
    except PackagesMissing as error:
        typer.echo(f"A real Slurm needs packages; as root: {error}", err=True)
        return UNUSABLE
    started = time.monotonic()
    try:
        with log_to(folder / "out" / "demo.log"):
            outcome = play(home=folder, console=console, password=PASSWORD, engine=engine)
    except KeyboardInterrupt:
        typer.echo("Stopped. `dure demo` starts again from the beginning.", err=True)
        return INTERRUPTED
    except (DemoStuck, SitesFailed, UnableToStart) as error:
        typer.echo(f"The demo stopped: {error}. Logs stand in {folder / 'out'}.", err=True)
        return FAILED
    finally:
        end_slurm(folder)
    report = summary.document(outcome, seconds=time.monotonic() - started)
    (folder / "out" / "summary.json").write_text(
        json.dumps(report, ensure_ascii=False, indent=2), encoding="utf-8"
    )
    if as_json:
        sys.stdout.write(json.dumps(report, ensure_ascii=False) + "\n")
    else:
        summary.print_tables(console, outcome, report)
    return OK if report["ok"] else FAILED


def serve_portal(*, home: str, port: int) -> int:
    """Serves what the demo left, at the date at which it ended, until interrupted."""
    folder = Path(home).resolve()
    kept = folder / "out" / "summary.json"
    if not kept.exists():
        typer.echo(f"{folder} holds no finished demo; run `dure demo` first.", err=True)
        return UNUSABLE
    settle_environment(folder)
    report = json.loads(kept.read_text(encoding="utf-8"))
    os.environ["DURE_CLOCK_OFFSET_S"] = str(report["clock_offset_s"])
    console = Console()
    console.print(f"\n[bold]Portal:[/bold] http://127.0.0.1:{port}/   (Ctrl-C ends it)")
    for role, username in report["accounts"].items():
        console.print(f"  {role:10} {username:14} password {PASSWORD}")
    from dure.hub.server import serve  # noqa: PLC0415  # needs the environment above

    serve(address="127.0.0.1", port=port)
    return OK
