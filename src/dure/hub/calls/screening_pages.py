"""The operator's page of a call's screening: the funnel, the refused, suspected duplicates."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe

from dure.hub import clock
from dure.hub.calls import duplicates
from dure.hub.calls import screening as queries
from dure.hub.calls.models import Call, DuplicatePair
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import Action, may
from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in


@require_safe
@signed_in
def screening(request: HttpRequest, by: User, key: str) -> HttpResponse:
    call = _call(key, by)
    context = {
        "call": call,
        "seen": queries.overview(call),
        "pairs": queries.pairs(call),
        "refused": queries.refused(call),
        "list": "refused" if request.GET.get("list") == "refused" else "duplicates",
        "rulings": DuplicatePair.Ruling.choices,
        "may_act": may(by, Action.MANAGE_CALL),
    }
    return render(request, "calls/screening.html", context)


@require_POST
@signed_in
def look(request: HttpRequest, by: User, key: str) -> HttpResponse:
    """Looks for duplicates among what stands now."""
    new = duplicates.find_duplicates(call=_call(key, by), by=by, now=clock.now())
    messages.success(
        request,
        ngettext("%(new)s new pair was found.", "%(new)s new pairs were found.", new)
        % {"new": new},
    )
    return redirect("call-screening", key)


@require_POST
@signed_in
def decide(request: HttpRequest, by: User, key: str, pair: int) -> HttpResponse:
    found = get_object_or_404(DuplicatePair, pk=pair, call=_call(key, by))
    ruling = request.POST.get("ruling", "")
    if ruling not in DuplicatePair.Ruling.values:
        raise Http404
    try:
        duplicates.decide(pair=found, ruling=DuplicatePair.Ruling(ruling), by=by, now=clock.now())
    except duplicates.DecidedAlready:
        messages.warning(request, gettext("This pair was decided before."))
    except NotAtThisStage:
        messages.error(
            request, gettext("One of the two applications is no longer in the competition.")
        )
    else:
        messages.success(request, gettext("The decision on the pair is recorded."))
    return redirect("call-screening", key)


def _call(key: str, by: User) -> Call:
    try:
        return queries.a_call(key=key, by=by)
    except Call.DoesNotExist as error:
        raise Http404 from error
