"""A programme file's text as a Programme, or everything that is wrong with it.

- Every problem names file, line, column and field, and says in a sentence what to write.
- All problems at once: the text's, the fields', and the names that lead nowhere.
- One cause, one problem: a misspelt field is not also a missing one, and a section that cannot be
  read does not make every reference into it look broken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dure.vocabulary.programme.model import Programme
from dure.vocabulary.programme.references import ReferencesError, broken_references
from dure.vocabulary.programme_sentences import kinds, known_fields, sentence, suggestion
from dure.vocabulary.yaml_document import Document, Path, Place, read


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """One thing to mend. Ordered as a reader goes through the file."""

    file: str
    line: int
    column: int
    field: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        field = f" {self.field}:" if self.field else ""
        return f"{self.file}:{self.line}:{field} {self.message}"


class ProgrammeFileError(ValueError):
    """The file is not a programme. `problems` are in the order of its lines."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


def parse_programme(text: str, *, file: str) -> Programme:
    """The programme that `text` declares; `file` is only named in the problems.

    Raises ProgrammeFileError with every problem of the text.
    """
    document = read(text)
    found = [_Found(c.path, c.place, c.message, c.hint) for c in document.complaints]
    programme = None
    if document.data is not None:
        try:
            programme = Programme.model_validate(document.data)
        except ValidationError as error:
            found += _translated(error.errors(include_url=False), document)
    if programme is None or found:
        raise ProgrammeFileError(_told(found, file))
    return programme


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    place: Place
    message: str
    hint: str | None = None


def _told(found: Iterable[_Found], file: str) -> tuple[Problem, ...]:
    """In the file's order, one for each part: the first says what to do, the rest would repeat."""
    first: dict[Path, _Found] = {}
    for item in found:
        first.setdefault(item.path, item)
    return tuple(
        sorted(
            (
                Problem(file, f.place.line, f.place.column, _field(f.path), f.message, f.hint)
                for f in first.values()
            ),
            key=lambda p: (p.line, p.column, p.field),
        )
    )


def _field(path: Path) -> str:
    """`calls[0].opens`."""
    words = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(words).removeprefix(".")


def _translated(errors: list[ErrorDetails], document: Document) -> Iterator[_Found]:
    unknown = [e for e in errors if e["type"] == "extra_forbidden"]
    missing = [e for e in errors if e["type"] == "missing"]
    meant: set[Path] = set()
    for error in unknown:
        found, instead = _unknown(error, document)
        meant.add((*found.path[:-1], instead or ""))
        yield found
    for error in missing:
        path = (*_written(error, document), error["loc"][-1])
        if path not in meant:
            yield _Found(path, document.place(path[:-1]), f"'{path[-1]}' is missing")
    for error in errors:
        if error["type"] not in {"extra_forbidden", "missing"} and not _follows(error):
            yield from _other(error, document)
    unread = {str(e["loc"][0]) for e in errors if e["loc"]}
    unread |= {str(c.path[0]) for c in document.complaints if c.path}
    for path, message in broken_references(document.data, unread):
        yield _Found(path, document.place(path), message)


def _follows(error: ErrorDetails) -> bool:
    """A list that is too short only because pydantic does not count its broken entries."""
    written = error["input"]
    return (
        error["type"] == "too_short"
        and isinstance(written, list)
        and len(written) >= error["ctx"]["min_length"]
    )


def _unknown(error: ErrorDetails, document: Document) -> tuple[_Found, str | None]:
    path = _written(error, document)
    known = known_fields(error["loc"][:-1])
    written = _at(document.data, path[:-1])
    free = [name for name in known if not (isinstance(written, dict) and name in written)]
    near = suggestion(str(path[-1]), free)
    hint = f"did you mean '{near}'?" if near else f"known here: {', '.join(known)}"
    return _Found(path, document.place(path), f"there is no field '{path[-1]}' here", hint), near


def _other(error: ErrorDetails, document: Document) -> Iterator[_Found]:
    cause = error.get("ctx", {}).get("error")
    path = _written(error, document)
    if isinstance(cause, ReferencesError):
        for at, message in cause.problems:
            yield _Found(at, document.place(at), message)
    elif error["type"] == "union_tag_not_found":
        yield _without_kind(error, path, document)
    else:
        if error["type"] == "union_tag_invalid":
            path = (*path, "kind")
        message, hint_or_none = sentence(error)
        yield _Found(path, document.place(path), message, hint_or_none)


def _without_kind(error: ErrorDetails, path: Path, document: Document) -> _Found:
    """A rule that does not say of which kind it is, or says it under a misspelt name."""
    loc, known_kinds = error["loc"], kinds(error["loc"])
    known = {name for kind in known_kinds for name in known_fields((*loc, kind))}
    near = suggestion("kind", [name for name in error["input"] if name not in known])
    if near:
        at = (*path, near)
        message = f"there is no field '{near}' here"
        return _Found(at, document.place(at), message, "did you mean 'kind'?")
    hint = f"write 'kind: …', one of: {', '.join(known_kinds)}"
    return _Found((*path, "kind"), document.place(path), "'kind' is missing", hint)


def _written(error: ErrorDetails, document: Document) -> Path:
    """pydantic's location as a path in the file: without the names of union members."""
    path: Path = ()
    here = document.data
    for step in error["loc"]:
        inside = (isinstance(here, dict) and step in here) or (
            isinstance(here, list) and isinstance(step, int) and step < len(here)
        )
        if inside:
            path = (*path, step)
            here = here[step]  # type: ignore[index]  # checked by `inside`
    return path


def _at(data: object, path: Path) -> object:
    for step in path:
        data = data[step]  # type: ignore[index]  # `path` was found in this data
    return data
