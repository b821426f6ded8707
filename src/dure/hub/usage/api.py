"""The ledger, for programs."""

from __future__ import annotations

from ninja import Router

from dure.client.models import LedgerEntryView
from dure.hub.allocations.models import Allocation
from dure.hub.auth import PersonalToken, UserRequest
from dure.hub.people.gate import Action, require
from dure.hub.portal.reasons import sentence
from dure.hub.problems import Problem
from dure.hub.usage.models import LedgerPosting

router = Router(tags=["ledger"], auth=PersonalToken())


@router.get("ledger", response={200: list[LedgerEntryView], 401: Problem, 404: Problem})
def ledger(request: UserRequest, allocation: str = "") -> list[LedgerEntryView]:
    """The postings of one allocation, or of all for who may see all."""
    subject = (
        Allocation.objects.select_related("project__organisation").get(key=allocation)
        if allocation
        else None
    )
    require(request.auth, Action.SEE_LEDGER, subject)
    rows = LedgerPosting.objects.select_related("entry__allocation").order_by("entry__at", "pk")
    if subject is not None:
        rows = rows.filter(entry__allocation=subject)
    return [
        LedgerEntryView.model_validate(
            {
                "transaction": row.entry.key,
                "kind": row.entry.kind,
                "account": row.account,
                "allocation": row.entry.allocation.key,
                "accelerator_seconds": row.amount,
                "posted_at": row.entry.at,
                "reason": sentence(row.entry.reason),
            }
        )
        for row in rows
    ]
