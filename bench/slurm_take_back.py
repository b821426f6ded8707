"""Taking lent accelerators back on a real Slurm of 8 nodes x 8: the bars of DESIGN section 9.

- The cluster is full of lent jobs. An owner comes for two or four whole nodes; counted is the time
  from the owner's submission until the last of its ranks runs, by the wall clock.
- Grace 0: the lent jobs end at SIGTERM. Grace 30: they save for half a second first, and go on from
  there; every attempt must begin at the step at which the one before it ended.
- Under a competing load, forty more lent jobs wait for the room that is freed. None may start in it
  before the owner does.
- What floor there is: the same owner on an idle cluster. There is no rival here: no portal of the
  field takes anything back.
- Slurm 22.05 with its own `cred_expire` (120 s) and the back-off of repeated take-backs turned off:
  the jobs here are taken back dozens of times.
"""

from __future__ import annotations

import getpass
import json
import logging
import math
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog
from bench.report import at_least, at_most, compared, show, write
from tests.bindings import binding, members, share
from tests.waiting import eventually

from dure.backends.contract import JobRequest, JobStatus, SetBinding, SetGrace, SetLent
from dure.backends.slurm.backend import SlurmBackend
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.cli.slurm_lab import Lab, Shape

TAKE_BACKS = 30
COMPETING, WAITING = 40, 40
NODES, PER_NODE = 8, 8
SAVING_S = 0.5
PATIENCE_S = 90.0
ME = getpass.getuser()
MEMBERS = members(ME)
HOW = f"make bench-slurm-take-back; Slurm 22.05, {NODES} x {PER_NODE}, wall time"

HOLDING = (
    "/bin/sh",
    "-c",
    'echo from 0 >> "$DURE_CHECKPOINT_DIR/history-$DURE_RANK"; exec sleep 100000',
)
STAMP = ("/bin/sh", "-c", 'date +%s.%N > "$DURE_CHECKPOINT_DIR/began-$DURE_RANK"')

WORK = """
import os, signal, sys, time
home, rank = os.environ["DURE_CHECKPOINT_DIR"], os.environ["DURE_RANK"]
saved, ends, saving_s = f"{home}/step-{rank}", sys.argv[1], float(sys.argv[2])
step = int(open(saved).read()) if os.path.exists(saved) else 0
with open(f"{home}/history-{rank}", "a") as history:
    history.write(f"from {step}\\n")
leaving = []
signal.signal(signal.SIGTERM, lambda *_: leaving.append(1))
while not os.path.exists(ends) and not leaving:
    time.sleep(0.1)
    step += 1
if leaving:
    time.sleep(saving_s)
with open(saved + ".new", "w") as file:
    file.write(str(step))
os.replace(saved + ".new", saved)
with open(f"{home}/history-{rank}", "a") as history:
    history.write(f"{'left' if leaving else 'done'} {step}\\n")
sys.exit(143 if leaving else 0)
"""


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Play:
    """A cluster, the engine on it, and what was handed in."""

    engine: SlurmBackend
    home: Path
    lent: list[str] = field(default_factory=list)

    def hand_in(self, command: tuple[str, ...], accelerators: int, *, owner: bool = False) -> str:
        return self.engine.submit(
            JobRequest(
                project="owner" if owner else "lent",
                allocation="a-1" if owner else None,
                pool="pool",
                accelerators=accelerators,
                command=command,
                username=ME,
                working_directory="/",
            )
        )

    def borrow(self, accelerators: int, *, saves: bool) -> None:
        saving = (sys.executable, "-I", "-S", "-c", WORK, str(self.ends), str(SAVING_S))
        self.lent.append(self.hand_in(saving if saves else HOLDING, accelerators))

    @property
    def ends(self) -> Path:
        """When this file is there, lent work is done."""
        return self.home / "ends"

    def end(self) -> None:
        """All lent work is done, and completed."""
        self.ends.touch()
        until(lambda: all(s.state == "completed" for s in self.engine.jobs() if s.job in self.lent))

    def places(self) -> dict[str, Path]:
        """The folder of every job's checkpoints."""
        records = (json.loads(p.read_text()) for p in (self.home / "state/jobs").glob("*.json"))
        return {one["job"]: Path(one["folder"]) / "checkpoint" for one in records}

    def owner_starts(self, accelerators: int) -> tuple[str, float, float]:
        """The owner's job, when it was handed in, and when the last of its ranks ran."""
        submitted = time.time()
        job = self.hand_in(STAMP, accelerators, owner=True)
        place = self.places()[job]
        until(lambda: len(stamps(place)) == accelerators)
        began = max(stamps(place))
        until(lambda: self.status(job).state == "completed")
        return job, submitted, began

    def status(self, job: str) -> JobStatus:
        return next(status for status in self.engine.jobs() if status.job == job)

    def full(self) -> bool:
        """Whether the lent jobs hold the cluster and have got as far as their first step.

        Single accelerators beside whole nodes may leave a node that is not quite full.
        """
        places, held = self.places(), 0
        for status in self.engine.jobs():
            if status.job in self.lent and status.state == "running":
                history = places[status.job] / "history-0"
                if not history.exists() or history.read_text().count("from") != status.attempt:
                    return False
                held += status.request.accelerators
        return held > (NODES - 1) * PER_NODE


