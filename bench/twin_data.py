"""The jobs that the twin's benchmarks play, and their files for ours and for the peers.

- Venus, September 2020: 23,859 jobs on 96 nodes × 8, the slice that seven simulators ran.
- National, 14 days: 24 copies of its third and second week, each shifted round by 14 hours more, on
  1,642 nodes × 8 in five clusters; run times are scaled to a load of 0.97.
- Deep queues: KTH, Atlas and Theta with users' limits, at a multiple of their arrival rate.
- Ours reads columns from a text file; peers read the Standard Workload Format. Both files are
  written before a clock starts, and both are read on the clock.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

TRACES: Final = Path(__file__).resolve().parents[2] / "shared" / "data" / "traces"
DAY_S: Final = 86_400
CLUSTERS: Final = (137, 246, 329, 411, 519)  # 1,642 nodes
SIZE: Final = 8
DEEP: Final = {
    "KTH": ("hpc_kth_sp2_1996", 100, 1),
    "Atlas": ("hpc_llnl_atlas2006", 1152, 8),
    "Theta": ("hpc_alcf_theta2022", 4360, 1),
}
"""The machines that these logs were recorded on: file, nodes, processors of a node as logged."""


class NoTraces(Exception):
    """The traces are not in the repository; they lie beside it."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Jobs for one pool; rows submit, run, width, limit, in the order of submission."""

    nodes: int
    size: int
    jobs: Ints

    @property
    def count(self) -> int:
        return int(self.jobs.shape[1])


def trace(name: str, *columns: str) -> Ints:
    """The columns of a trace as rows of whole numbers; empty is -1."""
    path = TRACES / f"{name}.csv.gz"
    if not path.exists():
        raise NoTraces(f"{path.name} is not beside the repository, in shared/data/traces")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return np.array([[int(float(row[c] or -1)) for row in rows] for c in columns], np.int64)


def venus() -> Slice:
    jobs = trace("helios_venus_sept2020_24k", "submit_s", "duration_s", "gpus")
    return Slice(96, SIZE, _limited(jobs))


def national() -> list[Slice]:
    span = 14 * DAY_S
    month = trace("helios_venus_sept2020_24k", "submit_s", "duration_s", "gpus")
    part = month[:, (month[0] >= 7 * DAY_S) & (month[0] < 21 * DAY_S)]
    clusters, copy = [], 0
    for nodes, copies in zip(CLUSTERS, _shared_out(24), strict=True):
        shifted = [(part[0] + 14 * 3600 * (copy + c)) % span for c in range(copies)]
        copy += copies
        jobs = np.concatenate([np.stack([at, part[1], part[2]]) for at in shifted], axis=1)
        clusters.append(Slice(nodes, SIZE, _limited(_scaled(_in_order(jobs), nodes, span, 0.97))))
    return clusters


def deep(name: str, times: float) -> Slice:
    """The log's jobs arriving so many times as fast; work is cut to the user's limit."""
    file, nodes, size = DEEP[name]
    jobs = trace(file, "submit_s", "duration_s", "gpus", "req_time_s")
    jobs = jobs[:, jobs[2] <= nodes * size]
    work = np.maximum(jobs[1], 1)
    limit = np.where(jobs[3] > 0, jobs[3], 2 * work)
    at = (jobs[0] / times).astype(np.int64)
    return Slice(nodes, size, np.stack([at, np.minimum(work, limit), jobs[2], limit]))


def write_columns(path: Path, one: Slice) -> str:
    """For ours; what names the file and its pool on a command line."""
    np.savetxt(path, one.jobs.T, fmt="%d", delimiter=",")
    return f"{one.nodes}:{one.size}:{path}"


def write_swf(path: Path, one: Slice) -> str:
    """For peers, in the Standard Workload Format."""
    lines = (
        f"{n} {at} -1 {run} {width} -1 -1 {width} {limit} -1 1 1 1 1 1 1 -1 -1\n"
        for n, (at, run, width, limit) in enumerate(one.jobs.T.tolist(), 1)
    )
    path.write_text("".join(lines))
    return f"{one.nodes}:{path}"


def write_all(folder: Path, parts: Sequence[Slice]) -> tuple[list[str], list[str]]:
    """The arguments for ours and for the peers."""
    ours = [write_columns(folder / f"{n}.csv", one) for n, one in enumerate(parts)]
    return ours, [write_swf(folder / f"{n}.swf", one) for n, one in enumerate(parts)]


def _limited(jobs: Ints) -> Ints:
    """Where users' limits are not known, the true run time is the limit."""
    run = np.maximum(jobs[1], 1)
    return np.stack([jobs[0], run, jobs[2], run])


def _in_order(jobs: Ints) -> Ints:
    return jobs[:, np.argsort(jobs[0], kind="stable")]


def _shared_out(copies: int) -> list[int]:
    """Which cluster each copy goes to: the one with the most nodes for its copies."""
    given = [0] * len(CLUSTERS)
    for _ in range(copies):
        given[max(range(len(given)), key=lambda c: CLUSTERS[c] / (given[c] + 1))] += 1
    return given


def _scaled(jobs: Ints, nodes: int, span_s: int, load: float) -> Ints:
    """The same jobs with run times that offer this load."""
    offered = float((jobs[1] * jobs[2]).sum()) / (nodes * SIZE * span_s)
    run = np.maximum(1, (jobs[1] * (load / offered)).astype(np.int64))
    return np.stack([jobs[0], run, jobs[2]])
