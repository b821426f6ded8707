"""hpcsim on the bench's jobs: `python hpcsim_run.py FIFO|SJF|EASY NODES:FILE ...`.

- Run by the peers' own Python, on hpcsim as it is published; nothing of it is changed or copied.
- A job without a model of its speed does one step a second on each accelerator, so that steps are
  its run time times its width. Shortest first then orders by that product: hpcsim's own rule.
- Its FIFO passes over what does not fit, and gangs may lie on any free accelerators: its waits are
  not those of a queue in order. Two starts of one moment may choose the same accelerators; the
  second then waits for the next event.
- It samples the whole cluster every minute; here once a day, which saves it most of that.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from hpcsim.cluster.cluster import Cluster, ClusterConfig, NodeSpec
from hpcsim.cluster.hardware import GPUType
from hpcsim.scheduler.backfill import BackfillWrapper, EASYBackfillPolicy
from hpcsim.scheduler.schedulers import BaseScheduler, FIFOScheduler, SJFScheduler
from hpcsim.simulator.engine import SimulationEngine
from hpcsim.workload.job import TrainingJob

SIZE = 8
DAY_S = 86_400.0
LATEST_S = 90 * DAY_S  # after the last submission; the play ends by itself only then


def job(line: str) -> TrainingJob:
    number, submit, _, run, width, *rest = line.split()
    made = TrainingJob(
        job_id=number,
        submit_time=float(submit),
        num_gpus_requested=int(width),
        num_iterations=int(run) * int(width),
        arch=None,
    )
    made.requested_runtime = float(rest[3])
    return made


def scheduler(way: str, cluster: Cluster) -> BaseScheduler:
    if way == "EASY":
        return BackfillWrapper(FIFOScheduler(cluster), EASYBackfillPolicy())
    return {"FIFO": FIFOScheduler, "SJF": SJFScheduler}[way](cluster)


def played(way: str, nodes: int, workload: Path) -> list[float]:
    """The waits of all jobs."""
    spec = NodeSpec(gpu_type=GPUType.V100, num_nodes=nodes, gpus_per_node=SIZE)
    cluster = Cluster(ClusterConfig("pool", nodes=[spec]))
    jobs = [job(line) for line in workload.read_text().splitlines()]
    SimulationEngine.METRIC_INTERVAL = DAY_S
    engine = SimulationEngine(
        cluster,
        scheduler(way, cluster),
        jobs,
        max_sim_time=max(j.submit_time for j in jobs) + LATEST_S,
    )
    return [j.queue_time for j in engine.run().completed_jobs]


def main() -> None:
    way, *parts = sys.argv[1:]
    waits: list[float] = []
    for part in parts:
        nodes, _, workload = part.partition(":")
        waits += played(way, int(nodes), Path(workload))
        print(f"{nodes} nodes done", flush=True)
    print(json.dumps({"jobs": len(waits), "mean_wait_s": sum(waits) / len(waits)}))


if __name__ == "__main__":
    main()
