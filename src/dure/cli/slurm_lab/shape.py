"""What a lab is made of, and where in its folder everything lies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """`requeue_s`: how long a requeued job is not eligible; Slurm's own default is 120.

    `sleeping`: nodes power up when a job lands on them: thousands fit on one machine.
    `extra`: lines added to slurm.conf.
    """

    nodes: int = 8
    accelerators: int = 8
    model: str = "b200"
    block_nodes: int = 4
    cluster: str = "lab"
    requeue_s: int = 5
    cpus: int = 8
    sleeping: bool = False
    extra: tuple[str, ...] = ()

    @property
    def node_names(self) -> tuple[str, ...]:
        return tuple(f"n{number}" for number in range(1, self.nodes + 1))

    @property
    def blocks(self) -> tuple[tuple[str, ...], ...]:
        """The nodes of each fabric block."""
        count = math.ceil(self.nodes / self.block_nodes)
        return tuple(
            self.node_names[at * self.block_nodes : (at + 1) * self.block_nodes]
            for at in range(count)
        )


@dataclass(frozen=True, slots=True)
class Folder:
    """Every path of one lab."""

    root: Path

    PARTS = ("bin", "etc", "run", "log", "state", "spool", "db", "munge", "dev")

    def make(self) -> None:
        for part in self.PARTS:
            (self.root / part).mkdir(parents=True, exist_ok=True)
        for private in ("munge", "db"):
            (self.root / private).chmod(0o700)

    @property
    def slurm_conf(self) -> Path:
        return self.root / "etc" / "slurm.conf"

    @property
    def munge_socket(self) -> Path:
        return self.root / "run" / "munge.sock"

    @property
    def database_socket(self) -> Path:
        return self.root / "run" / "mysql.sock"

    def log(self, name: str) -> Path:
        return self.root / "log" / f"{name}.log"

    def pid_file(self, name: str) -> Path:
        return self.root / "run" / f"{name}.pid"
