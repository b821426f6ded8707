"""Agent to hub: what the cluster is, does and did."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, FiniteFloat, StringConstraints, model_validator

from dure.vocabulary.frozen import Frozen

WorkKind = Literal["owner", "lent"]
Outcome = Literal["running", "completed", "failed", "cancelled", "preempted"]

Name = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00]*$")]
"""What a record calls something by: what every database stores, and no more."""

LARGEST_COUNT: Final = 2**31 - 1
"""What a database's ordinary integer holds."""

Words = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""Any text that every database stores."""

LARGEST_REVISION: Final = 2**62
"""Half of what a database's integer holds, so that it can be counted on from."""


class _Segment(Frozen):
    start: AwareDatetime
    end: AwareDatetime

    @model_validator(mode="after")
    def _forward(self) -> _Segment:
        if self.end <= self.start:
            raise ValueError("a segment ends after it starts")
        if self.start.microsecond or self.end.microsecond:
            raise ValueError("segments are cut at whole seconds")
        return self


class UsageRecord(_Segment):
    """Accelerators one job attempt held over one segment.

    Natural key: (cluster, job, attempt, start). `outcome` is the job's state at `end`; `running`
    means that another segment follows. `busy_permille` is the mean accelerator activity, 0 to
    1000, or None where there is no metric (which is not zero).
    """

    job: Name
    attempt: int = Field(ge=1, le=LARGEST_COUNT)
    kind: WorkKind
    allocation: Name | None
    project: Name
    pool: Name
    username: Name
    accelerators: int = Field(gt=0, le=LARGEST_COUNT)
    outcome: Outcome
    busy_permille: int | None = Field(default=None, ge=0, le=1000)

    @model_validator(mode="after")
    def _owner_has_allocation(self) -> UsageRecord:
        if self.kind == "owner" and self.allocation is None:
            raise ValueError("owner's work names its allocation")
        return self


class NodeRecord(_Segment):
    """A node of a pool was down over one segment. Natural key: (cluster, node, start)."""

    node: Name
    pool: Name
    accelerators: int = Field(gt=0, le=LARGEST_COUNT)
    reason: Words = ""


class PoolInventory(Frozen):
    """What the engine says a pool holds now.

    `owner_accelerators` and `lent_accelerators`: held at this moment by owners' and by lent work;
    None where the engine cannot say.
    """

    pool: Words
    model: Words
    nodes: int = Field(ge=0)
    accelerators: int = Field(ge=0)
    nodes_down: int = Field(default=0, ge=0)
    owner_accelerators: int | None = Field(default=None, ge=0)
    lent_accelerators: int | None = Field(default=None, ge=0)


class Capabilities(Frozen):
    """What this site can really enforce; the hub shows it and promises no more."""

    engine: Words
    engine_version: Words = ""
    enforces_limits: bool
    preempts_lent: bool
    requeues_lent: bool
    grace_s: int | None = None
    take_back_bound_s: FiniteFloat | None = None
    notes: tuple[Words, ...] = ()


class Drift(Frozen):
    """Something on the cluster that is not as the applied revision says."""

    subject: Words
    expected: Words
    found: Words


class Report(Frozen):
    """One batch, numbered by the agent; safe to send again."""

    protocol: Literal["dure.site/1"] = "dure.site/1"
    cluster: str
    sequence: int = Field(ge=0)
    said_at: AwareDatetime
    applied_revision: int | None = Field(default=None, ge=0, le=LARGEST_REVISION)
    complete_through: AwareDatetime | None = None
    inventory: tuple[PoolInventory, ...] = ()
    capabilities: Capabilities | None = None
    usage: tuple[UsageRecord, ...] = ()
    nodes: tuple[NodeRecord, ...] = ()
    drift: tuple[Drift, ...] = ()


class Receipt(Frozen):
    """What the hub did with a batch: how much was new, how much it had already."""

    accepted: int
    known: int
