"""A trace from a file, whatever its form; and back into a file of ours."""

from __future__ import annotations

import zlib
from datetime import datetime
from pathlib import Path
from typing import Final

from dure.twin.workload import common_form, openb, parquet, sacct, swf
from dure.twin.workload.files import refusal
from dure.twin.workload.provenance import Form, Loaded
from dure.twin.workload.trace import Trace

_HEAD: Final = 4096
"""Characters at the beginning that tell the form: more than any header has."""


def read(
    path: Path,
    *,
    form: Form | None = None,
    zone: str | None = None,
    origin: datetime | None = None,
    licence: str | None = None,
    tolerate: int = 0,
) -> Loaded:
    """The trace in a file, and what became of every row of it.

    `form` is found from the file where it is not given. `zone` is that of times without one (only
    Slurm's). `origin` says which instant second 0 is where the file does not. Up to `tolerate`
    broken rows are dropped, and listed; more are refused: UnableToReadTrace.
    """
    if origin is not None and origin.tzinfo is None:
        raise refusal(path, "not_an_origin", value=origin.isoformat())
    match form or form_of(path):
        case Form.CSV:
            return common_form.read_csv(path, origin=origin, tolerate=tolerate, licence=licence)
        case Form.PARQUET:
            return parquet.read_parquet(path, origin=origin, tolerate=tolerate, licence=licence)
        case Form.SWF:
            return swf.read_swf(path, origin=origin, tolerate=tolerate, licence=licence)
        case Form.SACCT:
            return sacct.read_sacct(path, zone=zone, tolerate=tolerate, licence=licence)
        case Form.OPENB:
            return openb.read_openb(path, tolerate=tolerate, licence=licence)


def form_of(path: Path) -> Form:
    """The form that a file's name and beginning show. Raises UnableToReadTrace."""
    head = _head(path)
    header = next((line for line in head.splitlines() if not line.startswith("#")), "")
    if not head and not path.stat().st_size:
        raise refusal(path, "empty")
    if head.startswith("PAR1") or path.suffix == ".parquet":
        return Form.PARQUET
    if ".swf" in path.suffixes or head.startswith(";"):
        return Form.SWF
    if "JobID" in header.split("|"):
        return Form.SACCT
    if {"gpu_milli", "num_gpu", "creation_time"} <= set(header.split(",")):
        return Form.OPENB
    if ".csv" in path.suffixes or "submit_s" in header:
        return Form.CSV
    raise refusal(path, "unknown_form", words=", ".join(Form))


def _head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError as error:
        raise refusal(path, "no_file") from error
    except OSError as error:
        raise refusal(path, "not_allowed", value=error.strerror or "") from error
    if head.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, _HEAD)
        except zlib.error:
            return ""  # what is wrong with it is said where it is read
    return head.decode("utf-8-sig", errors="replace")


def write(trace: Trace, path: Path) -> None:
    """Writes .csv, .csv.gz or .parquet, which `read` gives back as they were."""
    if path.suffix == ".parquet":
        parquet.write_parquet(trace, path)
    elif path.name.endswith((".csv", ".csv.gz")):
        common_form.write_csv(trace, path)
    else:
        raise refusal(path, "unknown_form", words=".csv, .csv.gz, .parquet")
