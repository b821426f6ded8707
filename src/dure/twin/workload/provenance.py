"""Where a trace comes from, and what became of every row of its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from dure.twin.workload.reasons import TEXTS
from dure.twin.workload.refusals import Translate
from dure.twin.workload.trace import Trace
from dure.vocabulary.marking import gettext_noop as _

SHOWN: Final = 20
"""Problems that a message lists; the rest are counted. A screen's height."""


class Form(StrEnum):
    """The forms of a trace that are read."""

    CSV = "csv"
    PARQUET = "parquet"
    SWF = "swf"
    SACCT = "sacct"
    OPENB = "openb"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend. `line` is counted from 1; in Parquet it is the row."""

    line: int
    field: str
    reason: str
    params: Mapping[str, str]

    def sentence(self, translate: Translate = str) -> str:
        return translate(TEXTS[self.reason]).format(**self.params)


@dataclass(frozen=True, slots=True)
class Provenance:
    """rows == kept + what was dropped + what was set aside, always."""

    file: str
    form: Form
    origin: datetime | None
    rows: int
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    set_aside: Mapping[str, int] = field(default_factory=dict)
    changed: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    ignored_columns: tuple[str, ...] = ()
    licence: str | None = None

    def lines(self, translate: Translate = str) -> list[str]:
        """For people: what was kept, and what was not, by reason."""
        head = translate(_("{file}: {kept} of {rows} rows kept"))
        lines = [head.format(file=self.file, kept=self.kept, rows=self.rows)]
        lines += _counted(_("dropped"), self.dropped, translate)
        lines += _counted(_("set aside"), self.set_aside, translate)
        lines += _counted(_("kept with a change"), self.changed, translate)
        lines += listed(self.file, self.problems, translate)
        if self.ignored_columns:
            unread = translate(_("columns not read: {names}"))
            lines.append(unread.format(names=", ".join(self.ignored_columns)))
        return lines


class Loaded(NamedTuple):
    trace: Trace
    provenance: Provenance


class UnableToReadTrace(Exception):
    """What is wrong with a file, where, and how many of its rows could be read."""

    def __init__(
        self,
        file: str,
        problems: tuple[Problem, ...],
        *,
        rows: int = 0,
        kept: int = 0,
        dropped: Mapping[str, int] | None = None,
        set_aside: Mapping[str, int] | None = None,
    ) -> None:
        self.file = file
        self.problems = problems
        self.rows = rows
        self.kept = kept
        self.dropped = dropped or {}
        self.set_aside = set_aside or {}
        super().__init__("\n".join(self.lines()))

    def lines(self, translate: Translate = str) -> list[str]:
        """For people: the count, every reason, then the first rows to mend."""
        lines = []
        if self.rows:
            head = translate(_("{file}: of {rows} rows {kept} can be used"))
            lines.append(head.format(file=self.file, rows=self.rows, kept=self.kept))
        lines += _counted(_("broken"), self.dropped, translate)
        lines += _counted(_("set aside"), self.set_aside, translate)
        return lines + listed(self.file, self.problems, translate)


def _counted(title: str, counts: Mapping[str, int], translate: Translate) -> list[str]:
    return [
        f"{translate(title)}: {count} · {_reason(reason, translate)}"
        for reason, count in sorted(counts.items())
    ]


def listed(file: str, problems: tuple[Problem, ...], translate: Translate) -> list[str]:
    """The first problems by file and line, and how many more there are."""
    lines = []
    for problem in problems[:SHOWN]:
        where = f"{file}:{problem.line}:" if problem.line else f"{file}:"
        name = f" {problem.field}:" if problem.field else ""
        lines.append(f"{where}{name} {problem.sentence(translate)}")
    if len(problems) > SHOWN:
        lines.append(translate(_("… and {count} more")).format(count=len(problems) - SHOWN))
    return lines


_SHORT: Final = {
    "columns": _("rows longer or shorter than the header"),
    "missing": _("a value is missing"),
    "not_a_number": _("text where a number belongs"),
    "negative": _("a negative number"),
    "too_small": _("a number that is too small"),
    "too_large": _("a number that is too large"),
    "not_a_word": _("a word that is not known"),
    "twice": _("a job that stands there twice"),
    "not_a_duration": _("a duration that cannot be read"),
    "not_a_time": _("a time that cannot be read"),
    "no_such_time": _("a time that does not exist in its zone"),
    "before": _("times in the wrong order"),
    "longer": _("ran longer than from its start to its end"),
    "not_tres": _("accelerators that cannot be read"),
}
"""A reason for many rows at once, where its sentence speaks of one value."""


def _reason(reason: str, translate: Translate) -> str:
    return translate(_SHORT.get(reason) or TEXTS[reason])
