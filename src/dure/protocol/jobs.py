"""Jobs of people: what the hub asks a site to run, and what the site says of each.

- An order is a wish that stands: the document holds it until the hub knows how its job ended. The
  site carries it out exactly once; its id is the label of the engine's job.
- What no order names is left alone: a hub restored from a backup ends nobody's work.
- A note is how a job stands now, whole; said again, it changes nothing. Jobs that people started on
  the login node have notes without an order.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints, model_validator

from dure.protocol.names import LARGEST_COUNT, Name, Words
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Reason

JobState = Literal["pending", "running", "stopping", "completed", "failed", "cancelled"]
"""stopping: told to end and still holding its accelerators, for at most the grace period."""

FINISHED: frozenset[JobState] = frozenset({"completed", "failed", "cancelled"})

NotedState = Literal[JobState, "refused"]
"""refused: the engine never took the job, and says why."""

LONGEST_COMMAND: Final = 64 * 1024
"""Bytes of a job's command with its environment: Linux takes 128 KiB in one argument."""

LONGEST_LOG: Final = 16 * 1024
"""Bytes of a log's end that a note carries: some 200 lines."""

SAY_ALL_EVERY: Final = timedelta(minutes=10)
"""So often a site says how every job stands, also of those that stand as they did."""

_ASIS: Final = ConfigDict(str_strip_whitespace=False)

Argument = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""What a Unix process can be given."""


class JobRequest(Frozen):
    """A gang: one process per accelerator, started together or not at all."""

    model_config = _ASIS

    project: str
    allocation: str | None = None
    """The entitlement it uses; None means lent: preemptible, on idle capacity."""
    pool: str
    accelerators: int = Field(gt=0)
    command: tuple[Argument, ...] = Field(min_length=1)
    username: str
    environment: dict[str, Argument] = {}
    working_directory: str
    """Empty in an order: the submitter's own place on the site."""
    label: str | None = None
    """What its submitter calls it: by this an order's job is found again after a crash."""
    time_limit_s: int | None = Field(default=None, gt=0)
    """An attempt that runs longer is ended; None: until it ends itself."""


class JobOrder(Frozen):
    """A job that a member asked of the hub. `wants_log`: somebody reads its output now."""

    order: Name
    request: JobRequest
    wanted: Literal["run", "cancel"] = "run"
    wants_log: bool = False

    @model_validator(mode="after")
    def _is_its_label(self) -> JobOrder:
        if self.request.label not in (None, self.order):
            raise ValueError("an order's job is labelled with the order")
        return self


class JobNote(Frozen):
    """How a job stands. Natural key: the order, or without one the engine's job.

    `log`: the end of what its first process last wrote; None where this note does not say.
    `words`: the engine's own words of a refusal.
    """

    model_config = _ASIS

    order: Name | None = None
    job: Name | None = None
    state: NotedState
    project: Name
    allocation: Name | None = None
    pool: Name
    username: Name
    accelerators: int = Field(gt=0, le=LARGEST_COUNT)
    attempt: int = Field(default=1, ge=1, le=LARGEST_COUNT)
    submitted: AwareDatetime | None = None
    started: AwareDatetime | None = None
    ended: AwareDatetime | None = None
    exit_code: int | None = Field(default=None, ge=-LARGEST_COUNT, le=LARGEST_COUNT)
    waits: Reason | None = None
    words: Words = ""
    log: Annotated[Words, StringConstraints(max_length=LONGEST_LOG)] | None = None

    @model_validator(mode="after")
    def _names_something(self) -> JobNote:
        if self.order is None and self.job is None:
            raise ValueError("a note names an order or an engine's job")
        if self.waits is not None and r"\u0000" in self.waits.model_dump_json():
            raise ValueError("a reason has no null in it")
        return self


class StartEstimate(Frozen):
    """When a job of this size, handed in now, would start here. `lent`: on what stands idle.

    `at` None: the engine sees no time at which it could.
    """

    accelerators: int = Field(gt=0, le=LARGEST_COUNT)
    lent: bool
    at: AwareDatetime | None
