"""The page of the audit chain."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dure.hub.audit import queries
from dure.hub.audit.forms import EventFilter
from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in
from dure.hub.portal.templatetags.dure import pages


@require_safe
@signed_in
def events(request: HttpRequest, by: User) -> HttpResponse:
    """The events; following the whole chain is asked for, as it reads every event."""
    filters = EventFilter(request.GET)
    rows = queries.events(by=by, **filters.kept)
    found = {
        "filters": filters,
        "head": queries.head(by=by),
        "report": queries.verify() if "verify" in request.GET else None,
        "page": pages(rows, request),
    }
    return render(request, "audit/events.html", found)
