"""One contestant in a process of its own: what it said, and what the whole process spent.

- CPU seconds are user and system time of all its threads, from the start of its Python to its end:
  imports, reading and compiled code from disk included.
- The limit is one of CPU time; the system ends what runs longer, and what it had said by then
  stands. Ten times the limit in wall time ends it too, should it hang.
- The last line of its output is what it found, as JSON; lines before it are progress.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

_WALL: Final = 10


@dataclass(frozen=True, slots=True)
class Spent:
    """`found` is empty where it did not come to its end; `why` then says what happened."""

    cpu_s: float
    peak_mib: float
    found: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    said: tuple[str, ...] = ()


def spent(
    command: Sequence[str], *, limit_cpu_s: int, env: Mapping[str, str] | None = None
) -> Spent:
    """Runs it to its end or to its limit."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(
            command, stdout=out, stderr=errors, env={**os.environ, **(env or {})}
        )
        resource.prlimit(child.pid, resource.RLIMIT_CPU, (limit_cpu_s, limit_cpu_s + 5))
        watch = threading.Timer(_WALL * limit_cpu_s, child.kill)
        watch.start()
        _, status, used = os.wait4(child.pid, 0)
        watch.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        said, trouble = out.read().splitlines(), errors.read().strip().splitlines()
    cpu_s = used.ru_utime + used.ru_stime
    peak = used.ru_maxrss / 1024
    if child.returncode == 0 and said:
        return Spent(cpu_s, peak, json.loads(said[-1]), said=tuple(said[:-1]))
    if cpu_s >= limit_cpu_s - 1:
        why = f"stopped unfinished at {limit_cpu_s} CPU s"
    else:
        why = (trouble or [f"exit {child.returncode}"])[-1][:80]
    return Spent(cpu_s, peak, why=why, said=tuple(said))


def told(text: str) -> None:
    """A line of progress, at once, with the time of day."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)
