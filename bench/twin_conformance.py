"""The rows that two independent simulators agree on, exactly; and no reserved head started late.

- Published rows are means and percentiles of Venus, September 2020, 96 nodes × 8, lowest-index node
  ties, to a tenth of a second.
- A head's reservation may only come forward. It is looked at after every moment at which anything
  happens, limits being the true run times, as the property test of the kernel looks at it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from bench.report import Result, at_most
from bench.twin_data import Slice, venus
from bench.twin_engine import begun, played

from dure.engine import scheduling as sched
from dure.engine.scheduling import node_rows as nr

ROWS: Final = {"FIFO": (11_338.4, 33_872.5, 19_830.3), "SJF": (1_011.1, 5_186.1, 9_503.0)}
"""Mean wait, its 95th percentile, mean completion, in seconds."""
HOW: Final = "make bench-twin; Venus, September 2020, 23,859 jobs, 96 nodes × 8"


def results() -> list[Result]:
    slice_ = venus()
    pool = (slice_.nodes, slice_.size, slice_.jobs)
    return [*(_row(way, played(way, pool)) for way in ROWS), _late(slice_)]


def _row(way: str, world: sched.World) -> Result:
    wait = world.state.start_s - world.jobs.submit_s
    stay = world.state.end_s - world.jobs.submit_s
    found = (wait.mean(), np.percentile(wait, 95), stay.mean())
    off = max(abs(round(float(a), 1) - b) for a, b in zip(found, ROWS[way], strict=True))
    said = ", ".join(f"{value:,.1f}" for value in found)
    print(f"  {way}: mean wait, p95, mean completion {said} s")
    return at_most(f"{way}: furthest from the published row", off, "s", bound=0.0, how=HOW)


def _late(slice_: Slice) -> Result:
    pool = (slice_.nodes, slice_.size, slice_.jobs)
    end = played("EASY", pool).state.end_s
    world = begun("EASY", pool)
    promised: dict[int, int] = {}
    for moment in np.unique(np.concatenate([slice_.jobs[0], end])).tolist():
        world = sched.advance(world, moment + 1)
        owner, at = world.core.home[[nr.OWNER, nr.OWNER_AT], 0].tolist()
        if owner >= 0:
            promised[owner] = min(at, promised.get(owner, at))
    start = world.state.start_s
    late = sum(1 for job, at in promised.items() if not 0 <= start[job] <= at)
    print(f"  EASY: {len(promised):,} heads reserved, {late} started late")
    return at_most("EASY: reserved heads started late", late, "jobs", bound=0, how=HOW)
