"""The provider's description of a Slurm cluster: what it is called there and in the programme.

- A pool of the programme is a partition, and where accelerators of several models stand in the
  cluster, the type of its accelerators in gres.conf.
- What a site gives to the programme may be less than what stands in the partition.
- `suffix` tells the names of a second pool's QOS and lent accounts from the first one's. It never
  changes once the pool is in use: the names of what runs hang on it.
"""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from dure.vocabulary.frozen import Frozen

COMMANDS: Final = "/usr/bin:/usr/local/bin:/opt/slurm/bin"
"""Where packages and the usual builds put Slurm's commands."""

NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""What a partition, a cluster or a type is called in slurm.conf."""


class SlurmPool(Frozen):
    """One pool of the programme on this cluster."""

    pool: str = Field(min_length=1, description="the pool's id in the programme file")
    model: str = Field(min_length=1, description="the accelerator model's id there")
    partition: str = Field(pattern=NAME, description="the partition that is the pool")
    accelerators: int = Field(gt=0, description="accelerators the site gives to the programme")
    per_node: int = Field(default=8, gt=0, description="accelerators of one node")
    cpus: int | None = Field(
        default=None,
        gt=0,
        description="processors that go with the accelerators of one node: a project's jobs hold "
        "no more than their part; nothing: they are not limited",
    )
    gres: str = Field(default="gpu", pattern=NAME, description="their name in gres.conf")
    type: str | None = Field(
        default=None,
        pattern=NAME,
        description="their type in gres.conf; only where the cluster has several types",
    )
    suffix: str = Field(
        default="",
        pattern=r"^([a-z0-9][a-z0-9_-]{0,20})?$",
        description="ends the names of this pool's QOS; the first pool needs none",
    )
    job_options: tuple[str, ...] = Field(
        default=(),
        description="what sbatch is told of every job handed in through Dure, such as "
        "--cpus-per-task=12 or --mem-per-gpu=100G",
    )

    @property
    def tres(self) -> str:
        """What is limited and counted: `gres/gpu`, or `gres/gpu:h100` where types differ."""
        return f"gres/{self.gres}" if self.type is None else f"gres/{self.gres}:{self.type}"

    def amounts(self, accelerators: int) -> tuple[tuple[str, int], ...]:
        """What so many accelerators come to, by what Slurm limits."""
        own = (self.tres, accelerators)
        return (own,) if self.cpus is None else (("cpu", self.processors(accelerators)), own)

    def processors(self, accelerators: int) -> int:
        """The processors that go with so many accelerators, where they are limited."""
        return accelerators * (self.cpus or 0) // self.per_node

    def request(self, accelerators: int) -> str:
        """As `--gres` asks for it on one node: `gpu:8` or `gpu:h100:8`."""
        kind = self.gres if self.type is None else f"{self.gres}:{self.type}"
        return f"{kind}:{accelerators}"


class SlurmSite(Frozen):
    """One cluster, run by Slurm."""

    engine: Literal["slurm"] = "slurm"
    cluster: str = Field(pattern=NAME, description="ClusterName in slurm.conf")
    pools: tuple[SlurmPool, ...] = Field(min_length=1)
    slurm_conf: str | None = Field(
        default=None, description="where slurm.conf stands; nothing: where Slurm looks by itself"
    )
    commands: str = Field(default=COMMANDS, description="folders of Slurm's commands, by colons")
    timeout_s: float = Field(default=60.0, gt=0, description="a command that takes longer failed")
    exporters: tuple[str, ...] = Field(
        default=(),
        description="where accelerators' figures are read, if anywhere: addresses or files",
    )
    exporters_every_s: int = Field(
        default=30, gt=0, description="how often they are read; most renew every 10 to 60 s"
    )
    engine_state: str = Field(
        default="engine", description="the engine's folder, from the state folder on"
    )
    submit_table: str | None = Field(
        default=None,
        description="where job_submit.lua reads who may do what: `dure-accounts` beside slurm.conf",
    )
    portal: str = Field(default="", description="where members ask for changes, told when refused")
    jobs_folder: str | None = Field(
        default=None,
        description="a folder that every node sees, of root's and writable by nobody else: in "
        "`dure-jobs` there lie logs and checkpoints of jobs handed in through Dure; nothing: in "
        "the engine's folder, which is right where all nodes are this machine",
    )
    lowest_uid: int = Field(
        default=1000,
        ge=1,
        description="the Unix users of people are numbered from here on (UID_MIN in "
        "/etc/login.defs): no job is handed in as one below",
    )
    first_back_off_s: int = Field(
        default=60,
        ge=0,
        description="how long lent work stays out of the way that was taken back three times; "
        "doubled each time, an hour at most; 0: never",
    )
    segment_s: int = Field(
        default=300, gt=0, description="usage is cut every so many seconds; never change it"
    )

    @model_validator(mode="after")
    def _tells_pools_apart(self) -> Self:
        for what in ("pool", "suffix"):
            said = [getattr(pool, what) for pool in self.pools]
            if len(set(said)) < len(said):
                raise ValueError(f"two pools have the same {what}: {', '.join(map(repr, said))}")
        places = [(pool.partition, pool.tres) for pool in self.pools]
        if len(set(places)) < len(places):
            raise ValueError("two pools are the same accelerators of the same partition")
        return self

    def pool(self, name: str) -> SlurmPool | None:
        """The pool of that id in the programme, if this cluster has it."""
        return next((pool for pool in self.pools if pool.pool == name), None)
