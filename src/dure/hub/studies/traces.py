"""The trace that somebody brings: what it may be, and what it is called where it is played.

- It keeps nothing of its own name but the ending, from a short list: no name that means anything to
  a shell, a folder or Python.
- Its rows are read by the twin alone, which says what is wrong with file and line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ENDINGS: Final = (".csv", ".csv.gz", ".parquet", ".swf", ".swf.gz", ".txt", ".txt.gz")
"""Our common form, Parquet, the Standard Workload Format, and what `sacct -P` printed."""

STEM: Final = "trace"
_GZIP: Final = b"\x1f\x8b"
_PARQUET: Final = b"PAR1"
_LOOKED_AT: Final = 4096
"""Bytes in which text shows that it is text."""


class NoTrace(ValueError):
    """The file is not of a kind that the twin reads."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A file of jobs, under the name that a scenario calls it by."""

    name: str
    content: bytes


def trace_of(name: str, content: bytes) -> Trace:
    """The file as a trace. Raises NoTrace where ending or content are none that are read."""
    ending = max((e for e in ENDINGS if name.lower().endswith(e)), key=len, default="")
    if not ending or not content or not _fits(ending, content):
        raise NoTrace(name)
    return Trace(f"{STEM}{ending}", content)


def _fits(ending: str, content: bytes) -> bool:
    if ending == ".parquet":
        return content.startswith(_PARQUET)
    if ending.endswith(".gz"):
        return content.startswith(_GZIP)
    return b"\0" not in content[:_LOOKED_AT] and not content.startswith((_GZIP, _PARQUET))
