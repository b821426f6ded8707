"""Reading closed months."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db.models import F, QuerySet

from dure.hub.people.gate import Action, NotPermitted, require
from dure.hub.people.models import User
from dure.hub.reports.models import ClosedMonth
from dure.hub.supply.models import Programme
from dure.hub.supply.queries import rules
from dure.metering.statement import BorrowerLine, MonthlyStatement

DECEMBER: Final = 12

SHOWN: Final = 20
"""Lines of a long list on a page; the files hold all (our choice)."""


def closed_until(programme: Programme) -> datetime | None:
    """The end of the latest closed month: facts before it no longer change. None: none closed."""
    latest = ClosedMonth.objects.filter(programme=programme).order_by("-year", "-month").first()
    return statement_of(latest).end if latest else None


def statement_of(month: ClosedMonth) -> MonthlyStatement:
    """The statement as it was closed."""
    return MonthlyStatement.model_validate(month.statement)


def largest_borrowers(statement: MonthlyStatement) -> list[BorrowerLine]:
    """Those who ran most on lent capacity; the whole list is in the month's files."""
    return sorted(statement.borrowers, key=lambda line: (-line.lent, line.project))[:SHOWN]


def months(*, by: User) -> QuerySet[ClosedMonth]:
    """The closed months, latest first, each with the totals of its statement as JSON."""
    require(by, Action.SEE_LEDGER)
    return (
        ClosedMonth.objects.defer("statement")
        .annotate(totals=F("statement__totals"), owed=F("statement__cost_share"))
        .order_by("-year", "-month")
    )


def a_month(*, year: int, number: int, by: User) -> ClosedMonth:
    """One closed month. Raises NotPermitted, also where there is none."""
    require(by, Action.SEE_LEDGER)
    found = ClosedMonth.objects.filter(year=year, month=number).first()
    if found is None:
        raise NotPermitted(by, Action.SEE_LEDGER)
    return found


def next_to_close(*, programme: Programme, now: datetime) -> tuple[int, int]:
    """The year and month after the latest closed one; the one before now where none is closed."""
    latest = ClosedMonth.objects.filter(programme=programme).order_by("-year", "-month")
    newest = latest.values_list("year", "month").first()
    if newest:
        year, number = newest
        return (year + 1, 1) if number == DECEMBER else (year, number + 1)
    local = now.astimezone(rules(programme).zone)
    return (local.year - 1, DECEMBER) if local.month == 1 else (local.year, local.month - 1)
