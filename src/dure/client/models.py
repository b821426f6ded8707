"""What the hub's user API answers, as a program reads it.

- Amounts are whole numbers with their unit in the name; times have a zone.
- A field the hub adds later is ignored: an older command keeps working against a newer hub.
- Words for people (`reason`) come in the language of the request; codes never change.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from dure.protocol import Capabilities, Drift
from dure.vocabulary.frozen import Text


class View(BaseModel):
    """The base: read only, tolerant of what is new."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class PoolView(View):
    """A pool of the programme."""

    id: str
    cluster: str
    model: str
    servers: int
    accelerators_per_server: int


class ProgrammeView(View):
    """The programme as everyone may see it."""

    id: str
    name: Text
    agency: Text
    time_zone: str
    currency: str
    accelerators: int
    pools: tuple[PoolView, ...]


class CallView(View):
    """A call and how many answered it."""

    id: str
    title: Text
    state: Literal["announced", "open", "closed", "screened", "reviewing", "ranked", "decided"]
    opens: AwareDatetime
    closes: AwareDatetime
    applications: int


Outcome = Literal["awarded", "reduced", "waitlisted"]


class OutcomeView(View):
    """What a round means for one application, and why."""

    application: str
    title: str
    sector: str
    servers: int
    pool: str | None
    outcome: Outcome
    rank: int | None
    score: str | None
    reason_code: str
    reason: str


class RoundView(View):
    """One plan of an allocation round."""

    call: str
    plan: int
    status: Literal["proposed", "applied", "superseded"]
    optimal: bool
    offered: int
    outcomes: tuple[OutcomeView, ...]


class Approval(View):
    """Which plan is approved; another one than the latest is refused."""

    plan: int


class AllocationView(View):
    """A project's entitlement on a pool."""

    id: str
    project: str
    organisation: str
    pool: str
    servers: int
    accelerators: int
    state: Literal["offered", "active", "declined", "ended"]
    starts: AwareDatetime
    ends: AwareDatetime


class LedgerEntryView(View):
    """One leg of a ledger transaction; the legs of a transaction sum to zero."""

    transaction: str
    kind: Literal["CHARGE", "REFUND", "PULLBACK", "DEPOSIT", "VOID"]
    account: str
    allocation: str | None
    accelerator_seconds: int
    posted_at: AwareDatetime
    reason: str


class ClusterView(View):
    """A cluster as its agent last described it."""

    id: str
    provider: str
    engine: str
    last_heard: AwareDatetime | None
    applied_revision: int | None
    desired_revision: int
    complete_through: AwareDatetime | None
    accelerators: int
    nodes_down: int
    capabilities: Capabilities | None
    drift: tuple[Drift, ...]


class AuditView(View):
    """Whether the chain of audit events holds, and where it first does not."""

    holds: bool
    events: int
    head: str
    broken_at: int | None
