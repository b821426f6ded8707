"""A workload that a real Slurm played, played again by the twin's profile of it; side by side.

- The record has a row for each run of a job: `tests/published/slurm_22_05_workload.csv`, whose
  README says how it was made. Several plays of the same jobs stand in it.
- The twin is given what was submitted, and when; all else is its own. A second is added to each
  job's time: a job that sleeps so long holds its accelerators a little longer than it sleeps.
- In Slurm all lent work waits in one QOS, first come, first served: here it is one account's.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from dure.engine import scheduling as sched
from dure.engine.scheduling import job_rows as jr
from dure.twin import site
from dure.twin.policies.facts import TwinPolicy
from dure.twin.profiles import PROFILES, Profile
from dure.twin.scenario import SitePool
from dure.vocabulary.programme.money import Lending

RECORD: Final = Path(__file__).parents[1] / "published" / "slurm_22_05_workload.csv"
SHARES: Final = {"a": 24, "b": 16, "c": 16, "d": 8}
TURNAROUND_S: Final = 1
"""From the end of a run until the next one's work begins: of 0, 1 and 2 s nearest to the record.

Jobs of minutes and hours do not notice, so the profile does without."""

POOL: Final = SitePool(id="lab", nodes=8, accelerators_per_node=8)
YOUNGEST_FIRST: Final = TwinPolicy(
    label="pool", says="as the recorded Slurm was set", lends=True, victims="youngest"
)

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Run:
    """One row of the record; times in seconds after the first submission."""

    job: int
    project: str
    kind: str
    accelerators: int
    work_s: int
    limit_s: int
    submit_s: int
    eligible_s: int
    start_s: int
    end_s: int
    outcome: str


Played = list[list[Run]]
"""By job, its runs in order."""


def read(play: str, path: Path = RECORD) -> Played:
    """One play of the record."""
    with path.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["play"] == play]
    runs = [
        Run(
            project=row["project"], kind=row["kind"], outcome=row["outcome"],
            **{
                name: int(row[name])
                for name in (
                    "job", "accelerators", "work_s", "limit_s",
                    "submit_s", "eligible_s", "start_s", "end_s",
                )
            },
        )
        for row in rows
    ]  # fmt: skip
    return [list(of_job) for _, of_job in groupby(runs, key=lambda run: run.job)]


@dataclass(frozen=True, slots=True)
class Times:
    """Of each job: when it came, first started and was done; how many runs were cut short."""

    submit_s: Ints
    start_s: Ints
    end_s: Ints
    taken: Ints
    lent: Bools


def recorded(played: Played) -> Times:
    """What Slurm did. Work that is done in its grace, but after its time, it records as TIMEOUT."""
    first = [runs[0] for runs in played]
    return Times(
        submit_s=np.array([run.submit_s for run in first], np.int64),
        start_s=np.array([run.start_s for run in first], np.int64),
        end_s=np.array([runs[-1].end_s for runs in played], np.int64),
        taken=np.array([sum(r.outcome == "PREEMPTED" for r in runs) for runs in played], np.int64),
        lent=np.array([run.kind == "lent" for run in first]),
    )


def twin(played: Played, *, grace_s: int, profile: Profile = PROFILES["slurm-22.05"]) -> Times:
    """What the twin does with the same jobs under the profile."""
    asked, world = recorded(played), _begun(played, grace_s, profile)
    world = sched.advance(world, sched.FOREVER)
    state, log = world.state, sched.segments(world)
    assert (state.status == jr.DONE).all()
    cut = np.bincount(log[0, log[4] == jr.TAKEN_BACK], minlength=len(played))
    return Times(asked.submit_s, state.start_s, state.end_s, cut, asked.lent)


def _begun(played: Played, grace_s: int, profile: Profile) -> sched.World:
    first = [runs[0] for runs in played]
    queues = list(SHARES)
    none = np.zeros(len(first), np.int64)
    submit = np.array([run.submit_s for run in first], np.int64)
    jobs = sched.Jobs(
        submit_s=submit,
        work_s=np.array([run.work_s for run in first], np.int64) + TURNAROUND_S,
        limit_s=np.array([run.limit_s for run in first], np.int64) + TURNAROUND_S,
        width=np.array([run.accelerators for run in first], np.int64),
        account=np.array(
            [len(queues) if r.kind == "lent" else queues.index(r.project) for r in first], np.int64
        ),
        kind=np.array(
            [sched.LENT if r.kind == "lent" else sched.GUARANTEED for r in first], np.int64
        ),
        key=submit,
        user=none,
        checkpoint_s=none,
        save_s=none - 1,
        restart_s=none,
    )
    zeros = np.zeros(len(queues) + 1, np.int64)
    accounts = sched.Accounts(
        entitled=np.array([*SHARES.values(), 0], np.int64),
        lent_ceiling=np.array([*(0 for _ in queues), sum(SHARES.values())], np.int64),
        lent_order=zeros,
        frozen=zeros,
        home=zeros,
        weight=np.ones(len(zeros)),
    )
    lending = Lending(grace_s=grace_s, backoff_s=0)
    rules = site.rules(POOL, YOUNGEST_FIRST, profile, lending)
    pool = sched.Pool(POOL.nodes, POOL.accelerators_per_node, np.zeros(POOL.nodes, np.int64))
    return sched.begin(pool, jobs, accounts, rules)


@dataclass(frozen=True, slots=True)
class Apart:
    """How far two plays of the same jobs are apart."""

    in_order: float  # share of the pairs of jobs that start in the same order
    median_s: dict[str, float]  # of the differences of waits, either way, by class
    p95_s: dict[str, float]
    mean_wait_s: dict[str, tuple[float, float]]  # of the one, of the other
    taken: tuple[int, int]  # take-backs
    victims: tuple[int, int]  # jobs taken back at least once
    end_s: tuple[int, int]


def apart(one: Times, other: Times) -> Apart:
    """The figures side by side."""
    classes = {"guaranteed": ~one.lent, "lent": one.lent}
    waits = one.start_s - one.submit_s, other.start_s - other.submit_s
    gap = np.abs(waits[0] - waits[1])
    return Apart(
        in_order=_in_order(one.start_s, other.start_s),
        median_s={name: float(np.median(gap[rows])) for name, rows in classes.items()},
        p95_s={name: float(np.percentile(gap[rows], 95)) for name, rows in classes.items()},
        mean_wait_s={
            name: (float(waits[0][rows].mean()), float(waits[1][rows].mean()))
            for name, rows in classes.items()
        },
        taken=(int(one.taken.sum()), int(other.taken.sum())),
        victims=(int((one.taken > 0).sum()), int((other.taken > 0).sum())),
        end_s=(int(one.end_s.max()), int(other.end_s.max())),
    )


def _in_order(one: Ints, other: Ints) -> float:
    """Pairs that start at the same second in either play say nothing and are not counted."""
    signs = np.sign(one[:, None] - one) * np.sign(other[:, None] - other)
    return float((signs > 0).sum() / (signs != 0).sum())
