"""What the commands of `dure agent` share: their options, their words, their errors.

- Exit 0: done. Exit 1: it was tried and did not work (refused, away, a problem found).
  Exit 2: it could not be tried (not enrolled, no site description, options that do not fit).
- Errors are one sentence with what to do, on stderr; no traceback, never a token.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, NoReturn

import structlog
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from dure.agent import jobs_socket
from dure.agent.spool import SpoolError
from dure.agent.state import Home, StateError
from dure.backends.contract import ChangeRefused, UnableToApplyNow
from dure.backends.exclusive import StateDirectoryInUse
from dure.client import ClientError, SiteClient
from dure.vocabulary.plans import Reason
from dure.vocabulary.reasons import CATALOGUE

FAILED: Final = 1
UNUSABLE: Final = 2

State = Annotated[
    Path,
    typer.Option("--state", envvar="DURE_AGENT_STATE", help="The agent's state folder."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ClockOffset = Annotated[
    int,
    typer.Option(
        help="For rehearsals: live this many seconds in the future (or past, if negative). "
        "Use it from the first run of a state folder on, or not at all."
    ),
]


def connect(home: Home) -> SiteClient:
    """The hub, as the bearer of the site's credential."""
    return SiteClient(home.hub, home.credential.token.get_secret_value())


def clock(offset_s: int) -> Callable[[], datetime]:
    """The time, moved by an offset."""
    offset = timedelta(seconds=offset_s)
    return lambda: datetime.now(UTC) + offset


@contextmanager
def errors_said() -> Iterator[None]:
    """The errors we know become a sentence and an exit code."""
    try:
        yield
    except (StateError, StateDirectoryInUse) as error:
        stop(str(error), UNUSABLE)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        stop(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", UNUSABLE)
    except (ClientError, SpoolError, jobs_socket.NoAgent, jobs_socket.JobNotTaken) as error:
        stop(str(error), FAILED)
    except (UnableToApplyNow, ChangeRefused) as error:
        stop(str(error), FAILED)


def stop(message: str, code: int) -> NoReturn:
    """Ends the command with a sentence."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


def sentence(reason: Reason) -> str:
    """A reason in English: an agent's terminal speaks as Slurm's own commands do."""
    template = CATALOGUE.get(reason.code)
    return reason.code if template is None else template.format_map(reason.params)


def print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_pairs(title: str, pairs: dict[str, object]) -> None:
    table = Table(title=title, show_header=False, title_justify="left")
    for name, value in pairs.items():
        table.add_row(name.replace("_", " "), _plain(value))
    Console().print(table)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(map(_plain, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plain(one)}" for name, one in value.items())
    return "" if value is None else str(value)


def log_to_stderr() -> None:
    """A line per event: for people on a terminal, JSON elsewhere. Tracebacks show no variables."""
    renderers: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if sys.stderr.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
