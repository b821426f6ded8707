"""How a play's progress is told on stderr: a bar for a person, a JSON line for a program.

- A bar is drawn only on a terminal.
- A program gets a line a second at most, and the last day always; where nobody reads them any more
  the next line ends the play.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from dure.protocol.study import PlayProgress

Progressing = Literal["bar", "json"]
Told = Callable[[str, int, int], None]
"""policy, seed, days played so far of this play"""

EVERY_S: Final = 1.0
"""As often as somebody who waits looks (our choice)."""


@contextmanager
def told_as(how: Progressing, days: int) -> Iterator[Told]:
    """What a play calls after each of its days; `days` are those of all plays."""
    if how == "json":
        yield _lines(days)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("playing", total=days)

        def advance(policy: str, seed: int, _days: int) -> None:
            progress.update(task, advance=1, description=f"{policy}, seed {seed}")

        yield advance


def _lines(days: int) -> Told:
    played, said_at = 0, float("-inf")

    def line(policy: str, seed: int, _days: int) -> None:
        nonlocal played, said_at
        played += 1
        now = time.monotonic()
        if now - said_at < EVERY_S and played < days:
            return
        said_at = now
        said = PlayProgress(played=min(played, days), of=days, policy=policy, seed=seed)
        print(said.model_dump_json(), file=sys.stderr, flush=True)  # noqa: T201  # for a program

    return line
