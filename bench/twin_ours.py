"""Our kernel in processes of its own: the engine alone at its best, and the whole process."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bench.twin_process import Spent, spent, told

LIMIT_CPU_S = 300
WHOLE_RUNS = 3


@dataclass(frozen=True, slots=True)
class Ours:
    """CPU seconds: of the engine, least of its repeats; of the whole process, least of its runs."""

    jobs: int
    engine_s: float
    whole_s: float
    peak_mib: float
    mean_wait_s: float
    waiting: float
    most_waiting: int


class OursFailed(Exception):
    """Our own process did not come to its end."""


def measured(way: str, pools: Sequence[str], *, repeats: int, whole: int = WHOLE_RUNS) -> Ours:
    """`repeats` of the engine in one process, and `whole` processes that play once."""
    warm = _run(way, pools, repeats)
    runs = [_run(way, pools, 1) for _ in range(whole)]
    found = warm.found
    ours = Ours(
        jobs=found["jobs"],
        engine_s=found["engine_s"],
        whole_s=min((one.cpu_s for one in runs), default=warm.cpu_s),
        peak_mib=max(one.peak_mib for one in (warm, *runs)),
        mean_wait_s=found["mean_wait_s"],
        waiting=found["waiting"],
        most_waiting=found["most_waiting"],
    )
    told(f"Dure {way}: engine {ours.engine_s:.3f} s, whole process {ours.whole_s:.2f} CPU s")
    return ours


def _run(way: str, pools: Sequence[str], repeats: int) -> Spent:
    command = [sys.executable, "-m", "bench.twin_engine", way, str(repeats), *pools]
    done = spent(command, limit_cpu_s=LIMIT_CPU_S)
    if done.why:
        raise OursFailed(f"{way}: {done.why}")
    return done
