"""What runs the jobs on this machine: the engine that comes with Dure, or a real Slurm.

- Slurm is a lab of its own in the demo's folder, of one node with as many accelerators as the pool
  has; it ends with the demo.
- Jobs of Slurm belong to Unix users. Whoever runs the demo becomes a member of both projects.
"""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Protocol

from dure.agent.site import LocalConfig, SiteConfig, SlurmConfig
from dure.backends.slurm.handed import HandedIn
from dure.backends.slurm.site import SlurmPool
from dure.cli.slurm_lab import Lab, Shape, packages
from dure.hub.supply.models import Pool

REPORT_EVERY_S, TEND_EVERY_S = 1, 0.5


class SiteEngine(Protocol):
    """One way to run the jobs of a pool on this machine."""

    @property
    def name(self) -> str:
        """As the cluster's `engine` in the programme."""

    def start(self, pool: Pool) -> None:
        """It runs, with what the pool has, until it is ended."""

    def described(self, pool: Pool) -> SiteConfig:
        """What the provider would write into site.yaml."""

    @property
    def account(self) -> str | None:
        """The account that all jobs here belong to; None: each to whoever handed it in."""

    def files_of(self, state: Path, job: str) -> Path:
        """Where the job's attempts and its checkpoint lie."""


class OwnEngine:
    """The local engine: processes of this machine, no installation."""

    name = "local"
    account = None

    def start(self, pool: Pool) -> None:
        """It lives in the agent."""

    def described(self, pool: Pool) -> SiteConfig:
        return LocalConfig(
            pool=pool.key,
            model=pool.model,
            slots=pool.accelerators_per_node,
            report_every_s=REPORT_EVERY_S,
            tend_every_s=TEND_EVERY_S,
        )

    def files_of(self, state: Path, job: str) -> Path:
        return state / "engine" / "jobs" / job


class RealSlurm:
    """Munge, database, accounting, controller and one node: Debian's Slurm."""

    name = "slurm"

    def __init__(self, home: Path) -> None:
        """Raises PackagesMissing."""
        packages.require()
        self.account = getpass.getuser()
        self._lab = Lab(home)

    def start(self, pool: Pool) -> None:
        """Raises UnableToStart."""
        size = pool.accelerators_per_node
        self._lab.shape = Shape(nodes=1, accelerators=size, block_nodes=1, cpus=2 * size)
        self._lab.up()

    def described(self, pool: Pool) -> SiteConfig:
        size = pool.accelerators_per_node
        one = SlurmPool(
            pool=pool.key, model=pool.model, partition="main", accelerators=size, per_node=size
        )
        return SlurmConfig(
            cluster=self._lab.shape.cluster,
            pools=(one,),
            slurm_conf=str(self._lab.folder.slurm_conf),
            commands=self._lab.commands,
            report_every_s=REPORT_EVERY_S,
            tend_every_s=TEND_EVERY_S,
        )

    def files_of(self, state: Path, job: str) -> Path:
        handed = HandedIn(state / "engine" / "jobs").of_job(job)
        if handed is None:
            raise LookupError(f"job {job} was not handed in through Dure")
        return Path(handed.folder)
