"""The audit chain, for programs."""

from __future__ import annotations

from ninja import Router

from dure.client.models import AuditView
from dure.hub.audit import queries
from dure.hub.auth import PersonalToken, UserRequest
from dure.hub.people.gate import Action, require
from dure.hub.problems import Problem

router = Router(tags=["audit"], auth=PersonalToken())


@router.get("audit/verify", response={200: AuditView, 401: Problem, 404: Problem})
def verify(request: UserRequest) -> AuditView:
    """Follows the whole chain and says whether it holds."""
    require(request.auth, Action.SEE_AUDIT)
    report = queries.verify()
    return AuditView(
        holds=report.intact, events=report.length, head=report.head, broken_at=report.broken_at
    )
