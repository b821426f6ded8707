"""A site on real Slurm and the load that goes on there while something breaks.

- A hub, the agent's own command and Slurm's daemons, each a process of its own; the agent reaches
  the hub by a wire that can be cut.
- Two projects with the one user root: an owner bound to two thirds of everything, and a guest with
  all of it on loan.
- The load: owner's jobs, which take accelerators back from lent ones, and lent ones that come back.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from tests.answering import free_port
from tests.bindings import binding, members, share
from tests.site_processes import SiteProcesses
from tests.slurm_lab import site_of
from tests.unit.agent.site_hub import CLUSTER
from tests.waiting import eventually
from tests.wire import Wire

from dure.agent import inspection
from dure.agent.site import SlurmConfig
from dure.cli.slurm_lab import Lab, Shape
from dure.protocol import Desired

SHAPE: Final = Shape(
    nodes=3, accelerators=4, block_nodes=3, kill_wait_s=2, extra=("SlurmdTimeout=5",)
)
"""A node that is silent is down after 5 s, the least that Slurm knows, instead of 300."""

OWNER, GUEST = "own", "guest"
OWNERS, GUESTS = f"p-{OWNER}", f"l-{GUEST}"
"""The accounts of their jobs."""

QUEUE: Final = 20
"""More jobs than that are not handed in: what is lost or doubled shows in few as in many."""


class Site(SiteProcesses):
    """Everything that runs, and what Slurm and the agent say of it."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        port = free_port()
        self.wire = Wire(port)
        said = site_of(lab).model_dump()
        quick = {"report_every_s": 1, "tend_every_s": 1.0, "segment_s": 60}
        quick["first_back_off_s"] = 0  # else the load's last jobs stay out of the way for minutes
        super().__init__(folder, SlurmConfig(**(said | quick)), port=port, through=self.wire.port)
        self.records.want(_wanted(lab.shape))

    def begin(self) -> None:
        """Both processes run, and the hub's word is in force."""
        self.start_hub()
        self.start_agent()
        until(self.bound, "the agent binds")

    def close(self) -> None:
        if self.agent is not None and self.agent.poll() is None:
            self.stop_agent(within_s=60)
        self.kill_hub()
        self.wire.close()
        self.records.database.close()

    def bound(self) -> bool:
        """Whether the hub's word is in force: the last that is set are the members' seats."""
        asked = ("sacctmgr", "-nP", "show", "assoc", "user=root", "format=account")
        return {OWNERS, GUESTS} <= set(self.lab.run(*asked).split())

    def submit(self, *options: str, run: str) -> str:
        """A job's number, or nothing while Slurm takes none."""
        command = ("sbatch", "--parsable", "-o", "/dev/null", *options, f"--wrap={run}")
        try:
            return self.lab.run(*command, check=False, timeout_s=30).strip()
        except subprocess.TimeoutExpired:
            return ""

    def queued(self) -> set[str]:
        """The jobs that have not ended."""
        return set(self.lab.run("squeue", "-h", "-a", "-o", "%A", check=False).split())

    def shown(self, job: str, field: str) -> str:
        """A field of squeue's of a job, empty where Slurm has none."""
        return self.lab.run("squeue", "-h", "-j", job, "-o", field, check=False).strip()

    def problems(self) -> str:
        """What the agent says is wrong now."""
        with contextlib.suppress(OSError, ValueError):
            return "; ".join(inspection.status(self.state).problems)
        return ""

    def said_through(self, instant: datetime) -> bool:
        with contextlib.suppress(OSError, ValueError):
            return super().said_through(instant)
        return False


class Load:
    """Jobs that come while something breaks."""

    def __init__(self, site: Site, *, seed: int) -> None:
        self._site, self._chance = site, random.Random(seed)  # noqa: S311  # a load, no secret
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(0.5):
            if len(self._site.queued()) > QUEUE:
                continue
            size = self._chance.choice((1, 1, 2, 4))
            lasts = self._chance.uniform(0.5, 3)
            self._submit(OWNERS, size, lasts)
            size, lasts = self._chance.choice((1, 2, 4)), self._chance.uniform(2, 6)
            self._submit(GUESTS, size, lasts, "--requeue")

    def _submit(self, account: str, size: int, lasts_s: float, *more: str) -> None:
        model = self._site.lab.shape.model  # see the trap of untyped requests in slurm-faults.md
        asked = ("-A", account, f"--gres=gpu:{model}:{size}", *more)
        self._site.submit(*asked, run=f"sleep {lasts_s:.1f}")


def until(holds: Callable[[], object], what: str, *, within_s: float = 60) -> None:
    """A process of Slurm's is asked each time, so not too often."""
    eventually(holds, what, within_s=within_s, every_s=0.1)


def _wanted(shape: Shape) -> Desired:
    root = members("root")
    now = datetime.now(UTC).replace(microsecond=0)
    everything = shape.nodes * shape.accelerators
    owned = binding("a", 2 * everything // 3, now=now, project=OWNER, servers=2, members=root)
    lent = share(GUEST, everything, members=root)
    return Desired(cluster=CLUSTER, revision=1, bindings=(owned,), lent=(lent,), grace_s=2)
