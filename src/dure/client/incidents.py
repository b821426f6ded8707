"""What the hub's user API says of outages and maintenance."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from dure.client.models import View


class IncidentView(View):
    """One outage of one server. `credited`: accelerator-seconds given back to owners so far."""

    id: int
    pool: str
    node: str
    cause: Literal["failed", "drained", "removed", "device"]
    severity: Literal["low", "medium", "high"]
    starts: AwareDatetime
    ends: AwareDatetime | None
    spare: str
    window: str | None
    reason: str
    credited: int


class IncidentsView(View):
    """One page of the incidents, the latest first; `before` is the next page's, if there is one."""

    incidents: tuple[IncidentView, ...]
    before: int | None = None


class MaintenanceView(View):
    """A window in which servers of a pool are out; no nodes named: all of them."""

    id: str
    pool: str
    nodes: tuple[str, ...]
    starts: AwareDatetime
    ends: AwareDatetime
    why: str
    announced: AwareDatetime


class MaintenanceAsked(View):
    """A window to announce."""

    pool: str
    nodes: tuple[str, ...] = ()
    starts: AwareDatetime
    ends: AwareDatetime
    why: str = Field(default="", max_length=300)
