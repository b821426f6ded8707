"""What a round gave, as allocations to play: the JSON of `dure round show CALL --json`.

- An award has the servers that it has in the plan, on its pool, for its days; the part before the
  play's first day is over, and who starts after its last day is left out and said.
- Where the plan has no days, months count from the first day of the play.
- Who waits is in the file without what it asked for, so it is left out and said.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import ValidationError

from dure.twin.notes import Note
from dure.twin.project import DAY_S, MONTH_S, Project
from dure.twin.scenario import SitePool
from dure.twin.scenario_file import ScenarioFileError, field
from dure.vocabulary.marking import gettext_noop as _
from dure.vocabulary.programme_file import Problem
from dure.vocabulary.programme_sentences import sentence
from dure.vocabulary.yaml_document import Path as Place
from dure.vocabulary.yaml_document import read as read_yaml

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from dure.client.models import OutcomeView, RoundView

Wrong = tuple[Place, str, str | None]
"""Where, what, and what to do."""

_GIVEN: Final = frozenset({"awarded", "reduced"})


class RoundFileError(ScenarioFileError):
    """The file is not what the command prints, or does not fit the scenario's supply."""


class Given(NamedTuple):
    """Projects that are there from the beginning, and what was left out."""

    projects: tuple[Project, ...]
    notes: tuple[Note, ...]


def read(path: Path, *, pools: Sequence[SitePool], start: datetime, days: int) -> Given:
    """The awards of the round in this file. Raises RoundFileError."""
    text = _text(path)
    view = _view(text, str(path))
    places = {pool.id: index for index, pool in enumerate(pools)}
    wrong = list(_misfits(view, places))
    if wrong:
        raise RoundFileError(_located(wrong, text, str(path)))
    every = [_project(one, places, start) for one in view.outcomes if one.outcome in _GIVEN]
    played = [one for one in every if one.from_s < days * DAY_S and one.until_s > 0]
    return Given(tuple(played), tuple(_left_out(view, len(every) - len(played))))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
    except UnicodeDecodeError:
        message = "this is not text in UTF-8"
    raise RoundFileError((Problem(str(path), 1, 1, "", message),))


def _view(text: str, file: str) -> RoundView:
    from dure.client.models import RoundView  # noqa: PLC0415  # other plays do without the client

    try:
        return RoundView.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        message = f"this is not JSON: {error.msg}"
        hint = "write what `dure round show CALL --json` prints"
        raise RoundFileError(
            (Problem(file, error.lineno, error.colno, "", message, hint),)
        ) from None
    except ValidationError as error:
        found = [(tuple(one["loc"]), *_sentence(one)) for one in error.errors(include_url=False)]
        raise RoundFileError(_located(found, text, file)) from None


def _sentence(error: ErrorDetails) -> tuple[str, str | None]:
    if error["type"] == "missing":
        return f"'{error['loc'][-1]}' is missing", None
    return sentence(error)


def _misfits(view: RoundView, places: Mapping[str, int]) -> Iterator[Wrong]:
    known = ", ".join(sorted(places))
    for index, one in enumerate(view.outcomes):
        if one.outcome not in _GIVEN:
            continue
        where = ("outcomes", index)
        if one.pool not in places:
            yield (*where, "pool"), f"there is no pool {one.pool!r} in the supply ({known})", None
        if one.servers < 1:
            yield (*where, "servers"), "an award has at least one server", None
        if one.months < 1 and (one.starts is None or one.ends is None):
            yield (*where, "months"), "an award has months, or the days it starts and ends", None


def _project(one: OutcomeView, places: Mapping[str, int], start: datetime) -> Project:
    from_s, until_s = _period(one, start)
    months = max(1, -(-(until_s - from_s) // MONTH_S))
    return Project(
        key=one.application, pool=places[one.pool or ""], servers=one.servers, asked=one.servers,
        minimum=one.servers, months=months, from_s=max(0, from_s), until_s=until_s,
    )  # fmt: skip


def _period(one: OutcomeView, start: datetime) -> tuple[int, int]:
    """From the first day to the day after the last, in seconds of the play."""
    if one.starts is None or one.ends is None:
        first = (one.start or 0) * MONTH_S
        return first, first + one.months * MONTH_S
    return _day(one.starts, start) * DAY_S, _day(one.ends, start) * DAY_S


def _day(instant: datetime, start: datetime) -> int:
    return (instant.astimezone(start.tzinfo).date() - start.date()).days


def _left_out(view: RoundView, outside: int) -> Iterator[Note]:
    waiting = sum(one.outcome == "waitlisted" for one in view.outcomes)
    if waiting:
        yield Note(
            _(
                "{count} applications of the round that wait are not played: its file does not say"
                " what they asked for. Write them under 'waiting'."
            ),
            (("count", waiting),),
        )
    if outside:
        yield Note(
            _("{count} awards of the round are for days outside the play; they are left out."),
            (("count", outside),),
        )


def _located(found: Iterable[Wrong], text: str, file: str) -> tuple[Problem, ...]:
    """JSON is read again as YAML, which says where each part stands."""
    document = read_yaml(text)
    problems = []
    for path, message, hint in found:
        place = document.place(path)
        problems.append(Problem(file, place.line, place.column, field(path), message, hint))
    return tuple(sorted(problems, key=lambda p: (p.line, p.column, p.field)))
