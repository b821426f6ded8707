"""Reading closed months."""

from __future__ import annotations

from datetime import datetime

from dure.hub.reports.models import ClosedMonth
from dure.hub.supply.models import Programme
from dure.metering.statement import MonthlyStatement


def closed_until(programme: Programme) -> datetime | None:
    """The end of the latest closed month: facts before it no longer change. None: none closed."""
    latest = ClosedMonth.objects.filter(programme=programme).order_by("-year", "-month").first()
    return statement_of(latest).end if latest else None


def statement_of(month: ClosedMonth) -> MonthlyStatement:
    """The statement as it was closed."""
    return MonthlyStatement.model_validate(month.statement)
