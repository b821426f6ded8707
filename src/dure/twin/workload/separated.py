"""Text in columns under a header, as columns of text with the lines they stand in."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection
from pathlib import Path

import numpy as np

from dure.twin.workload.files import refusal
from dure.twin.workload.provenance import Problem
from dure.twin.workload.sieve import Sieve


def sieve_of(
    path: Path, text: str, *, asked: Collection[str], separator: str = ",", first: int = 1
) -> Sieve:
    """The rows under the header, which must have the columns asked for; `first` is its line.

    Rows of another length than the header's are broken at once. Empty lines are no rows.
    """
    rows_of = io.StringIO(text, newline="")
    reader = (
        csv.reader(rows_of, strict=True)
        if separator == ","
        else csv.reader(rows_of, delimiter=separator, quoting=csv.QUOTE_NONE)
    )
    rows: list[list[str]] = []
    lines: list[int] = []
    line = 0
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(line)
            line = reader.line_num
    except csv.Error as error:
        raise refusal(path, "quotes", line=first + line, value=error) from error
    if not rows:
        raise refusal(path, "empty")
    header = [name.strip() for name in rows.pop(0)]
    check_header(path, header, asked, line=first + lines.pop(0))
    return _columns(path, header, rows, [first + at for at in lines])


def check_header(path: Path, header: list[str], asked: Collection[str], *, line: int = 0) -> None:
    """Every column once, and those asked for. `line` 0 where the header is no line."""
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise refusal(path, "column_twice", line=line, value=twice)
    for name in asked:
        if name not in header:
            columns = ", ".join(header)
            raise refusal(path, "no_column", line=line, value=name, columns=f"{columns:.300}")


def _columns(path: Path, header: list[str], rows: list[list[str]], lines: list[int]) -> Sieve:
    width = len(header)
    broken: list[Problem] = []
    if any(len(row) != width for row in rows):
        broken = [
            Problem(line, "", "columns", {"value": str(len(row)), "expected": str(width)})
            for row, line in zip(rows, lines, strict=True)
            if len(row) != width
        ]
        lines = [line for row, line in zip(rows, lines, strict=True) if len(row) == width]
        rows = [row for row in rows if len(row) == width]
    parts = list(zip(*rows, strict=True)) if rows else [()] * width
    columns = {name: np.array(part, np.str_) for name, part in zip(header, parts, strict=True)}
    sieve = Sieve(path, np.array(lines, np.int64), columns, unread=len(broken))
    sieve.problems.extend(broken)
    return sieve
