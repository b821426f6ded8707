"""How many jobs per CPU second the twin's scheduling kernel does; CPU time of this process alone.

- Venus, September 2020: 23,859 jobs on 96 nodes × 8, the slice that seven simulators ran.
- National, 14 days: 24 copies of its first 14 days, each shifted round by 14 hours more, on 1,642
  nodes × 8 in five clusters; run times are scaled to a load of 0.97.
- National year: the whole trace of Venus eight times over, on the same clusters: forty projects in
  each with guaranteed shares, idle capacity lent and taken back, checkpoints, failures, a control
  step each day and a change of entitlements each month.
- Deep queues: KTH, Atlas and Theta with users' limits, at a multiple of their arrival rate.
"""

from __future__ import annotations

import csv
import gzip
import resource
import sys
from pathlib import Path
from time import process_time
from typing import Final

_BEGAN: Final = process_time()

import numpy as np  # noqa: E402 - the import counts

from dure.engine import scheduling as sched  # noqa: E402
from dure.engine.scheduling import counters as cr  # noqa: E402
from dure.engine.scheduling.facts import Ints  # noqa: E402

TRACES: Final = Path(__file__).resolve().parents[2] / "shared" / "data" / "traces"
DAY_S: Final = 86_400
CLUSTERS: Final = (137, 246, 329, 411, 519)  # 1,642 nodes
SIZE: Final = 8
FAILURE_S: Final = 42 * DAY_S
"""A node's mean time between failures: 1,024 GPUs in 7.9 h (Meta, HPCA'25) is 42 days for eight."""


