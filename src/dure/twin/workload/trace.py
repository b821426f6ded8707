"""The one form of demand: arrays by job, in the order of submission.

- Times are whole seconds from `origin`, an instant in UTC; None where the source does not say.
- Accounts, users and models are numbers into tables of names; what is not known is the name "".
- What the source does not say is 0, or -1 for the recorded wait, of which 0 says something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import IntEnum
from typing import Final, NamedTuple, TypedDict, Unpack

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.str_]

WHOLE: Final = 1000
"""Thousandths of an accelerator that are all of it."""


class Kind(IntEnum):
    """What a job may run on; the numbers of the scheduling kernel."""

    GUARANTEED = 0
    LENT = 1
    EITHER = 2


class Outcome(IntEnum):
    """How a job ended where it was recorded."""

    UNKNOWN = 0
    COMPLETED = 1
    FAILED = 2
    CANCELLED = 3
    TIMEOUT = 4
    NODE_FAIL = 5
    PREEMPTED = 6
    OUT_OF_MEMORY = 7


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Jobs as they were, or would be, asked for. Made by `trace_of`, which checks it."""

    job_id: Texts
    submit_s: Ints
    run_s: Ints  # true run time, at least 1
    limit_s: Ints  # requested; may be shorter than the run, as machines grant some seconds more
    accelerators: Ints  # at least 1; in archives of other machines, their unit
    share_milli: Ints  # of each accelerator, in thousandths
    account: Ints
    user: Ints
    model: Ints
    kind: Ints
    nodes: Ints
    cpu_milli: Ints
    memory_mib: Ints
    wait_s: Ints
    outcome: Ints
    accounts: tuple[str, ...]
    users: tuple[str, ...]
    models: tuple[str, ...]
    origin: datetime | None

    def __len__(self) -> int:
        return len(self.submit_s)

    def demand_as(self) -> int:
        """Accelerator-seconds asked for, shares counted as whole accelerators."""
        return int(np.dot(self.accelerators, self.run_s))

    def span_s(self) -> int:
        """Seconds from the origin to just after the last submission."""
        return int(self.submit_s[-1]) + 1 if len(self) else 0

    def take(self, rows: Ints | Flags) -> Trace:
        """The jobs of these places, in their order of submission."""
        places = np.sort(np.flatnonzero(rows) if rows.dtype == np.bool_ else rows)
        return replace(self, **{name: getattr(self, name)[places] for name in ARRAYS})


ARRAYS: Final = tuple(f.name for f in fields(Trace) if f.type in {"Ints", "Texts"})
"""Names of what is kept by job."""


class Others(TypedDict, total=False):
    """What a trace need not say."""

    job_id: Texts
    limit_s: Ints
    share_milli: Ints
    account: Ints
    user: Ints
    model: Ints
    kind: Ints
    nodes: Ints
    cpu_milli: Ints
    memory_mib: Ints
    wait_s: Ints
    outcome: Ints
    accounts: tuple[str, ...]
    users: tuple[str, ...]
    models: tuple[str, ...]
    origin: datetime | None


class Default(NamedTuple):
    """What an array holds where the trace does not say, and the least it may hold."""

    value: int
    least: int


_DEFAULTS: Final = {
    "limit_s": Default(0, 0),
    "share_milli": Default(WHOLE, 1),
    "account": Default(0, 0),
    "user": Default(0, 0),
    "model": Default(0, 0),
    "kind": Default(Kind.EITHER, 0),
    "nodes": Default(0, 0),
    "cpu_milli": Default(0, 0),
    "memory_mib": Default(0, 0),
    "wait_s": Default(-1, -1),
    "outcome": Default(Outcome.UNKNOWN, 0),
}
_ASKED: Final = {"submit_s": 0, "run_s": 1, "accelerators": 1}
"""The least of what every trace must say."""


class UnusableTrace(Exception):
    """Arrays that are no trace: a mistake of who made them, not of a file."""


def trace_of(*, submit_s: Ints, run_s: Ints, accelerators: Ints, **others: Unpack[Others]) -> Trace:
    """A trace of these arrays, sorted by submission; jobs of one second stay in their order."""
    given: dict[str, object] = {
        "submit_s": submit_s, "run_s": run_s, "accelerators": accelerators, **others
    }  # fmt: skip
    count = len(submit_s)
    columns = {name: _column(given, name, count) for name in (*_ASKED, *_DEFAULTS)}
    tables = {name: tuple(_names(given.get(name))) for name in ("accounts", "users", "models")}
    for name, table in tables.items():
        if count and columns[name[:-1]].max() >= len(table):
            raise UnusableTrace(f"{name[:-1]}: a number without a name in {name}")
    ids = others.get("job_id")
    ids = np.arange(1, count + 1).astype(np.str_) if ids is None else ids
    if len(ids) != count:
        raise UnusableTrace(f"job_id: {len(ids)} values for {count} jobs")
    trace = Trace(job_id=ids, **columns, **tables, origin=others.get("origin"))  # type: ignore[arg-type]  # by name
    if count and (np.diff(trace.submit_s) < 0).any():
        order = np.argsort(trace.submit_s, kind="stable")
        return replace(trace, **{name: getattr(trace, name)[order] for name in ARRAYS})
    return trace


def _names(given: object) -> Sequence[str]:
    return ("",) if given is None else given  # type: ignore[return-value]  # a tuple of names


def _column(given: dict[str, object], name: str, count: int) -> Ints:
    default = _DEFAULTS.get(name)
    column = given.get(name)
    if column is None and default is not None:
        return np.full(count, default.value, np.int64)
    values = np.ascontiguousarray(column, np.int64)
    if values.shape != (count,):
        raise UnusableTrace(f"{name}: {values.size} values for {count} jobs")
    least = default.least if default is not None else _ASKED[name]
    if count and values.min() < least:
        raise UnusableTrace(f"{name}[{values.argmin()}]: less than {least}")
    return values


def same(one: Trace, other: Trace) -> bool:
    """Whether two traces say the same of the same jobs, whatever the order of their tables."""
    plain = [name for name in ARRAYS if name not in {"account", "user", "model"}]
    return (
        len(one) == len(other)
        and one.origin == other.origin
        and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in plain)
        and all(
            np.array_equal(named(one, name), named(other, name))
            for name in ("account", "user", "model")
        )
    )


def named(trace: Trace, name: str) -> Texts:
    """The names of the jobs' accounts, users or models."""
    names: Texts = np.array(getattr(trace, name + "s"), np.str_)
    places: Ints = getattr(trace, name)
    return np.array(names[places], np.str_)
