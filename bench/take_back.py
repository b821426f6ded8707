"""Taking lent accelerators back on the local engine: real processes, real training, 20 times.

- Four accelerators; a lent training job on two of them; its owner comes back for all four. Counted
  from the owner's submission until the last of its four processes runs.
- The lent job checkpoints, is requeued, and must end with the weights of an undisturbed run.
- There is no rival in this run: portals of the field do not take back at all, and Slurm and Kueue
  are engines of their own. What stands beside is the floor: the same owner on an idle machine.
- This is the local engine with ten seconds of grace. The bar for real Slurm is not measured here.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.report import at_most, compared, show, write
from tests.bindings import binding, members, share
from tests.waiting import eventually

from dure.backends.contract import JobRequest, SetBinding, SetGrace, SetLent
from dure.backends.local import LocalBackend

TAKE_BACKS, PER_JOB = 20, 5
POOL, ACCELERATORS, LENT = "pool", 4, 2
GRACE_S = 10
PATIENCE_S = 30.0
MEMBERS = members("kim")
STAMP = ("/bin/sh", "-c", 'date +%s.%N > "$DURE_CHECKPOINT_DIR/rank-$DURE_RANK"')
TRAINING = (sys.executable, "-m", "dure.cli.demo.training", "--steps", "250")
HOW = f"make bench-take-back; local engine, {TAKE_BACKS} take-backs, wall time"


def now() -> datetime:
    return datetime.now(UTC)


def prepare(engine: LocalBackend) -> None:
    """An allocation of all accelerators, and a share of them lent."""
    engine.apply(SetGrace(grace_s=GRACE_S))
    engine.apply(SetLent(share=share("lent", ACCELERATORS, pool=POOL, members=MEMBERS)))
    owned = binding("a-1", ACCELERATORS, now=now(), project="owner", pool=POOL, members=MEMBERS)
    engine.apply(SetBinding(binding=owned))


def owner_starts(engine: LocalBackend) -> float:
    """Seconds from the owner's submission until all its processes run."""
    submitted = time.time()
    job = engine.submit(
        JobRequest(
            project="owner",
            allocation="a-1",
            pool=POOL,
            accelerators=ACCELERATORS,
            command=STAMP,
            username="kim",
            working_directory="/",
        )
    )
    engine.wait(job, "completed", timeout_s=PATIENCE_S)
    stamps = [checkpoints(engine, job) / f"rank-{rank}" for rank in range(ACCELERATORS)]
    return max(float(stamp.read_text()) for stamp in stamps) - submitted


def lent_training(engine: LocalBackend, *, interruptions: int) -> tuple[str, list[float]]:
    """The lent job's result, and how long its owner waited each time."""
    job = engine.submit(
        JobRequest(
            project="lent",
            pool=POOL,
            accelerators=LENT,
            command=TRAINING,
            username="kim",
            working_directory="/",
        )
    )
    waits = []
    for attempt in range(1, interruptions + 1):
        engine.wait(job, "running", timeout_s=PATIENCE_S)
        until_it_trains(engine.log(job, attempt=attempt))
        time.sleep(0.02 * attempt)  # at another step each time
        waits.append(owner_starts(engine))
    engine.wait(job, "completed", timeout_s=PATIENCE_S)
    result = json.loads((checkpoints(engine, job) / "result.json").read_text())
    return str(result["weights"]), waits


def until_it_trains(log: Path) -> None:
    eventually(
        lambda: log.exists() and "starts at step" in log.read_text(),
        f"training in {log}", within_s=PATIENCE_S, every_s=0.01,
    )  # fmt: skip


def checkpoints(engine: LocalBackend, job: str) -> Path:
    return engine.log(job, attempt=1).parents[1] / "checkpoint"


def p95(waits: list[float]) -> float:
    return sorted(waits)[int(0.95 * len(waits)) - 1]


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="dure-bench-") as folder,
        LocalBackend(
            Path(folder) / "state", pool=POOL, model="H100", accelerators=ACCELERATORS, clock=now
        ) as engine,
    ):
        prepare(engine)
        floor = [owner_starts(engine) for _ in range(TAKE_BACKS)]
        undisturbed, _ = lent_training(engine, interruptions=0)
        lost, waits = 0, []
        for _ in range(TAKE_BACKS // PER_JOB):
            weights, more = lent_training(engine, interruptions=PER_JOB)
            lost += weights != undisturbed
            waits += more
    show(
        "Seconds from the owner's submission until all its processes run",
        ("case", "n", "p50", "p95", "most"),
        [
            (name, len(found), statistics.median(found), p95(found), max(found))
            for name, found in (("idle machine", floor), ("taken back from a lent job", waits))
        ],
    )
    taken, idle = statistics.median(waits), statistics.median(floor)
    write(
        "take-back",
        [
            at_most("owner's start after a take-back, p95", p95(waits), "s", bound=1.5, how=HOW),
            at_most("lent jobs lost or ended with other weights", lost, "jobs", bound=0, how=HOW),
            compared("owner's start after a take-back, p50", taken, "s", how=HOW),
            compared("the same on an idle machine, p50", idle, "s", how=HOW),
            compared("take-back over idle machine, p50", taken / idle, "times", how=HOW),
        ],
    )


if __name__ == "__main__":
    main()
