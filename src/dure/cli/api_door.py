"""How a command reaches a hub through its API: with an address and a personal token.

- Exit 1: the hub refused or is away. Exit 2: address or token are missing.
- The hub's sentences come in the language of the terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import httpx
import typer
from rich.console import Console

from dure.cli.terminal import language
from dure.client import ClientError, HubClient, Refused

FAILED: Final = 1

UNBROKEN: Final = 160
"""Columns where there is no terminal: wide enough that the lines of a file or a pipe stay whole."""

Hub = Annotated[str, typer.Option("--hub", envvar="DURE_HUB", help="The hub's address.")]
Token = Annotated[
    str,
    typer.Option(
        "--token",
        envvar="DURE_TOKEN",
        help="A personal token (`dure hub create-token`); better given by DURE_TOKEN.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def connected(hub: str, token: str) -> HubClient:
    """The hub's API, its sentences in the terminal's language."""
    return HubClient(hub, token, language=language(None, os.environ))


@contextmanager
def asking(asked: str = "") -> Iterator[None]:
    """Ends the command with what went wrong; what is not there is called as it was `asked` for."""
    try:
        yield
    except ClientError as error:
        absent = isinstance(error, Refused) and error.status == httpx.codes.NOT_FOUND and asked
        typer.echo(f"There is no {asked} for you." if absent else str(error), err=True)
        raise typer.Exit(FAILED) from None


def wide_console() -> Console:
    """Where tables of many columns go."""
    return Console(width=None if sys.stdout.isatty() else UNBROKEN)
