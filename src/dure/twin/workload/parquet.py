"""The columns of the common form in Parquet; numbers may be any numbers, names any text.

The origin stands in the file's metadata under `origin`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from dure.twin.workload import common_form
from dure.twin.workload.common_form import COLUMNS
from dure.twin.workload.files import bytes_of, refusal
from dure.twin.workload.provenance import Form, Loaded
from dure.twin.workload.separated import check_header
from dure.twin.workload.sieve import Sieve, instant
from dure.twin.workload.trace import Trace

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC: Final = b"PAR1"
_ORIGIN: Final = b"origin"
_TEXTS: Final = frozenset({"job_id", "user", "group", "gpu_type", "status", "kind"})


def read_parquet(
    path: Path, *, origin: datetime | None, tolerate: int, licence: str | None
) -> Loaded:
    import pyarrow as pa  # noqa: PLC0415  # heavy
    from pyarrow import parquet  # noqa: PLC0415

    try:
        data = pa.BufferReader(bytes_of(path))
        rows = parquet.read_table(data, page_checksum_verification=True)
        names = rows.column_names
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise refusal(path, "not_parquet", value=str(error).partition("\n")[0][:200]) from error
    check_header(path, names, common_form.ASKED)
    said = (rows.schema.metadata or {}).get(_ORIGIN)
    if origin is None and said is not None:
        origin = instant(path, said.decode(errors="replace"), 0)
    columns = {name: _column(path, name, rows[name]) for name in names if name in COLUMNS}
    unread = {name: np.zeros(0) for name in names if name not in COLUMNS}
    sieve = Sieve(path, np.arange(1, rows.num_rows + 1), columns | unread)
    return common_form.loaded(
        sieve, form=Form.PARQUET, origin=origin, tolerate=tolerate, licence=licence
    )


def _column(path: Path, name: str, values: pa.ChunkedArray) -> npt.NDArray[Any]:
    import pyarrow as pa  # noqa: PLC0415  # heavy
    from pyarrow import compute  # noqa: PLC0415

    kind = values.type
    try:
        if name in _TEXTS or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            filled = compute.fill_null(compute.cast(values, pa.string()), "")
            return np.array(filled.to_pylist(), np.str_)
        numbers: npt.NDArray[Any] = compute.cast(values, pa.float64(), safe=False).to_numpy()
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise refusal(path, "not_plain", value=name, kind=kind) from error
    return numbers


def write_parquet(trace: Trace, path: Path) -> None:
    import pyarrow as pa  # noqa: PLC0415  # heavy
    from pyarrow import parquet  # noqa: PLC0415

    columns = common_form.columns_of(trace)
    rows = pa.table(
        {
            name: pa.array(column, mask=column < 0 if name == "hist_wait_s" else None)
            for name, column in columns.items()
        }
    )
    if trace.origin is not None:
        rows = rows.replace_schema_metadata(
            {_ORIGIN: trace.origin.astimezone(UTC).isoformat().encode()}
        )
    parquet.write_table(rows, path, compression="zstd", write_page_checksum=True)
