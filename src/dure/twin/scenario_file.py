"""A scenario file's text as a Scenario, or everything that is wrong with it: file, line, field."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dure.twin.scenario import Scenario
from dure.vocabulary.programme_file import Problem
from dure.vocabulary.programme_sentences import SENTENCES
from dure.vocabulary.yaml_document import Document, read
from dure.vocabulary.yaml_document import Path as Place

SHIPPED: Final = Path(__file__).parent / "scenarios"


class ScenarioFileError(ValueError):
    """The file is not a scenario. `problems` are in the order of its lines."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class ScenarioNotFoundError(FileNotFoundError):
    """Neither a file nor the name of a shipped scenario."""


def load_scenario(name_or_path: str) -> tuple[Scenario, Path]:
    """The scenario of a path or a shipped name, and the folder its files are relative to.

    Raises ScenarioFileError, ScenarioNotFoundError, OSError, UnicodeDecodeError.
    """
    path = Path(name_or_path)
    if not path.exists():
        shipped = {one.stem: one for one in sorted(SHIPPED.glob("*.yaml"))}
        if name_or_path not in shipped:
            names = ", ".join(shipped)
            msg = f"{name_or_path}: no such file, and no shipped scenario of this name ({names})"
            raise ScenarioNotFoundError(msg)
        path = shipped[name_or_path]
    return parse_scenario(path.read_text(encoding="utf-8"), file=str(path)), path.parent


def parse_scenario(text: str, *, file: str) -> Scenario:
    """The scenario that `text` declares; `file` is only named. Raises ScenarioFileError."""
    document = read(text)
    found = [
        Problem(file, c.place.line, c.place.column, field(c.path), c.message, c.hint)
        for c in document.complaints
    ]
    if not found:
        try:
            return Scenario.model_validate(document.data)
        except ValidationError as error:
            found += _translated(error.errors(include_url=False), document, file)
    raise ScenarioFileError(tuple(sorted(set(found), key=lambda p: (p.line, p.column, p.field))))


def field(path: Place) -> str:
    """A field's name as people write it: supply.pools[0].nodes."""
    words = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(words).removeprefix(".")


def _translated(errors: list[ErrorDetails], document: Document, file: str) -> Iterator[Problem]:
    for error in errors:
        path = _written(error["loc"], document.data)
        if error["type"] == "missing":
            path = (*path, str(error["loc"][-1]))
        place = document.place(path)
        message, hint = _sentence(error)
        yield Problem(file, place.line, place.column, field(path), message, hint)


def _written(loc: tuple[str | int, ...], data: Any) -> Place:
    """pydantic's location without the names of union members, as far as the file has it."""
    path: Place = ()
    for step in loc:
        inside = (isinstance(data, dict) and step in data) or (
            isinstance(data, list) and isinstance(step, int) and step < len(data)
        )
        if inside:
            path, data = (*path, step), data[step]
    return path


def _sentence(error: ErrorDetails) -> tuple[str, str | None]:
    if error["type"] == "missing":
        return f"'{error['loc'][-1]}' is missing", None
    if error["type"] == "extra_forbidden":
        name = str(error["loc"][-1])
        near = get_close_matches(name, _names(), n=1)
        return f"there is no field '{name}' here", f"did you mean '{near[0]}'?" if near else None
    if error["type"] == "literal_error":
        return f"{error['input']!r} is not known; write one of {error['ctx']['expected']}", None
    if error["type"] in SENTENCES:
        return SENTENCES[error["type"]].format(**error.get("ctx", {})), None
    return error["msg"].removeprefix("Value error, "), None


def _names() -> list[str]:
    """Every field name that a scenario may hold."""
    schema = Scenario.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return sorted({name for part in parts for name in part.get("properties", {})})
