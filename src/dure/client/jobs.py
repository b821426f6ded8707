"""What the hub's user API asks and answers of jobs."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, ConfigDict, Field

from dure.client.models import View
from dure.protocol.jobs import Argument

JobState = Literal[
    "ordered", "pending", "running", "stopping", "completed", "failed", "cancelled", "refused"
]

OVER: frozenset[JobState] = frozenset({"completed", "failed", "cancelled", "refused"})

Lent = Literal["no", "also", "only"]


class JobAsked(View):
    """A job to hand in. `project` None: the bearer's only one.

    `allocation`, or `pool` on loan, names the place; with neither it is chosen among the places of
    one site, with `anywhere` among all. `lent`: whether it may run on lent capacity, where it may
    be preempted and starts again. `models`: those that will do, the best first.
    """

    model_config = ConfigDict(str_strip_whitespace=False)

    project: Argument | None = None
    command: tuple[Argument, ...] = Field(min_length=1)
    accelerators: int = Field(gt=0, le=100_000)
    allocation: Argument | None = None
    pool: Argument | None = None
    lent: Lent = "no"
    anywhere: bool = False
    models: tuple[Argument, ...] = ()
    memory_gb: int = Field(default=0, ge=0)
    name: Argument = Field(default="", max_length=80)
    environment: dict[Argument, Argument] = {}
    working_directory: Argument = Field(default="", max_length=300)
    time_limit_s: int | None = Field(default=None, gt=0, le=2**31 - 1)


class PlaceView(View):
    """What one place means for a job: when it would start there, and why it is not chosen."""

    cluster: str
    pool: str
    allocation: str | None
    start: Literal["at_once", "at", "after_own", "unknown", "never"]
    at: AwareDatetime | None = None
    code: str
    reason: str
    why_not: str | None = None


class RouteView(View):
    """Where a job would run: the places from the best on. `chosen` None: none can run it."""

    chosen: PlaceView | None
    places: tuple[PlaceView, ...]


class JobView(View):
    """One job as its agent last described it. `waits`: why it does not run, in words."""

    id: int
    name: str
    project: str
    allocation: str | None
    cluster: str
    pool: str
    accelerators: int
    username: str
    state: JobState
    attempt: int
    is_wanted: bool
    engine_job: str | None
    asked: AwareDatetime
    submitted: AwareDatetime | None = None
    started: AwareDatetime | None = None
    ended: AwareDatetime | None = None
    exit_code: int | None = None
    waits: str | None = None
    refused: str | None = None
    route: RouteView | None = None


class JobLogView(View):
    """The end of what a job's first process wrote; `at` None: nothing has been sent yet."""

    id: int
    state: JobState
    attempt: int
    text: str
    at: AwareDatetime | None


class JobsView(View):
    """One page of the jobs, the latest first; `before` is the next page's, if there is one."""

    jobs: tuple[JobView, ...]
    before: int | None = None
