"""Outages and maintenance, for programs."""

from __future__ import annotations

from typing import Final

from ninja import Router

from dure.client.incidents import IncidentsView, IncidentView, MaintenanceAsked, MaintenanceView
from dure.hub import clock
from dure.hub.auth import PersonalToken, UserRequest
from dure.hub.incidents import operations, queries
from dure.hub.incidents.models import Incident, MaintenanceWindow
from dure.hub.portal.reasons import sentence
from dure.hub.problems import Problem
from dure.hub.supply.models import Pool

router = Router(tags=["incidents"], auth=PersonalToken())

REFUSALS: Final = {401: Problem, 404: Problem}
PAGE: Final = 50
"""Incidents of one answer."""


@router.get("incidents", response={200: IncidentsView, **REFUSALS})
def incidents(request: UserRequest, before: int | None = None) -> IncidentsView:
    """The latest incidents the bearer may see; those before an id, where one is named."""
    rows = queries.incidents(by=request.auth).order_by("-pk")
    found = list((rows if before is None else rows.filter(pk__lt=before))[: PAGE + 1])
    shown = found[:PAGE]
    return IncidentsView(
        incidents=tuple(_view(one) for one in shown),
        before=shown[-1].pk if len(found) > PAGE else None,
    )


@router.get("maintenance", response={200: list[MaintenanceView], **REFUSALS})
def maintenance(request: UserRequest) -> list[MaintenanceView]:
    """The windows that run or are to come, the next first."""
    windows = queries.maintenance(by=request.auth)[: queries.MOST_SHOWN]
    return [_window(one) for one in windows]


@router.post("maintenance", response={200: MaintenanceView, 422: Problem, **REFUSALS})
def announce(request: UserRequest, body: MaintenanceAsked) -> MaintenanceView:
    """Announces a window: owners are told, and the site starts nothing that would run into it."""
    pool = queries.pools(by=request.auth).filter(key=body.pool).first()
    if pool is None:
        raise Pool.DoesNotExist
    made = operations.announce_maintenance(
        pool=pool,
        nodes=body.nodes,
        starts_at=body.starts,
        ends_at=body.ends,
        why=body.why,
        by=request.auth,
        now=clock.now(),
    )
    return _window(made)


def _view(one: Incident) -> IncidentView:
    return IncidentView.model_validate(
        {
            "id": one.pk,
            "pool": one.pool.key,
            "node": one.node,
            "cause": one.cause,
            "severity": one.severity,
            "starts": one.starts_at,
            "ends": one.ends_at,
            "spare": one.spare,
            "window": one.window.key if one.window else None,
            "reason": sentence(one.reason),
            "credited": getattr(one, "credited", None) or 0,
        }
    )


def _window(one: MaintenanceWindow) -> MaintenanceView:
    return MaintenanceView(
        id=one.key,
        pool=one.pool.key,
        nodes=tuple(one.nodes),
        starts=one.starts_at,
        ends=one.ends_at,
        why=one.why,
        announced=one.announced_at,
    )
