"""Plays a small workload on a real Slurm and keeps what happened: `bench.slurm_fidelity --record`.

- The workload follows from its seed: four projects share eight nodes × 8 in whole, each at work in
  bursts of its own; two that wait, and one beyond its share, borrow what is idle. Jobs sleep.
- Each project is a QOS with a limit on its accelerators and the right to preempt the QOS of lent
  work, which is requeued. Everything runs on this machine, on loopback, under one folder.
- Kept is a row for each run of a job, so that one that was taken back has several.
- The machine needs Debian's slurmctld, slurmd, slurmdbd, slurm-client, munge, mariadb-server-core,
  mariadb-client-core, bc, iproute2 and openssl. Root is not needed.
"""

from __future__ import annotations

import csv
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.scenarios.slurm_plays import SHARES

LAB: Final = Path(__file__).resolve().parents[2] / "shared" / "lab" / "slurmlab.sh"
"""Starts and ends Slurm with its database on one machine; Debian's packages, no root needed."""

SEED: Final = 2022
NODES: Final = 8
PER_NODE: Final = 8
LIMIT_S: Final = 60
"""Slurm counts limits in minutes: every job asks for one."""

PLAYS: Final = {"grace-0-a": 0, "grace-0-b": 0, "grace-10-a": 10, "grace-10-b": 10}
"""The plays of the record, and the GraceTime of lent work in each."""

CRED_EXPIRE_S: Final = 120
"""Slurm's own default: a job that was requeued may start again so much later, and a second."""

PATIENCE_S: Final = 1200
SCHEDULER: Final = (
    "sched_interval=2,bf_interval=2,sched_min_interval=0,batch_sched_delay=0,preempt_youngest_first"
)
FIELDS: Final = (
    "play", "job", "project", "kind", "accelerators", "work_s", "limit_s",
    "submit_s", "run", "eligible_s", "start_s", "end_s", "outcome", "nodes",
)  # fmt: skip
BURSTS: Final = {
    "a": ((0, 150), (300, 480)),
    "b": ((60, 240), (380, 500)),
    "c": ((120, 200), (320, 460)),
    "d": ((0, 500),),
}
BORROWERS: Final = ("d", "e", "f")
LENT_PER_S: Final = 0.08
LOAD: Final = 0.85
"""Of each project's share, while it is at work."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One job: what is submitted, and when after the first second."""

    number: int
    project: str
    kind: str
    accelerators: int
    work_s: int
    at_s: float


def workload(seed: int = SEED) -> list[Asked]:
    """The jobs in the order of their submission."""
    chance = random.Random(seed)
    drawn: list[tuple[float, str, str, int, int]] = []
    for project, share in SHARES.items():
        widths = (1, 2, 4, 8, 16) if share > PER_NODE else (1, 2, 4, 8)
        odds = (25, 20, 25, 20, 10)[: len(widths)]
        mean = sum(w * o for w, o in zip(widths, odds, strict=True)) / sum(odds) * 21.5
        for begins, ends in BURSTS[project]:
            at = begins + chance.expovariate(LOAD * share / mean)
            while at < ends:
                width = chance.choices(widths, odds)[0]
                drawn.append((at, project, "guaranteed", width, chance.randint(3, 40)))
                at += chance.expovariate(LOAD * share / mean)
    for project in BORROWERS:
        at = chance.expovariate(LENT_PER_S)
        while at < 500:
            width = chance.choices((1, 2, 4, 8, 16), (25, 20, 25, 20, 10))[0]
            drawn.append((at, project, "lent", width, chance.randint(10, 40)))
            at += chance.expovariate(LENT_PER_S)
    drawn.sort()
    return [
        Asked(number, project, kind, width, work, at)
        for number, (at, project, kind, width, work) in enumerate(drawn, start=1)
    ]


