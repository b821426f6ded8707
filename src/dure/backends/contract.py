"""What the agent may ask of any engine, and what the engine promises.

- `Backend` is how the agent makes a cluster agree with the desired document and counts what was
  used. `JobQueue` is how people's jobs reach an engine that has no command of its own.
- An engine touches only objects and processes marked as ours.
- An error says what to do: `UnableToApplyNow` is worth another try with the same change,
  `ChangeRefused` and `JobRefused` are final for that change or request. Anything else is unknown.
- An instant is recorded as the whole second it lies in (rounded down). Two holders of one
  accelerator, one after the other, therefore never overlap; what starts and ends in one second
  holds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Literal, Protocol, runtime_checkable

from pydantic import AwareDatetime, Field

from dure.protocol import (
    FINISHED,
    Binding,
    Capabilities,
    DeviceEvent,
    Drain,
    Drift,
    JobRequest,
    JobState,
    LentShare,
    Maintenance,
    NodeHealth,
    NodeRecord,
    PoolInventory,
    StartEstimate,
    UsageRecord,
)
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Reason

__all__ = [
    "FINISHED",
    "AppliesTogether",
    "Backend",
    "Change",
    "ChangeRefused",
    "EstimatesStarts",
    "JobQueue",
    "JobRefused",
    "JobRequest",
    "JobState",
    "JobStatus",
    "KeepsLogs",
    "Maintains",
    "Observed",
    "RemoveBinding",
    "RemoveLent",
    "SetBinding",
    "SetGrace",
    "SetLent",
    "UnableToApplyNow",
    "UnknownJob",
    "UsageBatch",
    "Watches",
]


class UnableToApplyNow(Exception):
    """Known, retry: the engine cannot be reached or is busy; the same change may work later."""


class ChangeRefused(Exception):
    """Known, final: this change can never be applied to this engine in its present state."""


class JobRefused(Exception):
    """Known, final: this job could never start, and the message says why."""


class UnknownJob(LookupError):
    """The engine has no job of that id."""


class SetBinding(Frozen):
    """Make the entitlement (allocation, pool) exactly this one, whether it was there or not."""

    change: Literal["set_binding"] = "set_binding"
    binding: Binding


class RemoveBinding(Frozen):
    """Forget the entitlement; its running jobs end with grace and are cancelled."""

    change: Literal["remove_binding"] = "remove_binding"
    allocation: str
    pool: str


class SetLent(Frozen):
    """Make the lent share (project, pool) exactly this one."""

    change: Literal["set_lent"] = "set_lent"
    share: LentShare


class RemoveLent(Frozen):
    """Forget the share; its running jobs are preempted and wait."""

    change: Literal["remove_lent"] = "remove_lent"
    project: str
    pool: str


class SetGrace(Frozen):
    """From now on, a stopped job has this long between SIGTERM and SIGKILL."""

    change: Literal["set_grace"] = "set_grace"
    grace_s: int = Field(ge=0)


Change = Annotated[
    SetBinding | RemoveBinding | SetLent | RemoveLent | SetGrace, Field(discriminator="change")
]


class Observed(Frozen):
    """What the engine holds now of the objects marked as ours, in a stable order."""

    bindings: tuple[Binding, ...] = ()
    lent: tuple[LentShare, ...] = ()
    grace_s: int = Field(default=30, ge=0)


@runtime_checkable
class AppliesTogether(Protocol):
    """An engine to which many changes at once are cheaper than one after the other."""

    def apply_together(self, changes: Sequence[Change]) -> tuple[Exception | None, ...]:
        """As `apply` of each in this order; what each of them raised, or None.

        All reductions are made, and seen to be in force, before the first increase.
        """


class UsageBatch(Frozen):
    """Closed segments. Every segment that starts before `complete_through` is in this batch or,
    where it ended at or before the `since` that was asked, in an earlier one."""

    usage: tuple[UsageRecord, ...] = ()
    nodes: tuple[NodeRecord, ...] = ()
    complete_through: AwareDatetime


class Backend(Protocol):
    """One cluster's engine, as the agent sees it. Every method may be called again at any time."""

    def capabilities(self) -> Capabilities:
        """What this engine can really enforce. Changes nothing, does not block."""

    def inventory(self) -> tuple[PoolInventory, ...]:
        """The pools as they are now, by name. Changes nothing."""

    def observed(self) -> Observed:
        """The bindings and shares marked as ours, each as last applied.

        Changes nothing. After `apply(c)` returned, the effect of `c` is seen here.
        """

    def apply(self, change: Change) -> None:
        """Make one change; on return it is durable and governs every later start.

        Idempotent: applied twice is applied once. Does not wait for jobs: it returns within
        seconds, and what has to stop is `stopping` for at most the grace period.
        Lowering a binding ends no job by itself; what runs beyond the lowered limit becomes
        preemptible by guaranteed work. `ended`, or outside its period, a binding's jobs are
        stopped and cancelled. `frozen` and `draining` bindings start nothing new.
        A binding whose generation is lower than the held one is a late actor's: `ChangeRefused`.
        So is one on an unknown pool or beyond the pool's size.
        Raises UnableToApplyNow when nothing was changed and a retry may work.
        """

    def usage(self, since: datetime | None, until: datetime) -> UsageBatch:
        """The closed segments with `since < end <= until`, by start and job.

        Repeatable: the same question gives the same segments for ever, also after a crash.
        A long job appears as segments cut at fixed instants, so they never change once said.
        `until` later than the last settled second means that second: the one that is running
        now may still bring an end. No two segments overlap on one accelerator.
        """


