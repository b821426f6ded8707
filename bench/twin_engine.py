"""Our scheduling kernel on the bench's jobs: `python -m bench.twin_engine WAY REPEATS POOL ...`.

- A POOL is `NODES:SIZE:FILE`; several are several clusters. The way is FIFO, SJF on the limit or
  EASY, and `EASY-1000` looks at a thousand jobs behind the blocked one.
- The engine's time is that of `begin` and `advance` on arrays in memory, all clusters, the least of
  the repeats: other work on the machine only adds. With one repeat it is the first call, which also
  loads the compiled kernel from disk: that is how a whole process is measured.
"""

from __future__ import annotations

import json
import sys
from time import process_time

import numpy as np

from dure.engine import scheduling as sched
from dure.engine.scheduling.facts import Ints

Loaded = tuple[int, int, Ints]


def read(pool: str) -> Loaded:
    nodes, size, path = pool.split(":", 2)
    return int(nodes), int(size), np.loadtxt(path, dtype=np.int64, delimiter=",", ndmin=2).T.copy()


def begun(way: str, pool: Loaded) -> sched.World:
    """One queue that may use every node, and lends nothing."""
    nodes, size, (submit, run, width, limit) = pool
    name, _, depth = way.partition("-")
    backfill = sched.EASY if name == "EASY" else sched.NONE
    none, one = np.zeros(len(submit), np.int64), np.ones(1, np.int64)
    jobs = sched.Jobs(
        submit_s=submit, work_s=run, limit_s=limit, width=width, account=none, kind=none,
        key=limit if name == "SJF" else submit, user=none,
        checkpoint_s=none, save_s=none - 1, restart_s=none,
    )  # fmt: skip
    accounts = sched.Accounts(one * nodes * size, one * 0, one * 0, one * 0, one * 0, np.ones(1))
    policy = sched.Policy(backfill=backfill, depth=int(depth or 0))
    return sched.begin(sched.Pool(nodes, size, np.zeros(nodes, np.int64)), jobs, accounts, policy)


def played(way: str, pool: Loaded) -> sched.World:
    return sched.advance(begun(way, pool), sched.FOREVER)


def waiting(world: sched.World) -> float:
    """How many jobs wait, on average over the play."""
    return float((world.state.start_s - world.jobs.submit_s).sum()) / world.clock_s


def most_waiting(world: sched.World) -> int:
    """The longest the queue ever was."""
    changes = np.concatenate([world.jobs.submit_s * 2 + 1, world.state.start_s * 2])
    by = np.repeat(np.array([1, -1]), len(world.jobs.submit_s))
    return int(np.cumsum(by[np.argsort(changes, kind="stable")]).max())


def main() -> None:
    way, repeats, *names = sys.argv[1:]
    pools = [read(name) for name in names]
    least = float("inf")
    for _ in range(int(repeats)):
        began = process_time()
        worlds = [played(way, pool) for pool in pools]
        least = min(least, process_time() - began)
    wait = np.concatenate([w.state.start_s - w.jobs.submit_s for w in worlds])
    stay = np.concatenate([w.state.end_s - w.jobs.submit_s for w in worlds])
    print(json.dumps({
        "jobs": len(wait), "engine_s": least, "mean_wait_s": float(wait.mean()),
        "p95_wait_s": float(np.percentile(wait, 95)), "mean_completion_s": float(stay.mean()),
        "waiting": sum(waiting(w) for w in worlds),
        "most_waiting": max(most_waiting(w) for w in worlds),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
