"""Pages of months: the list, a statement, its files, and closing with a look first."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from dure.hub import clock
from dure.hub.people.gate import Action, NotPermitted, may, require
from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in
from dure.hub.portal.templatetags.dure import pages
from dure.hub.reports import files, operations, queries
from dure.hub.reports.forms import MonthForm
from dure.hub.reports.models import ClosedMonth
from dure.hub.supply import queries as supply

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@require_safe
@signed_in
def months(request: HttpRequest, by: User) -> HttpResponse:
    page = pages(queries.months(by=by), request)
    found = {"page": page, "may_close": may(by, Action.CLOSE_MONTH)}
    return render(request, "reports/months.html", found)


@require_safe
@signed_in
def month(request: HttpRequest, by: User, year: int, month: int) -> HttpResponse:
    closed = queries.a_month(year=year, number=month, by=by)
    statement = queries.statement_of(closed)
    found = {
        "closed": closed,
        "statement": statement,
        "borrowers": queries.largest_borrowers(statement),
        "page": pages(statement.allocations, request),
    }
    return render(request, "reports/month.html", found)


@require_safe
@signed_in
def as_csv(_request: HttpRequest, by: User, year: int, month: int) -> HttpResponse:
    closed = queries.a_month(year=year, number=month, by=by)
    return _download(closed, files.csv_bytes(closed), "csv", "text/csv; charset=utf-8")


@require_safe
@signed_in
def as_xlsx(_request: HttpRequest, by: User, year: int, month: int) -> HttpResponse:
    closed = queries.a_month(year=year, number=month, by=by)
    return _download(closed, files.xlsx_bytes(closed), "xlsx", XLSX)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def close(request: HttpRequest, by: User) -> HttpResponse:
    """Asks which month, shows what would be closed, closes it on POST."""
    require(by, Action.CLOSE_MONTH)
    programme = supply.record()
    if programme is None:
        raise NotPermitted(by, Action.CLOSE_MONTH)
    now = clock.now()
    year, number = queries.next_to_close(programme=programme, now=now)
    given = request.POST if request.method == "POST" else request.GET
    form = MonthForm(given or None, initial={"year": year, "month": number})
    found: dict[str, object] = {"form": form}
    if form.is_valid():
        asked = {
            "programme": programme,
            "year": form.cleaned_data["year"],
            "month_number": form.cleaned_data["month"],
        }
        try:
            if request.method == "POST":
                closed = operations.close_month(**asked, by=by, now=now)
                messages.success(request, _("The month is closed."))
                return redirect("month", year=closed.year, month=closed.month)
            statement = operations.preview_month(**asked, by=by, now=now)
        except operations.UnableToClose as unable:
            found["problems"] = unable.problems
        else:
            page = pages(statement.allocations, request)
            borrowers = queries.largest_borrowers(statement)
            found |= {"statement": statement, "page": page, "borrowers": borrowers}
    return render(request, "reports/close.html", found)


def _download(closed: ClosedMonth, body: bytes, ending: str, kind: str) -> HttpResponse:
    name = f"{closed.year}-{closed.month:02d}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(body, content_type=kind, headers=headers)
