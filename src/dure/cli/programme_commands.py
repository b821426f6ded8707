"""`dure programme`: check a programme file, list and show the shipped ones.

- Exit 0: the file is a programme. Exit 1: it has problems, each with file, line and field.
  Exit 2: it could not be read at all.
- Names are shown in the reader's language; the rest of the command speaks English.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.console import Console

from dure.cli.programme_library import (
    ProgrammeNotFoundError,
    load_programme,
    shipped_programmes,
)
from dure.cli.programme_tables import (
    form_table,
    list_table,
    print_summary,
    rules_table,
    summary,
)
from dure.cli.terminal import Language, language
from dure.vocabulary.programme import Programme
from dure.vocabulary.programme_file import Problem, ProgrammeFileError

PROBLEMS: Final = 1
UNREADABLE: Final = 2

app = typer.Typer(
    help="Check programme files; list and show the shipped ones.", no_args_is_help=True
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Lang = Annotated[
    str | None,
    typer.Option("--lang", help="Language of the names: ko or en.", show_default="from LANG"),
]


@app.command()
def check(
    file: Annotated[str, typer.Argument(help="A programme file, or the name of a shipped one.")],
    *,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Check a programme file: say all that is wrong with it, or what it declares."""
    programme = loaded(file, as_json=as_json)
    if as_json:
        _print_json({"ok": True, "file": file, "programme": summary(programme)})
        return
    print_summary(Console(), programme, _spoken(lang))
    typer.echo(f"ok: {file} is a valid programme file")


@app.command(name="list")
def list_shipped(*, as_json: AsJson = False, lang: Lang = None) -> None:
    """List the programmes that come with Dure."""
    programmes = {name: loaded(name, as_json=as_json) for name in shipped_programmes()}
    if as_json:
        _print_json([{"file": name, **summary(p)} for name, p in programmes.items()])
        return
    spoken = _spoken(lang)
    Console().print(list_table(programmes, spoken))


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The name of a shipped programme, or a file.")],
    *,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Show a programme: its supply, calls, tracks, form, rules and sources."""
    programme = loaded(name, as_json=as_json)
    if as_json:
        _print_json(programme.model_dump(mode="json", by_alias=True))
        return
    console, spoken = Console(), _spoken(lang)
    print_summary(console, programme, spoken)
    console.print(form_table(programme, spoken), rules_table(programme, spoken))
    for source in programme.sources:
        typer.echo(f"source: {source}")


def _spoken(asked: str | None) -> Language:
    return language(asked, os.environ)


def loaded(name: str, *, as_json: bool = False) -> Programme:
    """The programme of a file or shipped name; otherwise says what is wrong and ends."""
    try:
        return load_programme(name)
    except ProgrammeFileError as error:
        _print_problems(error.problems, as_json=as_json)
        raise typer.Exit(PROBLEMS) from error
    except ProgrammeNotFoundError as error:
        message = str(error)
    except UnicodeDecodeError:
        message = f"{name}: this is not text in UTF-8"
    except OSError as error:
        message = f"{name}: {error.strerror}"
    if as_json:
        _print_json({"ok": False, "file": name, "error": message, "problems": []})
    else:
        typer.echo(message, err=True)
    raise typer.Exit(UNREADABLE)


def _print_problems(problems: tuple[Problem, ...], *, as_json: bool) -> None:
    if as_json:
        listed = [asdict(problem) for problem in problems]
        _print_json({"ok": False, "file": problems[0].file, "problems": listed})
        return
    for problem in problems:
        typer.echo(str(problem), err=True)
        if problem.hint:
            typer.echo(f"    {problem.hint}", err=True)
    typer.echo(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}", err=True)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))
