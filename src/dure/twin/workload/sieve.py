"""Sorts the rows of a file into kept, broken and set aside, and counts each one once.

- A row leaves for the first reason found; later checks look at what is left.
- Columns come as text, or as numbers with NaN for nothing (Parquet); they become whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dure.twin.workload.files import refusal
from dure.twin.workload.provenance import Form, Loaded, Problem, Provenance, UnableToReadTrace
from dure.twin.workload.trace import Flags, Ints, Trace

Column = npt.NDArray[Any]

MAX_SECONDS: Final = 100 * 366 * 86_400
"""A hundred years: no log is longer, and milliseconds taken for seconds are."""

MAX_AMOUNT: Final = 10_000_000
"""Accelerators, processors or nodes of one job: ten times the largest machine that is planned."""


@dataclass(slots=True)
class Sieve:
    """The rows of one file. `lines` are their places in it."""

    path: Path
    lines: Ints
    columns: Mapping[str, Column]
    unread: int = 0  # rows that are not in the columns, because they have no columns
    keep: Flags = field(init=False)
    problems: list[Problem] = field(default_factory=list)
    aside: dict[str, int] = field(default_factory=dict)
    changes: dict[str, Flags] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keep = np.ones(len(self.lines), np.bool_)

    def reject(self, bad: Flags, name: str, reason: str, **params: object) -> None:
        """Rows that cannot be believed, each with its value of the column `name`."""
        values = self.columns.get(name)
        for row in np.flatnonzero(bad & self.keep).tolist():
            self.broken(row, name, reason, value=_text(values, row), **params)

    def broken(self, row: int, name: str, reason: str, **params: object) -> None:
        """One row that cannot be believed."""
        if self.keep[row]:
            self.keep[row] = False
            texts = {key: str(value) for key, value in params.items()}
            self.problems.append(Problem(int(self.lines[row]), name, reason, texts))

    def before(self, name: str, late: Ints, earlier: str, early: Ints) -> None:
        """Rejects rows in which what comes later has the earlier time."""
        for row in np.flatnonzero(self.keep & (late < early)).tolist():
            value, other = (_text(self.columns[one], row) for one in (name, earlier))
            self.broken(row, name, "before", value=value, earlier=other)

    def set_aside(self, which: Flags, reason: str) -> None:
        """Whole rows that are not a job's work here."""
        count = int(np.count_nonzero(which & self.keep))
        if count:
            self.aside[reason] = self.aside.get(reason, 0) + count
            self.keep &= ~which

    def changed(self, which: Flags, reason: str) -> None:
        """Rows that, if they are kept, have a value that the file does not have."""
        self.changes[reason] = self.changes.get(reason, np.zeros_like(self.keep)) | which

    def numbers(
        self, name: str, *, least: int = 0, most: int = MAX_SECONDS, empty: int | None = None
    ) -> Ints:
        """A column as whole numbers; `empty` stands for nothing, None refuses it."""
        if name not in self.columns:
            return np.full(len(self.lines), 0 if empty is None else empty, np.int64)
        blank, values = self._floats(name)
        if empty is None:
            self.reject(blank, name, "missing")
        self.reject(~blank & ~np.isfinite(values), name, "not_a_number")
        values = np.where(np.isfinite(values) & ~blank, values, least)
        self.reject(values < min(least, 0), name, "negative")
        self.reject(values < least, name, "too_small", least=least)
        self.reject(values > most, name, "too_large", most=most)
        whole = np.rint(np.clip(values, least, most))
        self.changed(~blank & (whole != values) & self.keep, "rounded")
        return np.where(blank, 0 if empty is None else empty, whole).astype(np.int64)

    def _floats(self, name: str) -> tuple[Flags, npt.NDArray[np.float64]]:
        column = self.columns[name]
        if column.dtype.kind != "U":
            values = column.astype(np.float64)
            return np.isnan(values), values
        blank = column == ""
        filled = np.where(blank, "0", column)
        try:
            return blank, filled.astype(np.float64)
        except ValueError:
            return blank, np.array([_number(text) for text in filled])

    def words(self, name: str, known: Mapping[str, int], *, empty: int) -> tuple[Ints, Flags]:
        """A column as the numbers of its words in small letters, and which are not known."""
        column = self.columns.get(name)
        if column is None:
            return np.full(len(self.lines), empty, np.int64), np.zeros_like(self.keep)
        known = {"": empty, **known}
        codes = np.array([known.get(str(word).strip().lower(), -1) for word in column], np.int64)
        return np.where(codes < 0, empty, codes), codes < 0

    def names(self, name: str) -> tuple[Ints, tuple[str, ...]]:
        """A column of names as numbers into their sorted table; no column is one empty name."""
        column = self.columns.get(name)
        return table([""] * len(self.lines) if column is None else column.tolist())

    def unique(self, name: str) -> None:
        """Rejects rows whose name stood before."""
        kept = np.flatnonzero(self.keep)
        ids = self.columns[name][kept].tolist()
        if len(set(ids)) == len(ids):
            return
        first: dict[str, int] = {}
        for row, job in zip(kept.tolist(), ids, strict=True):
            line = first.setdefault(job, int(self.lines[row]))
            if line != self.lines[row]:
                self.broken(row, name, "twice", value=job, first=line)

    def finish(
        self,
        trace: Callable[[Flags], Trace],
        *,
        form: Form,
        tolerate: int,
        read: Iterable[str],
        licence: str | None = None,
    ) -> Loaded:
        """The trace of the rows kept, unless too many are broken or none is left."""
        dropped: dict[str, int] = {}
        for problem in self.problems:
            dropped[problem.reason] = dropped.get(problem.reason, 0) + 1
        self.problems.sort(key=lambda problem: problem.line)
        rows, kept = len(self.lines) + self.unread, int(np.count_nonzero(self.keep))
        if len(self.problems) > tolerate or not kept:
            nothing = Problem(0, "", "no_job" if rows else "empty", {})
            raise UnableToReadTrace(
                self.path.name,
                tuple(self.problems) or (nothing,),
                rows=rows,
                kept=kept,
                dropped=dropped,
                set_aside=self.aside,
            )
        made = trace(self.keep)
        counts = {reason: int((rows & self.keep).sum()) for reason, rows in self.changes.items()}
        return Loaded(
            made,
            Provenance(
                file=self.path.name,
                form=form,
                origin=made.origin,
                rows=rows,
                kept=kept,
                dropped=dropped,
                set_aside=self.aside,
                changed={reason: count for reason, count in counts.items() if count},
                problems=tuple(self.problems),
                ignored_columns=tuple(sorted(set(self.columns) - {*read, ""})),
                licence=licence,
            ),
        )

    def sorting(self, submit: Ints) -> None:
        """Notes the rows that stand before one that was submitted earlier."""
        latest = np.maximum.accumulate(np.where(self.keep, submit, 0))
        self.changed(submit < latest, "sorted")


def table(names: Sequence[str]) -> tuple[Ints, tuple[str, ...]]:
    """Names as numbers into their sorted table."""
    ordered = tuple(sorted(set(names))) or ("",)
    place = {name: index for index, name in enumerate(ordered)}
    return np.array([place[name] for name in names], np.int64), ordered


def instant(path: Path, text: str, line: int) -> datetime:
    """An origin as it is written in a file: with its zone."""
    try:
        at = datetime.fromisoformat(text := text.strip())
    except ValueError as error:
        raise refusal(path, "not_an_origin", line=line, value=text) from error
    if at.tzinfo is None:
        raise refusal(path, "not_an_origin", line=line, value=text)
    return at


def _text(column: Column | None, row: int) -> str:
    """A value as it may stand in a message."""
    if column is None:
        return ""
    return f"{column[row]:.15g}" if column.dtype.kind == "f" else f"{column[row]!s:.60}"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
