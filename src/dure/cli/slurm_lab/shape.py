"""What a lab is made of, and where in its folder everything lies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class NodeGroup(NamedTuple):
    """Nodes in a row that carry the same accelerators."""

    first: int
    last: int
    model: str

    @property
    def names(self) -> str:
        return f"n[{self.first}-{self.last}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """`requeue_s`: how long a requeued job is not eligible; Slurm's own default is 120.

    `kill_wait_s`: seconds between SIGTERM and SIGKILL; the default is Slurm's own.
    `second_nodes`: the last so many nodes; they carry `second_model` and stand in the partition
    `second_partition`, each where it is named.
    `submit_script`: Dure's own advice at submission, where Slurm's Lua plugin is installed.
    `sleeping`: nodes power up when a job lands on them: thousands fit on one machine.
    `extra`: lines added to slurm.conf.
    `programs`: a folder with the programs of another Slurm than the system's.
    """

    nodes: int = 8
    accelerators: int = 8
    model: str = "b200"
    block_nodes: int = 4
    cluster: str = "lab"
    requeue_s: int = 5
    kill_wait_s: int = 30
    cpus: int = 8
    second_nodes: int = 0
    second_model: str = ""
    second_partition: str = ""
    submit_script: bool = True
    sleeping: bool = False
    extra: tuple[str, ...] = ()
    programs: str = ""

    @property
    def node_names(self) -> tuple[str, ...]:
        return tuple(f"n{number}" for number in range(1, self.nodes + 1))

    @property
    def models(self) -> tuple[str, ...]:
        """Every accelerator model of the cluster."""
        return (self.model, self.second_model) if self._has_two_models else (self.model,)

    @property
    def groups(self) -> tuple[NodeGroup, ...]:
        """The nodes by what they carry; a group without nodes is left out."""
        first = self.nodes - self.second_nodes
        second = self.second_model if self._has_two_models else self.model
        both = (NodeGroup(1, first, self.model), NodeGroup(first + 1, self.nodes, second))
        return tuple(group for group in both if group.first <= group.last)

    @property
    def partitions(self) -> tuple[tuple[str, str], ...]:
        """Each partition with its nodes; the first is the default one."""
        if not self.second_nodes or not self.second_partition:
            return (("main", "ALL"),)
        main, second = self.groups
        return (("main", main.names), (self.second_partition, second.names))

    @property
    def _has_two_models(self) -> bool:
        return bool(self.second_nodes and self.second_model)

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
    PRIVATE = ("db", "munge", "state")

    def make(self) -> None:
        """Every user of the machine may reach the lab; its key and its database nobody else."""
        for part in self.PARTS:
            (self.root / part).mkdir(parents=True, exist_ok=True)
            (self.root / part).chmod(0o700 if part in self.PRIVATE else 0o755)
        self.root.chmod(0o755)

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
