"""A job request as Slurm takes it: pure.

- A gang is one task per accelerator, started by one srun: together or not at all. Fewer
  accelerators than a node has lie on one node; more are whole nodes.
- The batch script becomes srun (`exec`), so nothing of ours stands between Slurm's signals and the
  ranks, and srun's exit code, the first failure's, is the job's.
- Every attempt has its own logs; the checkpoint folder is the job's, over all attempts.
- Ranks learn their place from the same variables as under the local engine.
- Nothing of the request is read by a shell but as a quoted word.
"""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dure.backends.contract import JobRefused, JobRequest
from dure.backends.slurm import names
from dure.backends.slurm.settings import seconds
from dure.backends.slurm.site import SlurmPool

MARK: Final = "dure-"
"""What the name of a job begins with that was handed in through Dure; its token follows."""

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_WOULD_START: Final = re.compile(r"Job \d+ to start at (\d+)\b")
"""With SLURM_TIME_FORMAT=%s."""

_FIRST_PORT, _PORTS = 10_000, 10_000
"""Below what Linux gives to outgoing connections (from 32768) and what Slurm takes; jobs that stand
on one node at the same time are fewer than 10,000 numbers apart."""

_RANK: Final = """\
export DURE_RANK="$SLURM_PROCID" DURE_LOCAL_RANK="$SLURM_LOCALID" DURE_WORLD_SIZE="$SLURM_NTASKS"
export DURE_MASTER_ADDR="$SLURM_LAUNCH_NODE_IPADDR"
gpus="${SLURM_STEP_GPUS:-$SLURM_JOB_GPUS}" skip="$SLURM_LOCALID"
while [ "$skip" -gt 0 ]; do gpus="${gpus#*,}" skip=$((skip - 1)); done
export DURE_ACCELERATORS="${gpus%%,*}"
exec "$@"
"""
"""By sh, which is up in a third of bash's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a job handed in through Dure keeps its files; every node sees them."""

    folder: Path

    @property
    def script(self) -> Path:
        return self.folder / "job.sh"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint"

    @property
    def batch_log(self) -> Path:
        """What went wrong before the ranks started."""
        return self.folder / "batch.log"

    def attempt(self, attempt: int) -> Path:
        return self.folder / f"attempt-{attempt}"

    def log(self, attempt: int, rank: int = 0) -> Path:
        return self.attempt(attempt) / f"rank-{rank}.log"


def check(request: JobRequest, pool: SlurmPool, *, longest: str) -> None:
    """Raises JobRefused for what cannot be said to Slurm, or would wait for ever."""
    allowed_s = seconds(longest)
    if allowed_s is not None and (request.time_limit_s or 0) > allowed_s:
        raise JobRefused(f"the longest job of the partition {pool.partition} is {longest}")
    spread = request.accelerators > pool.per_node and request.accelerators % pool.per_node
    if spread:
        raise JobRefused(
            f"{request.accelerators} accelerators are more than one node has; "
            f"ask for whole nodes, a multiple of {pool.per_node}"
        )
    for name, value in request.environment.items():
        if not _VARIABLE.fullmatch(name) or "\0" in value:
            raise JobRefused(f"{name!r} cannot be an environment variable")
    if any("\0" in word for word in (*request.command, request.working_directory)):
        raise JobRefused("the command or the working directory holds a NUL character")


def arguments(
    request: JobRequest, pool: SlurmPool, *, token: str, place: Place, longest: str
) -> tuple[str, ...]:
    """The words after `sbatch`. `longest`: what the partition allows; its default would end a job
    that says nothing of its time."""
    limit = request.time_limit_s
    return (
        "--parsable",
        f"--job-name={MARK}{token}",
        f"--account={account(request, pool)}",
        f"--qos={qos(request, pool)}",
        *_shape(request.accelerators, pool),
        "--requeue",
        "--export=ALL",  # with a list of names slurmd runs a login shell to fill in the rest
        "--open-mode=append",
        f"--output={place.batch_log}",
        f"--chdir={request.working_directory}",
        f"--time={longest if limit is None else math.ceil(limit / 60)}",
        *pool.job_options,
        str(place.script),
    )


def trial(accelerators: int, pool: SlurmPool, *, project: str) -> tuple[str, ...]:
    """The words after `sbatch` that ask when a lent job of this size would start."""
    return (
        "--test-only",
        f"--account={names.lent_account(project, pool.suffix)}",
        f"--qos={names.LENT}",
        *_shape(accelerators, pool),
        *pool.job_options,
    )


def would_start(said: str) -> datetime | None:
    """What sbatch answers to a trial."""
    found = _WOULD_START.search(said)
    return None if found is None else datetime.fromtimestamp(int(found[1]), UTC)


def _shape(accelerators: int, pool: SlurmPool) -> tuple[str, ...]:
    nodes = max(1, accelerators // pool.per_node)
    each = accelerators // nodes
    return (
        f"--partition={pool.partition}",
        f"--nodes={nodes}-{nodes}",
        f"--ntasks-per-node={each}",
        f"--gres={pool.request(each)}",
    )


def qos(request: JobRequest, pool: SlurmPool) -> str:
    """The entitlement it runs under."""
    if request.allocation is None:
        return names.LENT
    return names.allocation_qos(request.allocation, pool.suffix)


def account(request: JobRequest, pool: SlurmPool) -> str:
    """The project it runs for."""
    if request.allocation is None:
        return names.lent_account(request.project, pool.suffix)
    return names.project_account(request.project)


def script(request: JobRequest, place: Place) -> str:
    """The batch script."""
    given = "".join(f"export {k}={shlex.quote(v)}\n" for k, v in request.environment.items())
    folder = shlex.quote(str(place.folder))
    return (
        "#!/bin/bash\n"
        "unset LC_ALL TZ SLURM_TIME_FORMAT\n"  # ours, not the job's
        f"{given}"
        'export DURE_JOB="$SLURM_JOB_ID" DURE_ATTEMPT=$((${SLURM_RESTART_COUNT:-0} + 1))\n'
        f"export DURE_MASTER_PORT=$(({_FIRST_PORT} + SLURM_JOB_ID % {_PORTS}))\n"
        f"export DURE_CHECKPOINT_DIR={shlex.quote(str(place.checkpoint))}\n"
        "attempt=" + folder + '/attempt-"$DURE_ATTEMPT"\n'
        'mkdir -p "$attempt" "$DURE_CHECKPOINT_DIR"\n'
        "exec srun --kill-on-bad-exit=1 --export=ALL "
        '--output="$attempt/rank-%t.log" '
        f"sh -c {shlex.quote(_RANK)} dure-rank {shlex.join(request.command)}\n"
    )
