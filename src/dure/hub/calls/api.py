"""The calls, for programs."""

from __future__ import annotations

from django.db.models import Count, Q
from ninja import Router

from dure.client.models import CallView
from dure.hub.auth import OPEN
from dure.hub.calls.models import Application, Call
from dure.hub.problems import Problem
from dure.hub.supply.queries import rules

router = Router(tags=["calls"])


@router.get("calls", auth=OPEN, response={200: list[CallView], 401: Problem})
def calls(request: object) -> list[CallView]:
    """All calls with the number of submissions."""
    submitted = ~Q(applications__state__in=[Application.State.DRAFT, Application.State.WITHDRAWN])
    rows = (
        Call.objects.select_related("programme")
        .annotate(submitted=Count("applications", filter=submitted & Q(applications__isnull=False)))
        .order_by("opens_at", "key")
    )
    return [
        CallView.model_validate(
            {
                "id": row.key,
                "title": next(c.label for c in rules(row.programme).calls if c.id == row.key),
                "state": row.state,
                "opens": row.opens_at,
                "closes": row.closes_at,
                "applications": row.submitted,
            }
        )
        for row in rows
    ]