def stamps(place: Path) -> list[float]:
    found = (path.read_text().strip() for path in place.glob("began-*"))
    return [float(text) for text in found if text]


def until(holds: Callable[[], bool]) -> None:
    eventually(holds, within_s=PATIENCE_S)


@contextmanager
def cluster() -> Iterator[Play]:
    """A lab with an allocation of all of it, and all of it lent."""
    home = Path(tempfile.mkdtemp(prefix="dure-bench-"))
    lab = Lab(home / "lab", Shape(nodes=NODES, accelerators=PER_NODE, requeue_s=120))
    lab.up()
    pool = SlurmPool(
        pool="pool", model="B200", partition="main", accelerators=NODES * PER_NODE,
        per_node=PER_NODE,
    )  # fmt: skip
    site = SlurmSite(
        cluster=lab.shape.cluster,
        pools=(pool,),
        slurm_conf=str(lab.folder.slurm_conf),
        commands=lab.commands,
        first_back_off_s=0,
    )
    try:
        with SlurmBackend(home / "state", site=site, clock=now) as engine:
            prepare(engine)
            yield Play(engine, home)
    finally:
        lab.kill()
        shutil.rmtree(home)


def prepare(engine: SlurmBackend) -> None:
    engine.apply(SetGrace(grace_s=30))
    whole = NODES * PER_NODE
    owned = binding("a-1", whole, now=now(), project="owner", servers=NODES, members=MEMBERS)
    engine.apply(SetBinding(binding=owned))
    engine.apply(SetLent(share=share("lent", whole, members=MEMBERS)))


def taken_back(play: Play, *, times: int, accelerators: int) -> tuple[list[float], int]:
    """How long the owner waited each time, and how many lent jobs started in between."""
    waits, overtook = [], 0
    for number in range(times):
        until(play.full)
        time.sleep(0.1 * (number % 10))  # at another moment of Slurm's timers each time
        _, submitted, began = play.owner_starts(accelerators)
        waits.append(began - submitted)
        overtook += sum(
            status.started is not None and submitted < status.started.timestamp() < int(began)
            for status in play.engine.jobs()
            if status.job in play.lent and status.state == "running"
        )
    return waits, overtook


def lost(play: Play) -> tuple[int, int]:
    """Lets all lent work end. Returns those that were lost or began elsewhere than they had ended,
    and how often jobs were taken back in all."""
    play.end()
    wrong = taken = 0
    for status in play.engine.jobs():
        if status.job not in play.lent:
            continue
        taken += status.attempt - 1
        for rank in range(status.request.accelerators):
            history = (play.places()[status.job] / f"history-{rank}").read_text().split()
            steps = [int(word) for word in history[1::2]]
            if steps[2::2] != steps[1:-1:2] or history[-2] != "done":
                wrong += 1
                break
    return wrong, taken


def p95(waits: list[float]) -> float:
    return sorted(waits)[math.ceil(0.95 * len(waits)) - 1]


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    two, four = 2 * PER_NODE, 4 * PER_NODE
    with cluster() as play:
        idle = [began - at for _, at, began in (play.owner_starts(two) for _ in range(TAKE_BACKS))]
        for _ in range(NODES):
            play.borrow(PER_NODE, saves=False)
        prompt, _ = taken_back(play, times=TAKE_BACKS, accelerators=two)
    with cluster() as play:
        for _ in range(NODES):
            play.borrow(PER_NODE, saves=True)
        saving, _ = taken_back(play, times=TAKE_BACKS, accelerators=two)
        for number in range(WAITING):
            play.borrow(PER_NODE if number % 2 else 1, saves=True)
        loaded, overtook = taken_back(play, times=COMPETING, accelerators=four)
        wrong, taken = lost(play)
    cases = {
        "idle cluster, 2 x 8": idle,
        "grace 0, 2 x 8": prompt,
        "grace 30, saving 0.5 s, 2 x 8": saving,
        "the same, forty more waiting, 4 x 8": loaded,
    }
    show(
        "Seconds from the owner's submission until all its processes run",
        ("case", "n", "p50", "p95", "most"),
        [(name, len(w), statistics.median(w), p95(w), max(w)) for name, w in cases.items()],
    )
    write(
        "slurm_take_back",
        [
            at_most(
                "owner's 2 x 8 starts, grace 0, p95 of 30", p95(prompt), "s", bound=1.5, how=HOW
            ),
            at_most(
                "owner's 2 x 8 starts, grace 30, p95 of 30", p95(saving), "s", bound=3, how=HOW
            ),
            at_most(f"lent jobs lost in {taken} take-backs", wrong, "jobs", bound=0, how=HOW),
            at_most("lent jobs that started before the owner", overtook, "jobs", bound=0, how=HOW),
            compared(
                "owner's 4 x 8 starts, forty lent jobs waiting, p95", p95(loaded), "s", how=HOW
            ),
            at_least("lent jobs taken back with a checkpoint", taken, "times", bound=200, how=HOW),
            *(
                compared(f"{name}, p50", statistics.median(waits), "s", how=HOW)
                for name, waits in cases.items()
            ),
        ],
    )


if __name__ == "__main__":
    main()
