"""A trace from a file, whatever its form; and back into a file of ours."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from dure.twin.workload import common_form
from dure.twin.workload.provenance import Form, Loaded


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
    return common_form.read_csv(path, origin=origin, tolerate=tolerate, licence=licence)
