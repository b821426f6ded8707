"""`dure lab`: a real Slurm cluster on this machine, to try things out.

- Exit 0: done. Exit 1: the lab does not come up. Exit 2: no lab there, or packages are missing.
- Everything a lab has lies in its folder, and only its own processes are ended.
"""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import Annotated

import typer

from dure.cli.slurm_lab import Lab, NoLabHere, PackagesMissing, Shape, UnableToStart
from dure.cli.slurm_lab.packages import install as install_packages

PROBLEMS = 1
UNREADABLE = 2
USUAL = Shape()

app = typer.Typer(
    help="A real Slurm on this machine: nodes, accounting, accelerators that compute nothing.",
    no_args_is_help=True,
)

Folder = Annotated[Path, typer.Argument(help="The lab's folder.")]


@app.command()
def up(
    folder: Folder,
    *,
    nodes: Annotated[int, typer.Option(min=1, max=4096)] = USUAL.nodes,
    accelerators: Annotated[int, typer.Option(min=1, max=64, help="Of each node.")] = (
        USUAL.accelerators
    ),
    block_nodes: Annotated[int, typer.Option(min=1, help="Nodes of one fabric block.")] = (
        USUAL.block_nodes
    ),
    requeue_s: Annotated[
        int, typer.Option(min=1, help="Seconds before a requeued job may start; Slurm's own: 120.")
    ] = USUAL.requeue_s,
    sleeping: Annotated[
        bool, typer.Option(help="Nodes power up when a job lands on them: for thousands.")
    ] = False,
    install: Annotated[
        bool, typer.Option("--install", help="Install missing Debian packages, as root.")
    ] = False,
) -> None:
    """Start a lab and wait until its nodes are idle; one that was ended goes on as it was made."""
    shape = Shape(
        nodes=nodes, accelerators=accelerators, block_nodes=block_nodes, requeue_s=requeue_s,
        sleeping=sleeping,
    )  # fmt: skip
    began = time.monotonic()

    def told(what: str) -> None:
        typer.echo(f"{time.monotonic() - began:6.1f} s  {what}", err=True)

    try:
        if install:
            install_packages()
        lab = Lab.of(folder) if (folder / "lab.json").exists() else Lab(folder, shape)
        lab.up(told)
    except PackagesMissing as error:
        typer.echo(f"A lab needs packages; as root: {error}", err=True)
        raise typer.Exit(UNREADABLE) from None
    except UnableToStart as error:
        typer.echo(f"{folder}: {error}", err=True)
        raise typer.Exit(PROBLEMS) from None
    typer.echo(f'eval "$(dure lab env {shlex.quote(str(folder))})"')


@app.command()
def down(
    folder: Folder,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Delete the folder too.")] = False,
) -> None:
    """End every process of the lab at once."""
    lab = _found(folder)
    if remove:
        lab.remove()
    else:
        lab.kill()


@app.command()
def env(folder: Folder) -> None:
    """Print what a shell needs to reach the lab's Slurm: eval "$(dure lab env FOLDER)"."""
    lab = _found(folder)
    for name in ("SLURM_CONF", "MYSQL_UNIX_PORT"):
        typer.echo(f"export {name}={shlex.quote(lab.environment[name])}")


@app.command()
def status(
    folder: Folder,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the state of each node."""
    lab = _found(folder)
    states = lab.states() if lab.is_up else {}
    if as_json:
        typer.echo(json.dumps({"up": lab.is_up, "nodes": states}))
        return
    typer.echo("up" if lab.is_up else "down")
    for node, state in states.items():
        typer.echo(f"{node}\t{state}")


def _found(folder: Path) -> Lab:
    try:
        return Lab.of(folder)
    except NoLabHere as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(UNREADABLE) from None
