"""Hub to agent: everything the cluster should hold, whole, at one revision."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from dure.protocol.jobs import JobOrder
from dure.vocabulary.frozen import Frozen

AllocationState = Literal["active", "frozen", "draining", "ended"]
"""frozen: nothing new starts; draining: surplus is lent, then lowered; ended: limits at zero."""


class MemberAccess(Frozen):
    """A person who may submit under a project."""

    username: str
    role: Literal["lead", "member"] = "member"


class Binding(Frozen):
    """One allocation's entitlement on one pool of this cluster."""

    allocation: str
    project: str
    pool: str
    servers: int = Field(ge=0)
    accelerators: int = Field(ge=0)
    state: AllocationState = "active"
    members: tuple[MemberAccess, ...] = ()
    starts: AwareDatetime
    ends: AwareDatetime
    generation: int = Field(ge=0)
    accelerator_seconds: int | None = Field(default=None, ge=0)
    """A budget: what its jobs may use in all, over its whole period. None: there is none."""


class LentShare(Frozen):
    """A project that may run preemptible work on idle capacity of a pool, in this order."""

    project: str
    pool: str
    order: int = Field(ge=0)
    max_accelerators: int = Field(ge=0)
    members: tuple[MemberAccess, ...] = ()


class Maintenance(Frozen):
    """Nodes that are out of service for a time known ahead; `nodes` empty: all of the pool.

    No job starts that would run into it; what runs when it begins is left to the site.
    """

    id: str
    pool: str
    nodes: tuple[str, ...] = ()
    starts: AwareDatetime
    ends: AwareDatetime
    why: str = ""


class Drain(Frozen):
    """A node that takes no new work while this stands; `id` goes into the engine's reason."""

    id: str
    pool: str
    node: str


class Desired(Frozen):
    """The complete document. `revision` grows with every change and is the ETag."""

    protocol: Literal["dure.site/1"] = "dure.site/1"
    cluster: str
    revision: int = Field(ge=0)
    bindings: tuple[Binding, ...] = ()
    lent: tuple[LentShare, ...] = ()
    grace_s: int = Field(default=30, ge=0)
    maintenance: tuple[Maintenance, ...] = ()
    drains: tuple[Drain, ...] = ()
    orders: tuple[JobOrder, ...] = ()
