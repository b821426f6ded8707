"""The operator's pages of a call's review: who is late, who replaces them, the stage's end."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from dure.hub import clock
from dure.hub.allocations import round_queries
from dure.hub.allocations.decisions import PlanRefused
from dure.hub.calls.models import Call
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import Action, may, require
from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in
from dure.hub.portal.templatetags.dure import pages
from dure.hub.reviews import board as boards
from dure.hub.reviews import operations, queries
from dure.hub.reviews.stages import ReviewsOutstanding


@require_safe
@signed_in
def board(request: HttpRequest, by: User, key: str) -> HttpResponse:
    call, now = round_queries.a_call(key=key, by=by), clock.now()
    found = {
        "call": call,
        "board": boards.board(call=call, by=by, now=now),
        "page": pages(boards.reviewers(call=call, by=by, now=now), request),
        "may_act": may(by, Action.MANAGE_CALL) and call.state == Call.State.REVIEWING,
    }
    return render(request, "reviews/board.html", found)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def replace(request: HttpRequest, by: User, key: str) -> HttpResponse:
    """Says who would be replaced by whom; does it on POST."""
    require(by, Action.MANAGE_CALL)
    call, now = round_queries.a_call(key=key, by=by), clock.now()
    try:
        if request.method == "POST":
            operations.replace_late(call=call, by=by, now=now)
            messages.success(request, _("Late reviewers are replaced."))
            return redirect("call-reviewers", key=key)
        plan = queries.late_replacements(call=call, by=by, now=now)
    except NotAtThisStage:
        return _not_now(request, key)
    except PlanRefused as refused:
        messages.error(request, _("The check refused the plan: %(why)s") % {"why": refused})
        return redirect("call-reviewers", key=key)
    shown = {"call": call, "page": pages(queries.replacements(plan), request)}
    return render(request, "reviews/replace.html", shown)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def close(request: HttpRequest, by: User, key: str) -> HttpResponse:
    """Says what closing the stage does; does it on POST."""
    require(by, Action.MANAGE_CALL)
    call, now = round_queries.a_call(key=key, by=by), clock.now()
    if request.method == "POST":
        return _close(request, by, call)
    found = boards.board(call=call, by=by, now=now)
    if found.open is None or found.is_last:
        return _not_now(request, key)
    return render(request, "reviews/close.html", {"call": call, "board": found})


def _close(request: HttpRequest, by: User, call: Call) -> HttpResponse:
    try:
        operations.close_stage(call=call, by=by, now=clock.now())
    except NotAtThisStage:
        return _not_now(request, call.key)
    except ReviewsOutstanding as outstanding:
        messages.warning(request, awaited(outstanding))
    except PlanRefused as refused:
        messages.error(request, _("The check refused the plan: %(why)s") % {"why": refused})
    else:
        messages.success(request, _("The stage is closed, and the next one has begun."))
    return redirect("call-reviewers", key=call.key)


def awaited(outstanding: ReviewsOutstanding) -> str:
    """What a stage's judgement waits for, in words."""
    if outstanding.unread:
        return ngettext(
            "%(count)s application has no review yet.",
            "%(count)s applications have no review yet.",
            len(outstanding.unread),
        ) % {"count": len(outstanding.unread)}
    return ngettext(
        "%(count)s review is awaited that is not due yet.",
        "%(count)s reviews are awaited that are not due yet.",
        outstanding.waiting,
    ) % {"count": outstanding.waiting}


def _not_now(request: HttpRequest, key: str) -> HttpResponse:
    messages.warning(request, _("That step is done already, or not due yet."))
    return redirect("call-reviewers", key=key)
