"""A real Slurm for the tests: one lab for each worker, as it was made again after each test.

- `slurm_lab` is the lab itself; `clean_slurm` is the same lab, emptied when the test has ended:
  no job, no reservation, no account, QOS or user but those of Slurm itself, every node idle.
- It stands under /tmp and not in pytest's folders, which no other Unix user may enter.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.newer_slurm import PROGRAMS
from tests.waiting import eventually

from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.cli.slurm_lab import Lab, Shape

OTHER_PROGRAMS: Final = os.environ.get(PROGRAMS, "")
"""The folder of another Slurm's programs, where the tests are to run on that one."""

OWN: Final = {"user": {"root"}, "account": {"root"}, "qos": {"normal"}}
"""What Slurm's database has by itself."""

QUESTIONS: Final = (
    ("squeue", "-t", "all", "-o", "%i %T %r %S %V %a %q %Q %N"),
    ("sinfo", "-N", "-l"),
    ("scontrol", "-o", "show", "job"),
    ("sdiag",),
)


def site_of(lab: Lab, *pools: SlurmPool) -> SlurmSite:
    """How its provider describes the lab: one pool, unless others are given."""
    whole = SlurmPool(
        pool="pool",
        model="B200",
        partition="main",
        accelerators=lab.shape.nodes * lab.shape.accelerators,
        per_node=lab.shape.accelerators,
    )
    return SlurmSite(
        cluster=lab.shape.cluster,
        pools=pools or (whole,),
        slurm_conf=str(lab.folder.slurm_conf),
        commands=lab.commands,
        lowest_uid=1,  # tests hand in jobs of users that every Debian has
    )


@contextmanager
def standing(shape: Shape | None = None) -> Iterator[Lab]:
    """A lab that is up, and gone at the end."""
    root = Path(tempfile.mkdtemp(prefix="dure-slurm-", dir="/tmp"))
    lab = Lab(root, replace(shape or Shape(), programs=OTHER_PROGRAMS))
    try:
        lab.up()
        yield lab
    finally:
        lab.kill()
        shutil.rmtree(root, ignore_errors=True)


def submit(lab: Lab, *options: str, run: str = "sleep 60", user: str | None = None) -> str:
    """A job of this shell text; its number."""
    command = ("sbatch", "--parsable", "-o", "/dev/null", *options, f"--wrap={run}")
    return lab.run(*command, user=user).strip()


def saved(lab: Lab) -> None:
    """Waits until slurmctld has written down what runs now: else its death would lose the jobs."""
    began, kept = time.time(), lab.root / "state" / "job_state"
    eventually(lambda: kept.exists() and kept.stat().st_mtime > began)


def state(lab: Lab, job: str) -> str:
    """The job's state, such as RUNNING."""
    return lab.run("squeue", "-h", "-j", job, "-o", "%T", "-t", "all").strip()


def books(lab: Lab, fields: str, *which: str) -> list[list[str]]:
    """Slurm's accounting of these jobs: a row a job, or with `-D` a row for each of its runs."""
    said = lab.run("sacct", "-X", "-n", "-P", *which, f"--format={fields}")
    return [line.split("|") for line in said.splitlines()]


def said_last(lab: Lab) -> str:
    """What the lab's queue, nodes and daemons say now: for whoever reads why a test failed."""
    asked = [_answer(lab, *question) for question in QUESTIONS]
    logs = sorted((lab.root / "log").glob("*.log"))
    tails = [f"{log.name}\n{_tail(log)}" for log in logs if log.stat().st_size]
    return "\n".join([*asked, *tails])


def _answer(lab: Lab, *question: str) -> str:
    try:
        return lab.run(*question, check=False, timeout_s=10)
    except subprocess.TimeoutExpired as late:
        return str(late)


def _tail(log: Path) -> str:
    lines = 80 if log.stem == "slurmctld" else 12  # it is where decisions are made
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def empty(lab: Lab) -> None:
    """The lab as it was made."""
    if not lab.accounting_is_up:
        lab.start_accounting()
    if not lab.is_up:
        lab.start_controller()
    _end_jobs(lab)
    for name in _words(lab, "scontrol", "-o", "show", "reservation"):
        if name.startswith("ReservationName="):
            lab.run("scontrol", "delete", name)
    _delete_objects(lab)
    lab.mend_nodes()


def _end_jobs(lab: Lab) -> None:
    """Cancelled, and killed until they are gone: what ignores SIGTERM would have its KillWait."""

    def none_left() -> bool:
        if left := _jobs(lab):
            lab.kill_jobs()
        return not left

    if jobs := _jobs(lab):
        lab.run("scancel", *jobs, check=False)
        eventually(none_left)


def _jobs(lab: Lab) -> list[str]:
    return sorted(set(_words(lab, "squeue", "-h", "-o", "%A")))


def _delete_objects(lab: Lab) -> None:
    """Users first: an account that is somebody's default would stay."""
    for kind, own in OWN.items():
        what = "name" if kind == "qos" else kind
        names = _words(lab, "sacctmgr", "-n", "-P", "list", kind, f"format={what}")
        if more := sorted({*names} - own):
            lab.run("sacctmgr", "-i", "delete", kind, f"name={','.join(more)}")


def _words(lab: Lab, *command: str) -> list[str]:
    return lab.run(*command).split()
