"""What sacct has of the jobs of a load, what the hub counted of them, and how the two differ.

- The truth is sacct's: every run of every job, its seconds and accelerators.
- The hub must have each run as segments that tile it once. What it has otherwise is lost, counted
  twice, or forgotten by Slurm: counted while it ran, and overwritten by the job's next run.
- Owner's jobs whose nodes stood ran exactly once, to their end.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from tests.slurm_lab import books
from tests.slurm_load import GUESTS, OWNERS, Site

_FIELDS: Final = "JobIDRaw,Start,End,State,Account,AllocTRES"
_ALL: Final = ("-a", "-S", "now-1days")

Run = tuple[int, int, int]
"""What held accelerators: start, end, accelerators."""

Runs = dict[str, list[Run]]
"""By job."""


def truth(site: Site, since_job: int) -> tuple[Runs, dict[str, list[str]]]:
    """What sacct says of our jobs from a number on: their runs, and every run's state."""
    runs: Runs = defaultdict(list)
    states: dict[str, list[str]] = defaultdict(list)
    for job, start, end, state, account, tres in books(site.lab, _FIELDS, *_ALL, "-D"):
        if int(job) < since_job or account not in {OWNERS, GUESTS}:
            continue
        states[job].append(state)
        held = [int(w.partition("=")[2]) for w in tres.split(",") if w.startswith("gres/gpu=")]
        if held and start.isdigit() and end.isdigit() and int(start) < int(end):
            runs[job].append((int(start), int(end), held[0]))
    return {job: sorted(found) for job, found in runs.items()}, states


def counted(site: Site, since_job: int) -> Runs:
    """What the hub has of the same jobs, each attempt's segments joined where they meet."""
    runs: Runs = defaultdict(list)
    for (job, _), records in site.segments().items():
        if int(job) < since_job:
            continue
        for record in records:
            start, end = int(record.start.timestamp()), int(record.end.timestamp())
            before = runs[job][-1] if runs[job] else (0, 0, 0)
            if before[1:] == (start, record.accelerators):
                runs[job][-1] = (before[0], end, record.accelerators)
            else:
                runs[job].append((start, end, record.accelerators))
    return {job: sorted(found) for job, found in runs.items()}


def differences(true: Runs, has: Runs) -> tuple[int, int, int]:
    """Accelerator-seconds of all jobs: lost, counted twice, and forgotten by Slurm."""
    compared = [_compared(true.get(job, []), has.get(job, [])) for job in {*true, *has}]
    lost, twice, forgotten = (sum(column) for column in zip(*compared, strict=True))
    return lost, twice, forgotten


def not_spared(site: Site, states: dict[str, list[str]], *, victim: bool) -> int:
    """Owner's jobs that did not run exactly once to their end though no node of theirs died."""
    owners = {job for (job,) in books(site.lab, "JobIDRaw", *_ALL, "-A", OWNERS)}
    mine = {job: said for job, said in states.items() if job in owners}
    cancelled = [job for job, said in mine.items() if said[0].startswith("CANCELLED")]
    wrong = [
        job
        for job, said in mine.items()
        if said != ["COMPLETED"] and not (victim and "NODE_FAIL" in said)
    ]
    return len(set(wrong) - set(cancelled[:1]))  # the guaranteed one is ended by us


def held(runs: list[Run]) -> int:
    return sum((end - start) * many for start, end, many in runs)


def _compared(truth: list[Run], counted: list[Run]) -> tuple[int, int, int]:
    """Accelerator-seconds of one job: lost, counted twice, and forgotten by Slurm."""
    lost = sum(_alone(run, counted) for run in truth if run not in counted)
    twice = sum(_shared(one, [other]) for n, one in enumerate(counted) for other in counted[:n])
    forgotten = 0
    for run in counted:
        if run in truth:
            continue
        if _shared(run, truth):
            twice += _alone(run, truth)
        else:
            forgotten += held([run])
    return lost, twice, forgotten


def _shared(run: Run, others: list[Run]) -> int:
    """Accelerator-seconds of a run that others have too."""
    start, end, many = run
    return sum(
        max(0, min(end, other_end) - max(start, other_start)) * min(many, other_many)
        for other_start, other_end, other_many in others
    )


def _alone(run: Run, others: list[Run]) -> int:
    return held([run]) - _shared(run, others)
