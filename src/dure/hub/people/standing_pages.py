"""The operator's pages of organisations: the register, and what is recorded of one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dure.hub import clock
from dure.hub.people import doubles, standing
from dure.hub.people.gate import Action, require
from dure.hub.people.models import Organisation, Sanction, User
from dure.hub.people.standing_forms import (
    CertificateForm,
    OrganisationFilter,
    SanctionForm,
)
from dure.hub.portal.signed_in import signed_in
from dure.hub.portal.templatetags.dure import pages
from dure.hub.supply.queries import programme


@require_safe
@signed_in
def organisations(request: HttpRequest, by: User) -> HttpResponse:
    filters = OrganisationFilter(request.GET)
    found = standing.organisations(by=by, **filters.kept)
    context = {"organisations": found, "filters": filters}
    return render(request, "people/organisations.html", context)


@require_safe
@signed_in
def twice(request: HttpRequest, by: User) -> HttpResponse:
    """Entries of the register that may be one organisation."""
    page = pages(doubles.registered_twice(by=by), request)
    found = {"page": page, "rules": programme()}
    return render(request, "people/registered_twice.html", found)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def organisation(request: HttpRequest, by: User, pk: int) -> HttpResponse:
    """One organisation; POST records a certificate or a sanction, as `record` says."""
    require(by, Action.MANAGE_PEOPLE)
    found = get_object_or_404(Organisation, pk=pk)
    asked = request.POST.get("record") if request.method == "POST" else None
    certificate = CertificateForm(request.POST if asked == "certificate" else None, prefix="c")
    sanction = SanctionForm(request.POST if asked == "sanction" else None, prefix="s")
    if certificate.is_valid():
        standing.record_certificate(
            organisation=found, by=by, now=clock.now(), **certificate.cleaned_data
        )
        messages.success(request, gettext("The certificate is recorded."))
        return redirect("organisation", pk)
    if sanction.is_valid():
        given = sanction.cleaned_data
        given["cause"] = Sanction.Cause(given["cause"])
        standing.impose_sanction(organisation=found, by=by, now=clock.now(), **given)
        messages.success(request, gettext("The sanction is recorded."))
        return redirect("organisation", pk)
    context = {
        "organisation": found,
        "certificates": found.certificates.order_by("kind"),
        "sanctions": found.sanctions.order_by("-starts_on", "-pk"),
        "certificate": certificate,
        "sanction": sanction,
    }
    wrong = certificate.errors or sanction.errors
    return render(request, "people/organisation.html", context, status=422 if wrong else 200)


@require_POST
@signed_in
def lift(request: HttpRequest, by: User, pk: int, sanction: int) -> HttpResponse:
    require(by, Action.MANAGE_PEOPLE)
    found = get_object_or_404(Sanction, pk=sanction, organisation=pk)
    standing.lift_sanction(sanction=found, by=by, now=clock.now())
    messages.success(request, gettext("The sanction is lifted."))
    return redirect("organisation", pk)
