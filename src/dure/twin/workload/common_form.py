"""Our common form: one row a job, columns by name, in CSV; `parquet` has the same columns.

- Asked for: job_id, submit_s, duration_s, gpus. The other columns may be missing or empty.
- A first line `# origin: 2026-01-31T00:00:00Z` says which instant second 0 is.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dure.twin.workload.files import text_of
from dure.twin.workload.provenance import Form, Loaded
from dure.twin.workload.separated import sieve_of
from dure.twin.workload.sieve import MAX_AMOUNT, Sieve, instant
from dure.twin.workload.trace import (
    WHOLE,
    Flags,
    Kind,
    Outcome,
    Texts,
    Trace,
    named,
    trace_of,
)

ASKED: Final = ("job_id", "submit_s", "duration_s", "gpus")
COLUMNS: Final = (
    *ASKED, "nodes", "user", "group", "gpu_type", "status", "req_time_s", "hist_wait_s",
    "kind", "gpu_milli", "cpu_milli", "memory_mib",
)  # fmt: skip
KINDS: Final = {kind.name.lower(): int(kind) for kind in Kind}
OUTCOMES: Final = {
    **{outcome.name.lower(): int(outcome) for outcome in Outcome},
    "canceled": int(Outcome.CANCELLED),
    "succeeded": int(Outcome.COMPLETED),
    "pass": int(Outcome.COMPLETED),
    "killed": int(Outcome.CANCELLED),
}
"""Words for how a job ended: ours, and those of the published traces."""

MAX_MEMORY_MIB: Final = 1 << 40
_ORIGIN: Final = "# origin:"


def read_csv(path: Path, *, origin: datetime | None, tolerate: int, licence: str | None) -> Loaded:
    text = text_of(path)
    first, said = 1, origin
    while text.startswith("#"):
        comment, _, text = text.partition("\n")
        if comment.startswith(_ORIGIN) and origin is None:
            said = instant(path, comment.removeprefix(_ORIGIN), first)
        first += 1
    sieve = sieve_of(path, text, asked=ASKED, first=first)
    return loaded(sieve, form=Form.CSV, origin=said, tolerate=tolerate, licence=licence)


def loaded(
    sieve: Sieve, *, form: Form, origin: datetime | None, tolerate: int, licence: str | None
) -> Loaded:
    """The trace of the rows of a sieve with our columns."""
    make = _trace(sieve, origin)
    return sieve.finish(make, form=form, tolerate=tolerate, read=COLUMNS, licence=licence)


def _trace(sieve: Sieve, origin: datetime | None) -> Callable[[Flags], Trace]:
    submit = sieve.numbers("submit_s")
    run = sieve.numbers("duration_s")
    width = sieve.numbers("gpus", most=MAX_AMOUNT)
    kind, odd = sieve.words("kind", KINDS, empty=Kind.EITHER)
    sieve.reject(odd, "kind", "not_a_word", words=", ".join(KINDS))
    outcome, unknown = sieve.words("status", OUTCOMES, empty=Outcome.UNKNOWN)
    ints = {
        "limit_s": sieve.numbers("req_time_s", empty=0),
        "nodes": sieve.numbers("nodes", most=MAX_AMOUNT, empty=0),
        "wait_s": sieve.numbers("hist_wait_s", empty=-1),
        "share_milli": sieve.numbers("gpu_milli", most=WHOLE, empty=WHOLE),
        "cpu_milli": sieve.numbers("cpu_milli", most=MAX_AMOUNT * WHOLE, empty=0),
        "memory_mib": sieve.numbers("memory_mib", most=MAX_MEMORY_MIB, empty=0),
        "kind": kind,
        "outcome": outcome,
    }
    sieve.reject(sieve.columns["job_id"] == "", "job_id", "missing")
    sieve.unique("job_id")
    sieve.set_aside((width == 0) | (ints["share_milli"] == 0), "no_accelerator")
    sieve.changed(run == 0, "no_time")
    sieve.changed(unknown, "unknown_outcome")
    sieve.sorting(submit)
    names = {name: sieve.names(column) for name, column in NAMED.items()}

    def of(keep: Flags) -> Trace:
        others: dict[str, Any] = {name: column[keep] for name, column in ints.items()}
        for name, (codes, known) in names.items():
            others[name], others[name + "s"] = codes[keep], known
        return trace_of(
            job_id=sieve.columns["job_id"][keep],
            submit_s=submit[keep],
            run_s=np.maximum(run[keep], 1),
            accelerators=width[keep],
            origin=origin,
            **others,
        )

    return of


NAMED: Final = {"account": "group", "user": "user", "model": "gpu_type"}


def columns_of(trace: Trace) -> dict[str, npt.NDArray[Any]]:
    """The columns of the common form; what is not known is -1 in the recorded wait, else 0."""
    return {
        "job_id": trace.job_id,
        "submit_s": trace.submit_s,
        "duration_s": trace.run_s,
        "gpus": trace.accelerators,
        "nodes": trace.nodes,
        "user": named(trace, "user"),
        "group": named(trace, "account"),
        "gpu_type": named(trace, "model"),
        "status": _words(trace.outcome, Outcome),
        "req_time_s": trace.limit_s,
        "hist_wait_s": trace.wait_s,
        "kind": _words(trace.kind, Kind),
        "gpu_milli": trace.share_milli,
        "cpu_milli": trace.cpu_milli,
        "memory_mib": trace.memory_mib,
    }


def _words(codes: npt.NDArray[np.int64], words: type[Kind | Outcome]) -> Texts:
    names = np.array([word.name.lower() for word in words])
    return np.array(names[codes], np.str_)


def write_csv(trace: Trace, path: Path) -> None:
    columns = columns_of(trace)
    text = io.StringIO(newline="")
    if trace.origin is not None:
        at = trace.origin.astimezone(UTC).isoformat()
        text.write(f"{_ORIGIN} {at}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    parts = (
        ["" if wait < 0 else wait for wait in column.tolist()]
        if name == "hist_wait_s"
        else column.tolist()
        for name, column in columns.items()
    )
    writer.writerows(zip(*parts, strict=True))
    data = text.getvalue().encode()
    # mtime 0: the same trace is the same file
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
