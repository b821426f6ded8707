"""The Standard Workload Format of the Parallel Workloads Archive: 18 numbers a job, -1 unknown.

- Accelerators are the processors of the archive's machine.
- `; UnixStartTime: 844617600` says which instant second 0 is.
- Jobs that never ran are set aside, and so are the lines for parts of a job (status 2 to 4).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from dure.twin.workload.files import refusal, text_of
from dure.twin.workload.provenance import Form, Loaded, Problem
from dure.twin.workload.sieve import MAX_AMOUNT, Sieve, table
from dure.twin.workload.trace import Flags, Ints, Outcome, Trace, trace_of

FIELDS: Final = (
    "job", "submit", "wait", "run", "processors", "cpu_time", "memory", "requested_processors",
    "requested_time", "requested_memory", "status", "user", "group", "executable", "queue",
    "partition", "preceding", "think_time",
)  # fmt: skip
READ: Final = (
    "job", "submit", "wait", "run", "processors", "requested_processors", "requested_time",
    "status", "user", "group",
)  # fmt: skip

_START: Final = re.compile(r";\s*UnixStartTime:\s*(-?\d+)", re.IGNORECASE)
_FAILED, _COMPLETED, _CANCELLED = 0, 1, 5
_PARTS: Final = (2, 3, 4)


def read_swf(path: Path, *, origin: datetime | None, tolerate: int, licence: str | None) -> Loaded:
    text = text_of(path)
    began = _START.search(text)
    if origin is None and began and int(began[1]) > 0:
        origin = _instant(path, text, began)
    make = _trace(sieve := _sieve(path, text), origin)
    return sieve.finish(make, form=Form.SWF, tolerate=tolerate, read=FIELDS, licence=licence)


def _instant(path: Path, text: str, began: re.Match[str]) -> datetime:
    try:
        return datetime.fromtimestamp(int(began[1]), UTC)
    except (ValueError, OverflowError, OSError) as error:
        line = text.count("\n", 0, began.start()) + 1
        raise refusal(path, "not_an_origin", line=line, value=began[1]) from error


def _sieve(path: Path, text: str) -> Sieve:
    rows: list[list[str]] = []
    lines: list[int] = []
    broken: list[Problem] = []
    for line, content in enumerate(text.split("\n"), 1):
        row = content.split()
        if not row or row[0].startswith(";"):
            continue
        if len(row) == len(FIELDS):
            rows.append(row)
            lines.append(line)
        else:
            params = {"value": str(len(row)), "expected": str(len(FIELDS))}
            broken.append(Problem(line, "", "columns", params))
    parts = list(zip(*rows, strict=True)) if rows else [()] * len(FIELDS)
    columns = {
        name: np.array(part, np.str_)
        for name, part in zip(FIELDS, parts, strict=True)
        if name in READ
    }
    sieve = Sieve(path, np.array(lines, np.int64), columns, unread=len(broken))
    sieve.problems.extend(broken)
    return sieve


def _trace(sieve: Sieve, origin: datetime | None) -> Callable[[Flags], Trace]:
    status = _known(sieve, "status")
    sieve.set_aside(np.isin(status, _PARTS), "part")
    run = _known(sieve, "run")
    width = _known(sieve, "processors", most=MAX_AMOUNT)
    asked = _known(sieve, "requested_processors", most=MAX_AMOUNT)
    width = np.where(width > 0, width, asked)
    sieve.set_aside((run < 0) | ((run == 0) & (status == _CANCELLED)), "never_ran")
    sieve.set_aside(width <= 0, "no_accelerator")
    submit = sieve.numbers("submit")
    wait = _known(sieve, "wait")
    limit = np.maximum(_known(sieve, "requested_time"), 0)
    sieve.unique("job")
    sieve.changed(run == 0, "no_time")
    sieve.sorting(submit)
    account, accounts = _named(sieve, "group")
    user, users = _named(sieve, "user")
    outcome = np.select(
        [status == _FAILED, status == _COMPLETED, status == _CANCELLED],
        [Outcome.FAILED, Outcome.COMPLETED, Outcome.CANCELLED],
        Outcome.UNKNOWN,
    )
    return lambda keep: trace_of(
        job_id=sieve.columns["job"][keep],
        submit_s=submit[keep],
        run_s=np.maximum(run[keep], 1),
        accelerators=width[keep],
        limit_s=limit[keep],
        wait_s=wait[keep],
        outcome=outcome[keep],
        account=account[keep],
        user=user[keep],
        accounts=accounts,
        users=users,
        origin=origin,
    )


def _known(sieve: Sieve, name: str, **bounds: int) -> Ints:
    """A column of which -1 is what is not known."""
    return sieve.numbers(name, least=-1, empty=-1, **bounds)


def _named(sieve: Sieve, name: str) -> tuple[Ints, tuple[str, ...]]:
    return table(["" if one == "-1" else one for one in sieve.columns[name].tolist()])
