"""Pages of incidents: the list with removals and maintenance, one incident, announcing a window."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dure.hub import clock
from dure.hub.incidents import operations, queries
from dure.hub.incidents.forms import IncidentFilter, MaintenanceForm
from dure.hub.incidents.models import Incident
from dure.hub.people.gate import Action, may
from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in
from dure.hub.portal.templatetags.dure import pages


@require_safe
@signed_in
def incidents(request: HttpRequest, by: User) -> HttpResponse:
    windows = list(queries.maintenance(by=by)[: queries.MOST_SHOWN])
    removals = list(queries.removals(by=by)[: queries.MOST_SHOWN])
    filters = IncidentFilter(
        request.GET,
        state=Incident.State.choices,
        pool=[(key, key) for key in queries.pool_keys(by=by)],
    )
    found = {
        "filters": filters,
        "page": pages(queries.incidents(by=by, **filters.kept), request),
        "windows": windows,
        "removals": removals,
        "now": clock.now(),
        "may_announce": may(by, Action.ANNOUNCE_MAINTENANCE),
        "may_decide": may(by, Action.DECIDE_REMOVAL),
    }
    return render(request, "incidents/incidents.html", found)


@require_safe
@signed_in
def incident(request: HttpRequest, by: User, pk: int) -> HttpResponse:
    seen = queries.incident(pk=pk, by=by)
    may_end = may(by, Action.END_INCIDENT, seen.incident.pool.cluster)
    found = {"seen": seen, "one": seen.incident, "may_end": may_end and seen.incident.drains}
    return render(request, "incidents/incident.html", found)


@require_POST
@signed_in
def release(request: HttpRequest, by: User, pk: int) -> HttpResponse:
    """The server is repaired: we keep it out no longer."""
    one = queries.incident(pk=pk, by=by).incident
    try:
        operations.release_node(incident=one, by=by, now=clock.now())
        messages.success(request, _("The server goes back into service."))
    except operations.DecidedAlready:
        messages.warning(request, _("The server is not kept out of service any more."))
    return redirect("incident", pk=pk)


@require_POST
@signed_in
def removal(request: HttpRequest, by: User, pk: int, verdict: str) -> HttpResponse:
    one = queries.removal(pk=pk, by=by)
    try:
        operations.decide_removal(
            removal=one, verdict=operations.verdict_of(verdict), by=by, now=clock.now()
        )
        messages.success(request, _("Your decision is recorded."))
    except operations.DecidedAlready:
        messages.warning(request, _("Somebody has decided this before."))
    return redirect("incidents")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def announce(request: HttpRequest, by: User) -> HttpResponse:
    offered = {pool.key: pool for pool in queries.pools(by=by)}
    form = MaintenanceForm(offered, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            operations.announce_maintenance(**form.window, by=by, now=clock.now())
        except operations.UnableToAnnounce as error:
            form.add_error(None, error.words)
        else:
            messages.success(request, _("The maintenance is announced, and its owners are told."))
            return redirect("incidents")
    status = 422 if form.errors else 200
    return render(request, "incidents/announce.html", {"form": form}, status=status)


@require_POST
@signed_in
def withdraw(request: HttpRequest, by: User, pk: int) -> HttpResponse:
    one = queries.window(pk=pk, by=by)
    try:
        operations.withdraw_maintenance(window=one, by=by, now=clock.now())
        messages.success(request, _("The maintenance will not take place; its owners are told."))
    except operations.DecidedAlready:
        messages.warning(request, _("The maintenance has begun, or was withdrawn before."))
    return redirect("incidents")