def trace(name: str, *columns: str) -> Ints:
    """The columns of a trace as rows of whole numbers; empty is -1."""
    with gzip.open(TRACES / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return np.array([[int(float(row[c] or -1)) for row in rows] for c in columns], np.int64)


def in_order(jobs: Ints) -> Ints:
    return jobs[:, np.argsort(jobs[0], kind="stable")]


def plain(jobs: Ints, *, key: int = 0, limit: Ints | None = None) -> sched.Jobs:
    """One queue of jobs: rows submit, duration, width."""
    none, work = np.zeros(jobs.shape[1], np.int64), np.maximum(jobs[1], 1)
    return sched.Jobs(
        submit_s=jobs[0], work_s=work, limit_s=work if limit is None else limit, width=jobs[2],
        account=none, kind=none, key=jobs[key], user=none,
        checkpoint_s=none, save_s=none - 1, restart_s=none,
    )  # fmt: skip


def whole_pool(nodes: int, size: int) -> sched.Accounts:
    one = np.ones(1, np.int64)
    return sched.Accounts(one * nodes * size, one * 0, one * 0, one * 0, one * 0, np.ones(1))


def alone(jobs: sched.Jobs, nodes: int, size: int, policy: sched.Policy) -> sched.World:
    pool = sched.Pool(nodes, size, np.zeros(nodes, np.int64))
    return sched.advance(sched.begin(pool, jobs, whole_pool(nodes, size), policy), sched.FOREVER)


def timed(name: str, jobs: int, began: float) -> None:
    spent = process_time() - began
    print(f"{name:<34}{jobs:>10,} jobs {spent:>9.3f} s {jobs / spent:>12,.0f} jobs/CPU-s")


def venus() -> None:
    jobs = trace("helios_venus_sept2020_24k", "submit_s", "duration_s", "gpus")
    ways = {
        "FIFO": (0, sched.Policy(backfill=sched.NONE)),
        "SJF": (1, sched.Policy(backfill=sched.NONE)),
        "EASY": (0, sched.Policy()),
    }
    for name, (key, policy) in ways.items():
        began = process_time()
        world = alone(plain(jobs, key=key), 96, SIZE, policy)
        timed(f"Venus {name}", jobs.shape[1], began)
        wait = world.state.start_s - jobs[0]
        print(f"{'':<34}mean wait {wait.mean():,.1f} s, p95 {np.percentile(wait, 95):,.1f} s")


def shared_out(copies: int) -> list[int]:
    """Which cluster each copy goes to: the one with the most nodes for its copies."""
    given = [0] * len(CLUSTERS)
    for _ in range(copies):
        given[max(range(len(given)), key=lambda c: CLUSTERS[c] / (given[c] + 1))] += 1
    return given


def scaled(jobs: Ints, nodes: int, span_s: int, load: float) -> Ints:
    """The same jobs with run times that offer this load."""
    offered = float((jobs[1] * jobs[2]).sum()) / (nodes * SIZE * span_s)
    return np.stack(
        [jobs[0], np.maximum(1, (jobs[1] * (load / offered)).astype(np.int64)), jobs[2]]
    )


def national() -> None:
    span = 14 * DAY_S
    month = trace("helios_venus_sept2020_24k", "submit_s", "duration_s", "gpus")
    part = month[:, (month[0] >= 7 * DAY_S) & (month[0] < 21 * DAY_S)]
    clusters, copy = [], 0
    for nodes, copies in zip(CLUSTERS, shared_out(24), strict=True):
        shifted = [(part[0] + 14 * 3600 * (copy + c)) % span for c in range(copies)]
        copy += copies
        jobs = np.concatenate([np.stack([at, part[1], part[2]]) for at in shifted], axis=1)
        clusters.append((nodes, scaled(in_order(jobs), nodes, span, 0.97)))
    for name, policy in (("FIFO", sched.Policy(backfill=sched.NONE)), ("EASY", sched.Policy())):
        began = process_time()
        for nodes, jobs in clusters:
            alone(plain(jobs), nodes, SIZE, policy)
        timed(f"National 14 days {name}", sum(j.shape[1] for _, j in clusters), began)


def failures(nodes: int, span_s: int, chance: np.random.Generator) -> sched.NodeEvents:
    """Failures at the published rate, each repaired in half a day to two days."""
    count = int(nodes * span_s / FAILURE_S)
    at, node = chance.integers(0, span_s, count), chance.integers(0, nodes, count)
    back = at + chance.integers(DAY_S // 2, 2 * DAY_S, count)
    when = np.concatenate([at, back])
    order = np.argsort(when, kind="stable")
    up = np.repeat(np.array([0, 1], np.int64), count)
    return sched.NodeEvents(when[order], np.tile(node, 2)[order], up[order])


def projects(nodes: int, count: int, chance: np.random.Generator) -> sched.Accounts:
    """Guaranteed shares in whole nodes that add up to the pool, the rest being the last one's."""
    share = chance.dirichlet(np.full(count, 1.5))
    entitled = np.maximum(1, (share * (nodes - count)).astype(np.int64)) * SIZE
    none = np.zeros(count, np.int64)
    return sched.Accounts(
        entitled, none + nodes * SIZE, np.arange(count), none, none, np.ones(count)
    )


def year_of(nodes: int, jobs: Ints, chance: np.random.Generator, count: int) -> sched.World:
    accounts = projects(nodes, count, chance)
    weight = accounts.entitled / accounts.entitled.sum()
    owner = chance.choice(count, jobs.shape[1], p=weight)
    none = np.zeros(jobs.shape[1], np.int64)
    demand = plain(jobs)._replace(
        account=owner, kind=none + sched.EITHER, checkpoint_s=none + 3600, restart_s=none + 120
    )
    policy = sched.Policy(
        lending=1, depth=100, grace_s=30, requeue_delay_s=121, backoff_s=60, fail_requeue_s=121
    )
    span = int(jobs[0].max())
    pool = sched.Pool(nodes, SIZE, np.zeros(nodes, np.int64))
    events = failures(nodes, span, chance)
    world = sched.begin(pool, demand, accounts, policy, events=events)
    for day in range(1, span // DAY_S + 1):
        world = sched.advance(world, day * DAY_S)
        if day % 30 == 0:
            world.accounts.entitled[:] = np.roll(world.accounts.entitled, 1)
    return sched.advance(world, sched.FOREVER)


def year(copies: int) -> None:
    chance = np.random.default_rng(2026)
    whole = trace("helios_venus2020_125k", "submit_s", "duration_s", "gpus")
    span = 365 * DAY_S
    tiled = []
    for copy in range(copies):
        at = (whole[0] + int(span / copies * copy)) % span
        tiled.append(np.stack([at, whole[1], whole[2]]))
    jobs = in_order(np.concatenate(tiled, axis=1))
    cluster = chance.choice(len(CLUSTERS), jobs.shape[1], p=np.array(CLUSTERS) / sum(CLUSTERS))
    began = process_time()
    owner = lent = lost = taken = capacity = 0
    late: list[Ints] = []
    for number, nodes in enumerate(CLUSTERS):
        mine = scaled(jobs[:, cluster == number], nodes, span, 0.97)
        world = year_of(nodes, mine, chance, 40)
        owner, lent = owner + world.state.owner_as.sum(), lent + world.state.lent_as.sum()
        lost += (world.state.lost_s * world.jobs.width).sum()
        taken += world.state.taken.sum()
        capacity += world.core.counter[cr.CAPACITY_AS]
        asked = world.state.asked_s >= 0
        late.append((world.state.held_s - world.state.asked_s)[asked])
    timed(f"National year, {copies} copies", jobs.shape[1], began)
    delay = np.concatenate(late)
    print(
        f"{'':<34}owner {owner / capacity:.3f} lent {lent / capacity:.3f}"
        f" lost {lost / capacity:.4f} take-backs {taken:,} p99 {np.percentile(delay, 99):.0f} s"
    )


def deep() -> None:
    cases = {
        "hpc_kth_sp2_1996": (100, 1, 2.0),
        "hpc_llnl_atlas2006": (1152, 8, 1.3),
        "hpc_alcf_theta2022": (4360, 1, 1.3),
    }
    for name, (nodes, size, times) in cases.items():
        jobs = trace(name, "submit_s", "duration_s", "gpus", "req_time_s")
        jobs = jobs[:, jobs[2] <= nodes * size]
        jobs[0] = (jobs[0] / times).astype(np.int64)
        work = np.maximum(jobs[1], 1)
        limit = np.where(jobs[3] > 0, jobs[3], 2 * work)
        jobs[1] = np.minimum(work, limit)
        began = process_time()
        world = alone(plain(jobs, limit=limit), nodes, size, sched.Policy(depth=1000))
        timed(f"Deep {name[4:]} × {times}", jobs.shape[1], began)
        wait = world.state.start_s - jobs[0]
        queued = float(wait.sum()) / float(world.clock_s)
        print(f"{'':<34}on average {queued:,.0f} waiting")


def main() -> None:
    print(f"imports {process_time() - _BEGAN:.2f} s")
    began = process_time()
    alone(plain(np.array([[0], [1], [1]], np.int64)), 1, SIZE, sched.Policy())
    print(f"compiled, or loaded from disk, in {process_time() - began:.2f} s")
    which = sys.argv[1:] or ["venus", "national", "year", "deep"]
    for name in which:
        {"venus": venus, "national": national, "year": lambda: year(8), "deep": deep}[name]()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"whole process {process_time():.2f} CPU s, {most:,.0f} MiB")


if __name__ == "__main__":
    main()
