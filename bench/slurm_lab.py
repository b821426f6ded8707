"""How soon a real Slurm stands on this machine, and how soon it is gone.

- Ready: from the call until sinfo shows every node idle, munge, database and accounting included.
  Gone: from the call until no process of it is alive.
- The first lab on a machine makes the database's empty files; all others copy them. Both are
  measured, the first with a cache folder of its own each time.
- There is no rival in this run. What stands beside is the floor: the daemons' own `-V`, started
  once each, which is what it costs to load the programs.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.report import Result, at_most, compared, show, write

from dure.cli.slurm_lab import Lab, Shape
from dure.cli.slurm_lab.packages import program

USUAL, NATIONAL = Shape(), Shape(nodes=1_642, block_nodes=16, sleeping=True)
TIMES, TIMES_NATIONAL, TIMES_FIRST = 15, 7, 5
READY_S, GONE_S, NATIONAL_S = 5.0, 1.0, 8.0


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def once(shape: Shape) -> tuple[float, float]:
    """Seconds until it is ready, seconds until it is gone."""
    with tempfile.TemporaryDirectory(prefix="dure-bench-") as folder:
        lab = Lab(Path(folder) / "lab", shape)
        return seconds(lab.up), seconds(lab.kill)


@contextmanager
def empty_cache() -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="dure-bench-") as folder:
        before = os.environ.get("XDG_CACHE_HOME")
        os.environ["XDG_CACHE_HOME"] = folder
        try:
            yield
        finally:
            os.environ.pop("XDG_CACHE_HOME")
            if before is not None:
                os.environ["XDG_CACHE_HOME"] = before


def first() -> float:
    with empty_cache():
        return once(USUAL)[0]


def loaded_programs() -> None:
    for name in ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd"):
        subprocess.run([program(name), "-V"], capture_output=True, check=False)


def p95(found: list[float]) -> float:
    return sorted(found)[max(0, -(-95 * len(found) // 100) - 1)]


def bar(what: str, found: list[float], *, bound: float, load: str) -> list[Result]:
    how = f"make bench-slurm-lab; {len(found)} times, wall time, {load}"
    return [
        at_most(f"{what}, p95", p95(found), "s", bound=bound, how=how),
        compared(f"{what}, median", statistics.median(found), "s", how=how),
    ]


def main() -> None:
    once(USUAL)  # the files in the cache, the programs in memory
    before = os.getloadavg()[0]
    usual = [once(USUAL) for _ in range(TIMES)]
    national = [once(NATIONAL) for _ in range(TIMES_NATIONAL)]
    anew = [first() for _ in range(TIMES_FIRST)]
    floor = [seconds(loaded_programs) for _ in range(TIMES)]
    load = f"load {before:.1f} before and {os.getloadavg()[0]:.1f} after, 2 cores"
    cases = {
        "8 x 8 ready": [ready for ready, _ in usual],
        "8 x 8 gone": [gone for _, gone in usual],
        "8 x 8 ready, first on a machine": anew,
        "1,642 x 8 ready, nodes asleep": [ready for ready, _ in national],
        "1,642 x 8 gone, nodes asleep": [gone for _, gone in national],
        "the five programs, loaded once": floor,
    }
    show(
        f"Seconds, {load}",
        ("case", "n", "least", "median", "p95", "most"),
        [(case, len(s), min(s), statistics.median(s), p95(s), max(s)) for case, s in cases.items()],
    )
    bounds = dict(zip(cases, (READY_S, GONE_S, READY_S, NATIONAL_S, GONE_S), strict=False))
    write(
        "slurm_lab",
        [
            result
            for case, bound in bounds.items()
            for result in bar(case, cases[case], bound=bound, load=load)
        ],
    )


if __name__ == "__main__":
    main()
