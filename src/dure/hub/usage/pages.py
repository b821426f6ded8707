"""Pages of the ledger."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in
from dure.hub.portal.templatetags.dure import pages
from dure.hub.usage import queries
from dure.hub.usage.forms import AccountFilter, EntryFilter
from dure.hub.usage.templatetags.ledger import ENTRY_KINDS


@require_safe
@signed_in
def ledger(request: HttpRequest, by: User) -> HttpResponse:
    filters = EntryFilter(request.GET, kind=ENTRY_KINDS.items())
    rows = queries.entries(by=by, **filters.kept)
    page = pages(rows, request)
    return render(request, "usage/ledger.html", {"filters": filters, "page": page})


@require_safe
@signed_in
def balances(request: HttpRequest, by: User) -> HttpResponse:
    filters = AccountFilter(request.GET)
    rows = queries.balances(by=by, **filters.kept)
    found = {
        "filters": filters,
        "check": queries.check(by=by),
        "page": pages(rows, request),
    }
    return render(request, "usage/balances.html", found)
