"""YAML text as plain data, with the line and column of every part.

- Plain values only: no tags, no anchors, no merge keys. Each of them is a way to make a file say
  something other than what it shows, and one of them a way to make it say a billion things.
- A key stands once in a mapping; YAML's own readers let the last one win in silence.
- Every complaint is collected; a broken part is left out of the data and the rest is still read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import yaml
from yaml.composer import ComposerError
from yaml.reader import ReaderError

Path = tuple[str | int, ...]

MAX_DEPTH: Final = 30
"""Levels of nesting read; a programme file uses nine. Bounds the reader's recursion."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part begins, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with the text itself."""

    path: Path
    place: Place
    message: str
    hint: str | None = None


@dataclass(slots=True)
class Document:
    """What was read. `keys` holds the places of the field names, `values` those of the values."""

    data: object = None
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)

    def place(self, path: Path) -> Place:
        """Where `path` stands: its name if it has one, else its value, else what encloses it."""
        while path and path not in self.keys and path not in self.values:
            path = path[:-1]
        return self.keys.get(path) or self.values.get(path) or Place(1, 1)


def read(text: str) -> Document:
    """Reads one YAML document. Never raises for what the text holds."""
    document = Document()
    try:
        loader = _PlainLoader(text)
        root = loader.get_single_node()
    except ReaderError as error:
        document.complaints.append(_unprintable(error, text))
        return document
    except yaml.MarkedYAMLError as error:
        document.complaints.append(_unreadable(error))
        return document
    if root is not None:
        document.data = _Reader(loader, document).read(root, ())
    if document.data is None and not document.complaints:
        document.complaints.append(Complaint((), Place(1, 1), "the file is empty"))
    return document


class _PlainLoader(yaml.SafeLoader):
    """Refuses what plain values do not need, before anything is built from it."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # so in PyYAML's stubs
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ComposerError(
                None, None, "'&name' and '*name' are not read here", event.start_mark
            )
        if getattr(event, "tag", None):
            raise ComposerError(None, None, "tags such as '!!int' are not read", event.start_mark)
        if self.depth >= MAX_DEPTH:
            raise ComposerError(None, None, "this is nested too deeply", event.start_mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Reader:
    """Turns nodes into plain data and notes their places."""

    def __init__(self, loader: yaml.SafeLoader, document: Document) -> None:
        self._loader = loader
        self._document = document

    def read(self, node: yaml.Node, path: Path) -> object:
        self._document.values[path] = _place(node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        read: dict[str, object] = {}
        for key_node, value_node in node.value:
            at = _place(key_node.start_mark)
            name = key_node.value
            here = (*path, f"{name!s:.40}")
            if not isinstance(name, str) or not key_node.tag.endswith(":str"):
                self._complain(here, at, "a field's name must be text", "put it in quotes")
            elif name in read:
                first = self._document.keys[here].line
                self._complain(here, at, f"'{name}' stands here twice, first in line {first}")
            else:
                self._document.keys[here] = at
                read[name] = self.read(value_node, here)
        return read

    def _scalar(self, node: yaml.Node, path: Path) -> object:
        try:
            return self._loader.construct_object(node)
        except (yaml.MarkedYAMLError, ValueError):
            dated = node.tag.endswith(":timestamp")
            message = f"'{node.value:.40}' cannot be read as {'a date' if dated else 'a value'}"
            hint = "write a day that exists" if dated else "put text in quotes"
            self._complain(path, _place(node.start_mark), message, hint)
            return None

    def _complain(self, path: Path, place: Place, message: str, hint: str | None = None) -> None:
        self._document.complaints.append(Complaint(path, place, message, hint))


def _place(mark: yaml.Mark | None) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


def _unprintable(error: ReaderError, text: str) -> Complaint:
    before = text[: error.position]
    place = Place(before.count("\n") + 1, error.position - before.rfind("\n"))
    return Complaint((), place, "there is a control character here", "delete it; save as UTF-8")


def _unreadable(error: yaml.MarkedYAMLError) -> Complaint:
    problem = error.problem or "it ends too early"
    place = _place(error.problem_mark or error.context_mark)
    if isinstance(error, ComposerError):
        single = "expected a single document" in (error.context or "")
        message = "a second document begins here; one file holds one programme"
        return Complaint((), place, message if single else problem, "write the values out")
    if "'\\t'" in problem:
        return Complaint((), place, "there is a tab here", "indent with spaces")
    hint = "look at the colons, quotes and indentation of this line and the one above"
    return Complaint((), place, f"this is not readable YAML: {problem}", hint)
