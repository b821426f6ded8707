"""Pages of allocations and their agreements."""

from __future__ import annotations

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from dure.hub import clock
from dure.hub.allocations import operations, queries
from dure.hub.allocations.forms import AllocationFilter, DeclineForm, SignForm
from dure.hub.allocations.models import Allocation
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.incidents.queries import of_allocation
from dure.hub.people.gate import Action, may, require
from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in
from dure.hub.portal.templatetags.dure import pages


@require_safe
@signed_in
def allocations(request: HttpRequest, by: User) -> HttpResponse:
    filters = AllocationFilter(
        request.GET,
        state=Allocation.State.choices,
        pool=[(key, key) for key in queries.pool_keys()],
    )
    rows = queries.allocations(by=by, **filters.kept)
    found = {
        "filters": filters,
        "page": pages(rows, request),
        "all_organisations": may(by, Action.SEE_ALLOCATION),
    }
    return render(request, "allocations/allocations.html", found)


@require_safe
@signed_in
def allocation(request: HttpRequest, by: User, key: str) -> HttpResponse:
    one = queries.allocation(key=key, by=by)
    now = clock.now()
    found = {
        "seen": queries.everything(allocation=one, by=by, now=now),
        "outages": of_allocation(allocation=one, by=by, now=now),
        "allocation": one,
        "may_sign": one.state == Allocation.State.OFFERED and may(by, Action.SIGN_AGREEMENT, one),
        "oversees": may(by, Action.SEE_ALLOCATION),
        "manages": may(by, Action.MANAGE_MEMBERS, one.project),
    }
    return render(request, "allocations/allocation.html", found)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def sign(request: HttpRequest, by: User, key: str) -> HttpResponse:
    """Shows the duties; takes the signature or the refusal."""
    one = queries.allocation(key=key, by=by)
    require(by, Action.SIGN_AGREEMENT, one)
    if one.state != Allocation.State.OFFERED:
        return _too_late(request, one)
    declines = request.POST.get("answer") == "decline"
    form: Form = DeclineForm(request.POST) if declines else SignForm(request.POST)
    if request.method == "POST" and form.is_valid():
        return _answer(request, by, one, declines=declines)
    found = {
        "allocation": one,
        "duties": queries.duties(allocation=one, by=by),
        "sign_form": form if request.method == "POST" and not declines else SignForm(),
        "decline_form": form if declines else DeclineForm(),
    }
    return render(request, "allocations/sign.html", found)


def _answer(request: HttpRequest, by: User, one: Allocation, *, declines: bool) -> HttpResponse:
    now = clock.now()
    try:
        if declines:
            operations.decline_agreement(allocation=one, by=by, now=now)
            messages.success(request, _("You have declined the allocation."))
        else:
            operations.sign_agreement(allocation=one, by=by, now=now)
            messages.success(request, _("The agreement is signed. The allocation is active."))
    except NotAtThisStage:
        return _too_late(request, one)
    return redirect("allocation", key=one.key)


def _too_late(request: HttpRequest, one: Allocation) -> HttpResponse:
    messages.warning(request, _("This agreement was answered before."))
    return redirect("allocation", key=one.key)
