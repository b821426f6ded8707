"""Agent to hub: what the cluster is, does and did."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field, FiniteFloat, model_validator

from dure.protocol.jobs import JobNote, StartEstimate
from dure.protocol.names import LARGEST_COUNT, LARGEST_REVISION, Name, Words
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Reason

WorkKind = Literal["owner", "lent"]
NodeState = Literal["up", "draining", "down", "unknown"]
DeviceEventKind = Literal["xid", "ecc", "link"]
Outcome = Literal["running", "completed", "failed", "cancelled", "preempted"]


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
    1000, `energy_j` what the accelerators drew; None where there is no metric (which is not zero).
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
    energy_j: int | None = Field(default=None, ge=0, le=LARGEST_REVISION)

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


class LostWork(Frozen):
    """Owner's work that a failing node ended. `ended`: when the engine gave it up."""

    job: Name
    attempt: int = Field(ge=1, le=LARGEST_COUNT)
    allocation: Name
    accelerators: int = Field(gt=0, le=LARGEST_COUNT)
    started: AwareDatetime
    ended: AwareDatetime


class NodeHealth(Frozen):
    """A node as it is now.

    `up` takes work, `draining` no new work (whether or not some still runs on it), `down` does
    nothing, of an `unknown` one the engine cannot say. `since`: when this state began; `booted`:
    when the node was last started; `lost`: owners' work of the last hours that ended with it.
    """

    node: Name
    pool: Name
    state: NodeState
    reason: Words = ""
    since: AwareDatetime | None = None
    block: Name = ""
    accelerators: int = Field(default=0, ge=0, le=LARGEST_COUNT)
    booted: AwareDatetime | None = None
    lost: tuple[LostWork, ...] = ()


class DeviceEvent(Frozen):
    """An accelerator reported a fault. Natural key: (cluster, node, device, kind, code, at).

    `xid`: the driver's error number; `ecc`: `dbe` or `remap_failure`; `link`: `down`, `recovery`,
    `replay`, `crc_flit` or `crc_data`. `at`: when it was first seen.
    """

    node: Name
    device: Name
    kind: DeviceEventKind
    code: Name
    at: AwareDatetime


class PoolInventory(Frozen):
    """What the engine says a pool holds now.

    `owner_accelerators` and `lent_accelerators`: held at this moment by owners' and by lent work;
    None where the engine cannot say. `starts`: for some sizes of jobs, when they would start.
    """

    pool: Words
    model: Words
    nodes: int = Field(ge=0)
    accelerators: int = Field(ge=0)
    nodes_down: int = Field(default=0, ge=0)
    owner_accelerators: int | None = Field(default=None, ge=0)
    lent_accelerators: int | None = Field(default=None, ge=0)
    starts: tuple[StartEstimate, ...] = ()


class SiteFinding(Frozen):
    """One thing of the engine's own configuration that was looked at.

    problem: the programme's rules do not hold until it is changed. note: they hold, with this
    consequence. `change`: the exact line of configuration to write, or the command to run.
    """

    level: Literal["ok", "note", "problem"]
    about: Words
    found: Words
    says: Reason
    change: Words = ""


class Capabilities(Frozen):
    """What this site can really enforce; the hub shows it and promises no more.

    `findings`: where the engine's configuration falls short, and the line that mends it.
    """

    engine: Words
    engine_version: Words = ""
    enforces_limits: bool
    preempts_lent: bool
    requeues_lent: bool
    grace_s: int | None = None
    take_back_bound_s: FiniteFloat | None = None
    notes: tuple[Words, ...] = ()
    findings: tuple[SiteFinding, ...] = ()


class Drift(Frozen):
    """Something on the cluster that is not as the applied revision says."""

    subject: Words
    expected: Words
    found: Words


class Report(Frozen):
    """One batch, numbered by the agent; safe to send again.

    `health` is all nodes, or nothing where they are as last said.
    """

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
    health: tuple[NodeHealth, ...] = ()
    events: tuple[DeviceEvent, ...] = ()
    jobs: tuple[JobNote, ...] = ()


class Receipt(Frozen):
    """What the hub did with a batch: how much was new, how much it had already."""

    accepted: int
    known: int