def _run(*words: str, env: Mapping[str, str]) -> str:
    done = subprocess.run(words, env=dict(env), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def _set_up(env: Mapping[str, str], grace_s: int) -> None:
    """Accounts and QOS as an agent would write them."""
    user = _run("id", "-un", env=env).strip()
    manage = ("sacctmgr", "-i")
    _run(
        *manage, "add", "qos", "lent", "set", "Priority=0", "PreemptMode=requeue",
        f"GraceTime={grace_s}", "Flags=NoReserve", "UsageFactor=0", env=env,
    )  # fmt: skip
    for project, share in SHARES.items():
        _run(
            *manage, "add", "qos", f"g-{project}", "set", "Priority=1000", "Preempt=lent",
            f"GrpTRES=gres/gpu={share}", "Flags=DenyOnLimit", env=env,
        )  # fmt: skip
    for project in sorted({*SHARES, *BORROWERS}):
        qos = [f"g-{project}"] * (project in SHARES) + ["lent"] * (project in BORROWERS)
        _run(*manage, "add", "account", f"p-{project}", env=env)
        _run(
            *manage, "add", "user", user, f"account=p-{project}",
            f"qos={','.join(qos)}", f"defaultqos={qos[0]}", env=env,
        )  # fmt: skip


def _submit(one: Asked, env: Mapping[str, str]) -> str:
    """The job's number in Slurm."""
    nodes = max(1, one.accelerators // PER_NODE)
    qos = "lent" if one.kind == "lent" else f"g-{one.project}"
    return _run(
        "sbatch", "--parsable", "-A", f"p-{one.project}", f"--qos={qos}", "--requeue",
        f"--job-name=j{one.number}", f"-N{nodes}", f"-n{nodes}",
        f"--gres=gpu:{one.accelerators // nodes}", "--cpus-per-gpu=1", f"--time={LIMIT_S // 60}",
        "--output=/dev/null", f"--wrap=exec sleep {one.work_s}", env=env,
    ).strip()  # fmt: skip


def _play(jobs: Sequence[Asked], env: Mapping[str, str]) -> dict[str, Asked]:
    """Submits each job at its time and waits until all are done; the jobs by Slurm's numbers."""
    began, known = time.monotonic(), {}
    for one in jobs:
        time.sleep(max(0.0, began + one.at_s - time.monotonic()))
        late = time.monotonic() - began - one.at_s
        known[_submit(one, env)] = one
        if one.number % 50 == 0:
            print(f"{one.number} of {len(jobs)} submitted, {late:.1f} s late", flush=True)
    while left := _run("squeue", "-h", "-o", "%i", env=env).split():
        if time.monotonic() - began > PATIENCE_S:
            sys.exit(f"stopped: {len(left)} jobs are not done after {PATIENCE_S} s")
        time.sleep(2)
    time.sleep(3)  # the records come a second later
    return known


def _rows(known: Mapping[str, Asked], env: Mapping[str, str]) -> Iterator[dict[str, object]]:
    """What Slurm recorded of each run, times counted from the first submission."""
    said = _run(
        "sacct", "-a", "-X", "-D", "-n", "-P", "-S", "now-2hours",
        "--format=JobIDRaw,Submit,Eligible,Start,End,State,NodeList",
        env={**env, "SLURM_TIME_FORMAT": "%s"},
    )  # fmt: skip
    records = [line.split("|") for line in said.splitlines()]
    records = [row for row in records if row[0] in known]
    first = min(int(row[1]) for row in records)
    runs: dict[str, int] = {}
    submitted: dict[str, int] = {}
    for name, submit, eligible, start, end, state, nodes in sorted(
        records, key=lambda row: (int(row[0]), int(row[4]) if row[4].isdigit() else 0)
    ):
        runs[name] = runs.get(name, 0) + 1
        submitted.setdefault(name, int(submit) - first)
        one = known[name]
        yield {
            "job": one.number, "project": one.project, "kind": one.kind,
            "accelerators": one.accelerators, "work_s": one.work_s, "limit_s": LIMIT_S,
            "submit_s": submitted[name], "run": runs[name],
            "eligible_s": int(eligible) - first if eligible.isdigit() else "",
            "start_s": int(start) - first if start.isdigit() else "",
            "end_s": int(end) - first if end.isdigit() else "",
            "outcome": state.split()[0], "nodes": nodes,
        }  # fmt: skip


def _play_on_slurm(folder: Path, play: str, port: int) -> list[dict[str, object]]:
    """Starts a Slurm of its own under the folder, plays, ends what it started."""
    settings = {
        "NODES": str(NODES), "GPUS": str(PER_NODE), "CPUS": str(PER_NODE), "BASE": str(port),
        "CRED_EXPIRE": str(CRED_EXPIRE_S), "EXTRA_CONF": f"SchedulerParameters={SCHEDULER}",
    }  # fmt: skip
    env = {**os.environ, **settings, "TZ": "UTC"}
    started = subprocess.run([str(LAB), "up", str(folder)], env=env, check=False)
    if started.returncode:
        sys.exit(f"Slurm did not come up; see {folder / 'log'}")
    mine = {**env, "SLURM_CONF": str(folder / "etc" / "slurm.conf")}
    try:
        _set_up(mine, PLAYS[play])
        rows = list(_rows(_play(workload(), mine), mine))
    finally:
        subprocess.run([str(LAB), "kill", str(folder)], env=mine, check=False)
    return [{"play": play, **row} for row in rows]


def record(folder: Path, to: Path, plays: Sequence[str], *, port: int = 27_000) -> None:
    """Plays one after the other and writes what happened. Ports are the first and 110 more."""
    rows = [row for play in plays for row in _play_on_slurm(folder / play, play, port)]
    with to.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, FIELDS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    print(f"{len(rows)} runs written to {to}")
