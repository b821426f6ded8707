"""What the hub's user API answers, as a program reads it.

- Amounts are whole numbers with their unit in the name; times have a zone.
- A field the hub adds later is ignored: an older command keeps working against a newer hub.
- Words for people (`reason`) come in the language of the request; codes never change.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue

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


class SupplyCallView(View):
    """A supply call; `bids` is told once it is closed."""

    id: str
    title: Text
    state: Literal[
        "announced", "open", "closed", "checked", "written", "presentation", "scored", "decided"
    ]
    opens: AwareDatetime
    closes: AwareDatetime
    bids: int | None


class BidOutcomeView(View):
    """What a choice means for one bid; points are exact fractions, as text."""

    bid: str
    provider: str
    rank: int | None
    outcome: Literal["won", "reduced", "refused", "below_pass_mark", "not_scored", "out"]
    total: str
    reviewed: str | None
    computed: dict[str, str]
    price: int
    public_servers: int
    reason_code: str
    reason: str
    changes: tuple[str, ...]


class ChoiceView(View):
    """The latest plan of a supply call; `conflict` names rules that cannot be met together."""

    call: str
    plan: int
    status: Literal["proposed", "applied", "superseded"]
    optimal: bool
    budget: int
    price: int
    public_accelerators: int
    accelerators: int
    conflict: tuple[str, ...]
    outcomes: tuple[BidOutcomeView, ...]


class CallView(View):
    """A call and how many answered it."""

    id: str
    title: Text
    state: Literal["announced", "open", "closed", "screened", "reviewing", "ranked", "decided"]
    opens: AwareDatetime
    closes: AwareDatetime
    applications: int


Outcome = Literal["awarded", "reduced", "waitlisted", "ineligible"]


class BlockView(View):
    """Servers of an award that stand in one block of its pool."""

    block: int
    servers: int


class OutcomeView(View):
    """What a round means for one application, and why.

    `place` is where it stands in the round's order. `start` counts months from first supply;
    `starts` and `ends` say the same as times. `change` is the smallest change that would have
    served it; `failures` the eligibility rules it no longer meets.
    """

    application: str
    title: str
    sector: str
    servers: int
    pool: str | None
    outcome: Outcome
    rank: int | None
    place: int | None = None
    score: str | None
    start: int | None = None
    months: int = 0
    starts: AwareDatetime | None = None
    ends: AwareDatetime | None = None
    blocks: tuple[BlockView, ...] = ()
    reason_code: str
    reason: str
    change_code: str | None = None
    change: str | None = None
    failures: tuple[str, ...] = ()


class ApprovalView(View):
    """One person's approval of a plan."""

    by: str
    at: AwareDatetime


class RoundView(View):
    """One plan of an allocation round. `objective` and `bound` are merit."""

    call: str
    plan: int
    status: Literal["proposed", "applied", "superseded"]
    optimal: bool
    objective: int = 0
    bound: int = 0
    offered: int
    approvals: tuple[ApprovalView, ...] = ()
    approvals_needed: int = 1
    outcomes: tuple[OutcomeView, ...]


class FunnelView(View):
    """How many applications are left at each step of a round; amounts in servers and months."""

    applications: int
    fit_a_pool: int
    within_bounds: int
    served_whole: int
    served_in_part: int
    waiting: int
    servers_asked: int
    server_months_asked: int
    server_months_given: int
    merit: int
    bound: int


class SuccessView(View):
    """How one group fared; `low` and `high` are the interval of 95 % of its success."""

    dimension: str
    group: str
    label: str
    applications: int
    served: int
    server_months_asked: int
    server_months_given: int
    success: float
    low: float
    high: float


class PriceView(View):
    """What one more server for a month would add, in merit; no month: over the whole round."""

    kind: str
    name: str
    month: int | None
    merit: int


class BoundView(View):
    """A bound of the round: what is held, given and left of it, month by month."""

    group: str
    label: str
    unit: str
    most: int | None
    least: int | None
    held: tuple[int, ...]
    given: tuple[int, ...]
    left: tuple[int, ...] | None
    reached: int
    prices: tuple[PriceView, ...]


class PoolUseView(View):
    """Servers of a pool in a round, month by month."""

    pool: str
    model: str
    offered: tuple[int, ...]
    given: tuple[int, ...]
    left: tuple[int, ...]


class ReportView(View):
    """What a round came to. `complaints`: better-placed applications passed over for no reason."""

    call: str
    plan: int
    funnel: FunnelView
    fairness: tuple[SuccessView, ...]
    bounds: tuple[BoundView, ...]
    pools: tuple[PoolUseView, ...]
    complaints: int


class DifferenceView(View):
    """Where a plan made again differs from the stored one."""

    where: str
    stored: JsonValue
    made: JsonValue


class ReplayView(View):
    """A plan made again from what was stored with it."""

    plan: int
    same: bool
    differences: tuple[DifferenceView, ...]


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
    kind: Literal["CHARGE", "REFUND", "CREDIT", "PULLBACK", "DEPOSIT", "VOID"]
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


class RefusalView(View):
    """An application that screening refuses, or would refuse, and why."""

    application: str
    title: str
    organisation: str
    rules: tuple[str, ...]
    fields: tuple[str, ...]
    reasons: tuple[str, ...]


class DuplicateView(View):
    """Two applications that may be one project; `ruling` is empty until the operator decides."""

    first: str
    second: str
    percent: int
    evidence: tuple[str, ...]
    ruling: Literal["", "same", "different"] = ""


class TokenView(View):
    """A personal token, without the token itself. It opens nothing once revoked or expired."""

    id: int
    label: str
    created: AwareDatetime
    expires: AwareDatetime
    revoked: AwareDatetime | None


class OrganisationView(View):
    """An entry of the register."""

    id: int
    name: str
    registration_number: str
    sector: str
    region: str


class OrganisationDoubleView(View):
    """Two entries of the register that may be one organisation, and why."""

    first: OrganisationView
    second: OrganisationView
    evidence: tuple[str, ...]


class ScreeningView(View):
    """A call's screening; with `applied` false it is what would be decided now."""

    call: str
    applied: bool
    judged: int
    refused: tuple[RefusalView, ...]
    duplicates: tuple[DuplicateView, ...]
