"""What is known of nodes, and what an incident plan consists of.

- An incident is one node's outage, however many causes it shows: they join it while it lasts, so
  that no second of a node is lost twice.
- Instants are whole seconds; periods are half-open.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field

from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Intent, Plan, Reason

NodeState = Literal["up", "draining", "down", "unknown"]
Cause = Literal["failed", "drained", "removed", "device"]
Severity = Literal["low", "medium", "high"]
"""low: announced, or the provider's own doing; medium: a spare stands in; high: less is there than
was promised."""

FaultKind = Literal["xid", "ecc", "link"]

OURS: Final = "dure:"
"""How the reason of a drain begins that the programme asked for."""

REMOVAL: Final = "removal-"
"""How the rest of it begins where a node was removed for good."""


class Lost(Frozen):
    """Owner's work that ended with a node: it ran from `started` until the node failed."""

    job: str
    attempt: int = Field(ge=1)
    allocation: str
    accelerators: int = Field(gt=0)
    started: AwareDatetime
    ended: AwareDatetime

    @property
    def key(self) -> str:
        """What a credit for it is known by."""
        return f"{self.job}/{self.attempt}"


class NodeFacts(Frozen):
    """A node as its site last said. `booted`: None where the engine does not know."""

    pool: str
    node: str
    state: NodeState
    reason: str = ""
    since: AwareDatetime
    block: str = ""
    booted: AwareDatetime | None = None
    in_service_since: AwareDatetime
    lost: tuple[Lost, ...] = ()


class Fault(Frozen):
    """What an accelerator reported and nobody has judged yet. `id` names it among all."""

    id: int
    pool: str
    node: str
    device: str
    kind: FaultKind
    code: str
    at: AwareDatetime


class Incident(Frozen):
    """An incident so far. `ends` is None while it is open; `credited` are the keys of its credits.

    `drains`: the node is kept out of service by us until it was started anew after `drains_since`,
    when the last fault that asks for it was seen.
    """

    number: int
    pool: str
    node: str
    cause: Cause
    starts: AwareDatetime
    ends: AwareDatetime | None = None
    drains: bool = False
    drains_since: AwareDatetime | None = None
    spare: str = ""
    lost: tuple[Lost, ...] = ()
    credited: tuple[str, ...] = ()


class PoolFacts(Frozen):
    """`programme_nodes`: all but the provider's own use, which bears no outage."""

    pool: str
    accelerators_per_node: int = Field(gt=0)
    programme_nodes: int = Field(ge=0)


class Promise(Frozen):
    """A stretch in which an allocation was promised `servers` of a pool."""

    allocation: str
    pool: str
    servers: int = Field(gt=0)
    starts: AwareDatetime
    ends: AwareDatetime


class Window(Frozen):
    """Maintenance. `nodes` empty: all of the pool."""

    id: str
    pool: str
    nodes: tuple[str, ...] = ()
    starts: AwareDatetime
    ends: AwareDatetime
    announced: AwareDatetime

    def covers(self, pool: str, node: str) -> bool:
        """Whether the node is one of those maintained."""
        return self.pool == pool and (not self.nodes or node in self.nodes)


class IncidentSnapshot(Frozen):
    """All that incidents are decided from.

    `incidents`: the open ones, and the ended ones that overlap one of them or the outage of a node,
    or lie in the window of the lemon rule; `windows` likewise. `standing`: (pool, node) whose
    removal was proposed, decided or refused within that window. Of a cluster whose agent is silent,
    nothing is known and nothing is here.
    """

    pools: tuple[PoolFacts, ...] = ()
    nodes: tuple[NodeFacts, ...] = ()
    faults: tuple[Fault, ...] = ()
    incidents: tuple[Incident, ...] = ()
    promises: tuple[Promise, ...] = ()
    windows: tuple[Window, ...] = ()
    standing: tuple[tuple[str, str], ...] = ()


class Open(Intent):
    """A node is out: a new incident, with what stands in for it and whose work ended with it."""

    intent: Literal["open"] = "open"
    pool: str
    node: str
    cause: Cause
    severity: Severity
    starts: AwareDatetime
    drains: bool = False
    drains_since: AwareDatetime | None = None
    window: str = ""
    spare: str = ""
    spare_reason: Reason
    lost: tuple[Lost, ...] = ()
    faults: tuple[int, ...] = ()


class Join(Intent):
    """More of the same outage. `drains`, `drains_since` and `lost` as they are from now on."""

    intent: Literal["join"] = "join"
    incident: int
    drains: bool = False
    drains_since: AwareDatetime | None = None
    lost: tuple[Lost, ...] = ()
    faults: tuple[int, ...] = ()


class Close(Intent):
    """The node is back, or is no more."""

    intent: Literal["close"] = "close"
    incident: int
    ends: AwareDatetime


Change = Open | Join | Close
"""What happens to an incident itself."""


class Credit(Intent):
    """`amount` accelerator-seconds back to an owner. `key` is once an incident."""

    intent: Literal["credit"] = "credit"
    incident: int
    key: str
    allocation: str
    amount: int = Field(gt=0)


class Propose(Intent):
    """A node that fails too often: its removal is proposed to a person."""

    intent: Literal["propose"] = "propose"
    pool: str
    node: str
    failures: int = Field(gt=0)


IncidentIntent = Annotated[Open | Join | Close | Credit | Propose, Field(discriminator="intent")]


class IncidentPlan(Plan):
    """What opens, joins, ends, is given back and is proposed, in this order."""

    kind: Literal["incidents"] = "incidents"
    intents: tuple[IncidentIntent, ...] = ()
    application_faults: tuple[int, ...] = ()
    """Faults that are the work's own or only to be watched: judged, and nothing follows."""
