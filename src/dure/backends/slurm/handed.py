"""The jobs handed in through Dure, kept beside Slurm: what was asked, and which job it became.

- Written before sbatch runs, with a token that is the job's name in Slurm; Slurm's number is added
  after. A crash in between leaves a request without a number, and the name finds it again.
- It goes when its end has been told long ago.
- The record lies in the agent's own folder: the job's user cannot rewrite it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime

from dure.backends import durable
from dure.backends.contract import JobRequest
from dure.vocabulary.frozen import Frozen

_SUFFIX: Final = ".json"


class Handed(Frozen):
    """One request. `job` is None until Slurm has said its number.

    `missing_since`: when first neither the queue nor slurmdbd knew the job.
    """

    token: str
    request: JobRequest
    submitted: AwareDatetime
    folder: str
    job: str | None = None
    missing_since: AwareDatetime | None = None


class HandedIn:
    """The folder of records; what was read is kept in memory. One thread at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        found = (Handed.model_validate_json(p.read_bytes()) for p in folder.glob(f"*{_SUFFIX}"))
        self._all = {one.token: one for one in found}
        self._of_job = {one.job: one for one in self._all.values() if one.job is not None}

    def __iter__(self) -> Iterator[Handed]:
        return iter(tuple(self._all.values()))

    def keep(self, handed: Handed) -> None:
        """Durable on return."""
        path = self._folder / f"{handed.token}{_SUFFIX}"
        durable.write(path, handed.model_dump_json().encode(), mode=0o600)
        self._all[handed.token] = handed
        if handed.job is not None:
            self._of_job[handed.job] = handed

    def forget(self, token: str) -> None:
        """It never became a job, or nobody asks for it any more."""
        (self._folder / f"{token}{_SUFFIX}").unlink(missing_ok=True)
        gone = self._all.pop(token, None)
        if gone is not None and gone.job is not None:
            self._of_job.pop(gone.job, None)

    def of_job(self, job: str) -> Handed | None:
        return self._of_job.get(job)
