"""The operator's first page, and the steps of a call."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from dure.hub import clock
from dure.hub.allocations import home_queries, round_queries
from dure.hub.allocations.decisions import PlanRefused
from dure.hub.allocations.steps import Step, next_step
from dure.hub.calls.models import Call
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import Action, may, require
from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in
from dure.hub.reviews.board_pages import awaited
from dure.hub.reviews.stages import ReviewsOutstanding


@require_safe
@signed_in
def home(request: HttpRequest, by: User) -> HttpResponse:
    found = {
        "home": home_queries.home(by=by, now=clock.now()),
        "may_act": may(by, Action.MANAGE_CALL),
    }
    return render(request, "allocations/home.html", found)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def step(request: HttpRequest, by: User, key: str, name: str) -> HttpResponse:
    """Says what the step does; does it on POST."""
    require(by, Action.MANAGE_CALL)
    call = round_queries.a_call(key=key, by=by)
    due = next_step(call)
    if due is None or due.name != name:
        messages.warning(request, _("That step is done already, or not due yet."))
        return redirect("operate")
    if due.page:
        return redirect(due.address(call))
    if request.method == "POST":
        return _take(request, by, call, due)
    return render(request, "allocations/step.html", {"call": call, "step": due})


def _take(request: HttpRequest, by: User, call: Call, due: Step) -> HttpResponse:
    try:
        due.act(call=call, by=by, now=clock.now())
    except NotAtThisStage:
        messages.warning(request, _("That step is done already, or not due yet."))
    except ReviewsOutstanding as outstanding:
        messages.warning(request, awaited(outstanding))
    except PlanRefused as refused:
        messages.error(request, _("The check refused the plan: %(why)s") % {"why": refused})
    else:
        messages.success(request, str(due.done))
    return redirect("operate")
