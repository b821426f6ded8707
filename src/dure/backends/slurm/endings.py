"""How a job ended that slurmctld has forgotten, as slurmdbd has it: pure.

- The last run of a job is its end; the runs before it were requeued.
- A job that neither of them knows has no end that could be said: it is `failed`, without a code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from dure.backends.contract import JobState, JobStatus
from dure.backends.slurm import queue
from dure.backends.slurm.handed import Handed

_FIELDS: Final = ("JobIDRaw", "State", "Start", "End", "ExitCode")
SINCE: Final = "1970-01-02T00:00:00"
"""With job numbers, sacct looks back a day unless it is told to look further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a job. `taken_back`: Slurm ended it for another job's sake."""

    job: str
    state: JobState
    started_s: int
    ended_s: int
    exit_code: int
    taken_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The last run, and how many there were."""

    last: Run
    attempts: int


def question(jobs: Iterable[str]) -> tuple[str, ...]:
    """sacct's arguments for all runs of these jobs."""
    return (
        "sacct", "-a", "-X", "-D", "-n", "-P", "-S", SINCE, "-j", ",".join(jobs),
        f"--format={','.join(_FIELDS)}",
    )  # fmt: skip


def by_name(name: str, handed: Handed) -> tuple[str, ...]:
    """sacct's arguments for the numbers of this user's jobs of that name, since it was said."""
    since = f"{handed.submitted.astimezone(UTC) - timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}"
    return (
        "sacct", "-X", "-n", "-P", "-S", since, f"--name={name}",
        f"--user={handed.request.username}", "--format=JobIDRaw",
    )  # fmt: skip


def runs(text: str) -> dict[str, list[Run]]:
    """Every run that began, by job, in their order."""
    found: dict[str, list[Run]] = {}
    for line in text.splitlines():
        parts = line.split("|")
        if len(parts) == len(_FIELDS):
            run = _run(dict(zip(_FIELDS, parts, strict=True)))
            found.setdefault(run.job, []).append(run)
    return {job: sorted(of, key=_when) for job, of in found.items()}


def endings(found: Mapping[str, list[Run]]) -> dict[str, Ending]:
    """Of the jobs whose last run has ended."""
    return {
        job: Ending(last=of[-1], attempts=max(1, sum(run.started_s > 0 for run in of)))
        for job, of in found.items()
        if of[-1].ended_s
    }


def status(handed: Handed, ending: Ending | None) -> JobStatus:
    """Of a job that has left the queue."""
    if ending is None:
        return _of_no_ending(handed, "failed")
    last = ending.last
    return JobStatus(
        job=last.job,
        request=handed.request,
        state=last.state,
        attempt=ending.attempts,
        submitted=handed.submitted,
        started=_at(last.started_s),
        ended=_at(last.ended_s),
        exit_code=None if last.state == "cancelled" else last.exit_code,
    )


def unread(handed: Handed) -> JobStatus:
    """Of a job that has left the queue while slurmdbd, which knows how, is away."""
    return _of_no_ending(handed, "stopping")


def _of_no_ending(handed: Handed, state: JobState) -> JobStatus:
    return JobStatus(
        job=str(handed.job),
        request=handed.request,
        state=state,
        attempt=1,
        submitted=handed.submitted,
    )


def _run(said: Mapping[str, str]) -> Run:
    code, _, signal = said["ExitCode"].partition(":")
    return Run(
        job=said["JobIDRaw"],
        state=queue.phase(said["State"]),
        started_s=_seconds(said["Start"]),
        ended_s=_seconds(said["End"]),
        exit_code=128 + int(signal) if signal.strip("0") else int(code or 0),
        taken_back=said["State"].partition(" ")[0] == "PREEMPTED",
    )


def _when(run: Run) -> tuple[bool, int, int]:
    return run.ended_s == 0, run.ended_s, run.started_s  # what has no end is the latest


def _at(second: int) -> datetime | None:
    return datetime.fromtimestamp(second, UTC) if second else None


def _seconds(text: str) -> int:
    return int(text) if text.isdigit() else 0
