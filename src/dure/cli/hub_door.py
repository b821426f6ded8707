"""How a command reaches the hub of this machine.

- Exit 0: done. Exit 1: it was tried and did not work. Exit 2: it could not be tried.
- Whoever can run these can read the database: the audit chain names them `console:<login>`.
- The hub's sentences come in the language of the terminal; in English unless that is Korean.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from dure.cli.terminal import language

if TYPE_CHECKING:
    from dure.hub.people.gate import Steward
    from dure.hub.people.models import User
    from dure.hub.supply.models import Programme

FAILED: Final = 1
UNUSABLE: Final = 2

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def opened() -> Iterator[None]:
    """Django ready, speaking the terminal's language, and its known errors as one sentence."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dure.hub.settings")
    try:
        import django  # noqa: PLC0415  # an agent's installation has none
    except ModuleNotFoundError:
        end("The hub is not installed here: pip install 'dure[hub]'.", UNUSABLE)
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
    from django.db import DatabaseError, DataError, IntegrityError  # noqa: PLC0415
    from django.utils import translation  # noqa: PLC0415

    try:
        django.setup()
        with translation.override(language(None, os.environ)):
            yield
    except ImproperlyConfigured as error:
        end(str(error), UNUSABLE)
    except (DataError, IntegrityError):
        raise  # a fault of ours
    except DatabaseError as error:
        end(f"The database is not ready ({error}). Run `dure hub migrate` first.", FAILED)


def end(sentence: str, code: int) -> NoReturn:
    """Says why on stderr and ends the command."""
    typer.echo(sentence, err=True)
    raise typer.Exit(code)


def missing(sentence: str, known: Iterable[str]) -> NoReturn:
    """Ends the command: what was named is not there; these are."""
    names = ", ".join(known)
    end(f"{sentence}; there are: {names}." if names else f"{sentence}.", FAILED)


def console() -> Steward:
    """Who types, as the audit chain names them."""
    from dure.hub.people.gate import Steward  # noqa: PLC0415

    return Steward(username=f"console:{getpass.getuser()}")


def loaded_programme() -> Programme:
    """The programme of this hub; ends the command where none is loaded."""
    from dure.hub.supply.queries import record  # noqa: PLC0415

    return record() or end("No programme is loaded. Run `dure hub load FILE` first.", FAILED)


def account(username: str) -> User:
    """The account of that name; ends the command where there is none."""
    from dure.hub.people.models import User  # noqa: PLC0415

    found = User.objects.select_related("organisation").filter(username=username).first()
    return found or end(f"There is no account {username}.", FAILED)


def say(facts: dict[str, object], *, as_json: bool, sentence: str) -> None:
    """The result, for a program or for a person."""
    typer.echo(json.dumps(facts, ensure_ascii=False, default=str) if as_json else sentence)