class JobStatus(Frozen):
    """A job now. `attempt` counts its starts: a job preempted once runs as attempt 2."""

    job: str
    request: JobRequest
    state: JobState
    attempt: int = Field(ge=1)
    submitted: AwareDatetime
    started: AwareDatetime | None = None
    """Of the latest attempt that started; None before the first."""
    ended: AwareDatetime | None = None
    exit_code: int | None = None
    waits: Reason | None = None
    """Why a pending job does not run."""


class JobQueue(Protocol):
    """Where jobs are handed in."""

    def submit(self, request: JobRequest) -> str:
        """Accept a job and return its id; on return the job is durable and pending.

        Not idempotent: two calls are two jobs. Raises JobRefused for a job that could never
        start: no such pool, larger than its entitlement or share, a binding that starts nothing
        new, a submitter who is not a member.
        """

    def cancel(self, job: str) -> None:
        """End a job: a pending one at once, a running one with grace; a finished one stays.

        Idempotent. Raises UnknownJob.
        """

    def jobs(self) -> tuple[JobStatus, ...]:
        """All jobs in the order of submission. Changes nothing."""


class KeepsLogs(Protocol):
    """An engine that can say what a job writes."""

    def log_tail(self, job: str, *, most: int) -> bytes:
        """The last `most` bytes that the first process of its latest attempt wrote.

        Changes nothing; empty before it wrote anything. Raises UnknownJob.
        """


class EstimatesStarts(Protocol):
    """An engine that can say when a job would start."""

    def starts(self, pool: str, sizes: Iterable[int]) -> tuple[StartEstimate, ...]:
        """For jobs of these sizes handed in now, on lent capacity and beyond all guarantees.

        Changes nothing; may take a second for each size. Raises UnableToApplyNow.
        """


@runtime_checkable
class Watches(Protocol):
    """An engine that knows its nodes one by one."""

    def health(self) -> tuple[NodeHealth, ...]:
        """Every node of the pools as it is now, by pool and node. Changes nothing.

        Raises UnableToApplyNow where the engine cannot be asked: that is not a node that is down.
        """

    def events(self) -> tuple[DeviceEvent, ...]:
        """What accelerators reported in the last day, each for as long as that and once.

        Nothing where the site names no exporter, or none answers. The same event comes again with
        the same instant, also after a crash.
        """


@runtime_checkable
class Maintains(Protocol):
    """An engine that keeps nodes free for a time, or out of service, when it is told to."""

    def maintain(
        self, windows: tuple[Maintenance, ...], drains: tuple[Drain, ...]
    ) -> tuple[Drift, ...]:
        """Makes what is ours of maintenance and drains exactly this; returns what differs still.

        Idempotent. What the site's own people reserved or drained is not touched, and only a node
        that was drained for us goes back into service. Raises UnableToApplyNow.
        """
