"""Pages of rounds and decisions."""

from __future__ import annotations

from typing import get_args

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dure.hub import clock
from dure.hub.allocations import folding, operations, replays, round_queries
from dure.hub.allocations.decisions import ApprovedAlready, PlanRefused, StalePlan
from dure.hub.allocations.forms import OutcomeFilter
from dure.hub.allocations.labels import OUTCOMES
from dure.hub.allocations.models import Decision
from dure.hub.allocations.round_report import fairness
from dure.hub.allocations.rounds import GroupsInConflict, months_of
from dure.hub.calls.models import Call
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import Action, may, require
from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in
from dure.hub.portal.templatetags.dure import pages, words
from dure.hub.supply.queries import rules


@require_safe
@signed_in
def a_round(request: HttpRequest, by: User, key: str) -> HttpResponse:
    call = round_queries.a_call(key=key, by=by)
    seen = round_queries.round_of(call=call, by=by)
    found: dict[str, object] = {
        "seen": seen,
        "call": call,
        "decisions": round_queries.decisions(call=call, by=by),
        "may_solve": call.state == Call.State.RANKED and may(by, Action.SOLVE_ROUND),
    }
    if seen.latest:
        approvals = round_queries.approvals(decision=seen.latest, by=by)
        found |= {
            "months": months_of(seen.latest),
            "approvals": approvals,
            "may_approve": _may_approve(seen.latest, by, approvals),
            "may_withdraw": approvals.mine and seen.latest.state == Decision.State.PROPOSED,
        }
        sectors = rules(call.programme).sectors
        filters = OutcomeFilter(
            request.GET,
            outcome=OUTCOMES.items(),
            sector=[(one.id, words(one.label)) for one in sectors],
        )
        rows = round_queries.outcomes(decision=seen.latest, by=by, **filters.kept)
        found |= {"filters": filters, "page": pages(rows, request)}
    if seen.report:
        whole = folding.every_group_asked(request.GET.dict())
        found |= {
            "fairness": fairness(seen.report, whole=whole),
            "is_long": any(folding.is_long(one.groups) for one in seen.report.fairness),
            "whole": whole,
        }
    return render(request, "allocations/round.html", found)


@require_POST
@signed_in
def solve(request: HttpRequest, by: User, key: str) -> HttpResponse:
    call = round_queries.a_call(key=key, by=by)
    try:
        decision = operations.solve_round(call=call, by=by, now=clock.now())
    except NotAtThisStage:
        messages.warning(request, _("The call is not at the stage of its round."))
    except PlanRefused as refused:
        messages.error(request, _("The check refused the plan: %(why)s") % {"why": refused})
    except GroupsInConflict as conflict:
        messages.error(request, str(conflict))
    except StalePlan:
        messages.warning(request, _("The facts changed while the plan was made. Make it again."))
    else:
        messages.success(
            request,
            _("Plan %(number)s is proposed. Nothing is awarded before it is approved.")
            % {"number": decision.number},
        )
    return redirect("round", key=key)


@require_safe
@signed_in
def decision(request: HttpRequest, by: User, programme: str, number: int) -> HttpResponse:
    one = round_queries.a_decision(programme=programme, number=number, by=by)
    return _decision(request, by, one)


@require_POST
@signed_in
def replay(request: HttpRequest, by: User, programme: str, number: int) -> HttpResponse:
    """Makes the plan again and shows whether it came out the same; changes nothing."""
    one = round_queries.a_decision(programme=programme, number=number, by=by)
    try:
        replayed = replays.replay(decision=one, by=by)
    except NotAtThisStage:
        messages.warning(request, _("A decision of this kind is not solved, so not replayed."))
        return _back(one)
    return _decision(request, by, one, replayed=replayed)


def _decision(request: HttpRequest, by: User, one: Decision, **more: object) -> HttpResponse:
    approvals = round_queries.approvals(decision=one, by=by)
    found = {
        "decision": one,
        "digests": round_queries.digests(one),
        "stale": round_queries.is_stale(one, one.programme.generation),
        "page": pages(one.plan.get("intents", []), request),
        "approvals": approvals,
        "may_approve": _may_approve(one, by, approvals),
        "may_replay": one.kind in replays.REPLAYED,
        **more,
    }
    return render(request, "allocations/decision.html", found)


def _may_approve(one: Decision, by: User, approvals: round_queries.Approvals) -> bool:
    proposed = one.state == Decision.State.PROPOSED
    return proposed and not approvals.mine and may(by, Action.APPROVE_DECISION)


@require_safe
@signed_in
def stored(_request: HttpRequest, by: User, programme: str, number: int, part: str) -> HttpResponse:
    """A stored part, byte for byte what its digest covers."""
    one = round_queries.a_decision(programme=programme, number=number, by=by)
    for known in get_args(round_queries.Part):
        if known == part:
            body = round_queries.canonical(one, known)
            return HttpResponse(body, content_type="application/json")
    raise Http404


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def approve(request: HttpRequest, by: User, programme: str, number: int) -> HttpResponse:
    """Says what approving does; does it on POST."""
    require(by, Action.APPROVE_DECISION)
    one = round_queries.a_decision(programme=programme, number=number, by=by)
    if one.kind == "tender":  # approved where its bids are looked at
        return redirect("supply-choice", key=one.snapshot["call"])
    if request.method == "POST":
        return _approve(request, by, one)
    if one.state != Decision.State.PROPOSED:
        return _moved_on(request, one)
    found = {
        "decision": one,
        "stale": round_queries.is_stale(one, one.programme.generation),
        "effect": round_queries.effect_of(one),
        "approvals": round_queries.approvals(decision=one, by=by),
    }
    return render(request, "allocations/approve.html", found)


def _approve(request: HttpRequest, by: User, one: Decision) -> HttpResponse:
    try:
        done = operations.approve_decision(decision=one, by=by, now=clock.now())
    except StalePlan:
        return _moved_on(request, one)
    except PlanRefused as refused:
        messages.error(request, _("The check refused the plan: %(why)s") % {"why": refused})
    except ApprovedAlready:
        messages.warning(request, _("You have approved this plan. Somebody else is needed now."))
    else:
        messages.success(request, _approved(done, by))
    return _back(one)


def _approved(done: Decision, by: User) -> str:
    if done.state == Decision.State.APPLIED:
        return _("Plan %(number)s is approved.") % {"number": done.number}
    missing = round_queries.approvals(decision=done, by=by).missing
    return ngettext(
        "Your approval is kept. %(missing)s more person has to approve before anything is done.",
        "Your approval is kept. %(missing)s more people have to approve before anything is done.",
        missing,
    ) % {"missing": missing}


@require_POST
@signed_in
def withdraw(request: HttpRequest, by: User, programme: str, number: int) -> HttpResponse:
    one = round_queries.a_decision(programme=programme, number=number, by=by)
    try:
        operations.withdraw_approval(decision=one, by=by, now=clock.now())
    except StalePlan:
        return _moved_on(request, one)
    messages.success(request, _("Your approval is withdrawn."))
    return _back(one)


def _moved_on(request: HttpRequest, one: Decision) -> HttpResponse:
    said = _("The programme has moved on since this plan was made. Make the plan again.")
    messages.warning(request, said)
    return _back(one)


def _back(one: Decision) -> HttpResponse:
    if one.kind == round_queries.ROUND and one.call:
        return redirect("round", key=one.call.key)
    return redirect("decision", programme=one.programme.key, number=one.number)
