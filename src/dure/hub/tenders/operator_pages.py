"""Pages of the operator: the stages, the choice, the inspection, the price."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dure.hub import clock
from dure.hub.allocations.decisions import ApprovedAlready, PlanRefused, StalePlan
from dure.hub.allocations.models import Decision
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import Action, may, require
from dure.hub.people.models import User
from dure.hub.portal.reasons import sentence
from dure.hub.portal.signed_in import signed_in
from dure.hub.tenders import choosing, queries
from dure.hub.tenders.forms import InspectionForm, PriceForm
from dure.hub.tenders.models import SupplyCall
from dure.hub.tenders.operations import rules_of
from dure.hub.tenders.pages import the_bid, the_call
from dure.hub.tenders.steps import step_of


@require_safe
@signed_in
def choice(request: HttpRequest, by: User, key: str) -> HttpResponse:
    """The bids, their points, the choice and why."""
    require(by, Action.SEE_ROUND)
    call = the_call(key)
    manage = may(by, Action.MANAGE_CALL)
    context = {
        "call": call,
        "asked": rules_of(call),
        "bids": list(queries.bids_of(call=call, by=by)),
        "choice": queries.choice_of(call=call, by=by),
        "step": step_of(call) if manage else None,
        "may_choose": call.state == SupplyCall.State.SCORED and may(by, Action.SOLVE_ROUND),
        "may_approve": call.state == SupplyCall.State.SCORED and may(by, Action.APPROVE_DECISION),
        "may_inspect": call.state == SupplyCall.State.DECIDED and manage,
    }
    return render(request, "tenders/choice.html", context)


@require_POST
@signed_in
def step(request: HttpRequest, by: User, key: str, name: str) -> HttpResponse:
    call = the_call(key)
    require(by, Action.MANAGE_CALL)
    due = step_of(call)
    if due is None or due.name != name:
        return _moved_on(request, key)
    try:
        due.run(call=call, by=by, now=clock.now())
    except NotAtThisStage:
        return _moved_on(request, key)
    except PlanRefused as refused:
        messages.error(request, gettext("The check refused the plan: %(why)s") % {"why": refused})
    else:
        messages.success(request, gettext("Done: %(step)s.") % {"step": due.label})
    return redirect("supply-choice", key)


def _moved_on(request: HttpRequest, key: str) -> HttpResponse:
    messages.warning(request, gettext("The call has moved on since this page was made."))
    return redirect("supply-choice", key)


@require_POST
@signed_in
def choose(request: HttpRequest, by: User, key: str) -> HttpResponse:
    try:
        decision = choosing.choose_winners(call=the_call(key), by=by, now=clock.now())
    except NotAtThisStage:
        return _moved_on(request, key)
    except PlanRefused as refused:
        messages.error(request, gettext("The check refused the plan: %(why)s") % {"why": refused})
    except ValueError as error:
        messages.error(request, str(error))
    else:
        said = gettext("Plan %(number)s is proposed. Nobody is chosen before it is approved.")
        messages.success(request, said % {"number": decision.number})
    return redirect("supply-choice", key)


@require_POST
@signed_in
def approve(request: HttpRequest, by: User, key: str, number: int) -> HttpResponse:
    try:
        decision = choosing.approve_choice(call=the_call(key), plan=number, by=by, now=clock.now())
    except Decision.DoesNotExist as error:
        raise Http404 from error
    except StalePlan:
        said = gettext("The programme has moved on since this plan was made. Make the plan again.")
        messages.warning(request, said)
    except ApprovedAlready:
        messages.warning(request, gettext("You have approved this plan; another person must, too."))
    except PlanRefused as refused:
        messages.error(request, gettext("The check refused the plan: %(why)s") % {"why": refused})
    else:
        said = gettext("Plan %(number)s is approved.")
        if decision.state != Decision.State.APPLIED:
            said = gettext("Plan %(number)s has your approval; another person's is needed.")
        messages.success(request, said % {"number": decision.number})
    return redirect("supply-choice", key)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def inspect(request: HttpRequest, by: User, number: str) -> HttpResponse:
    require(by, Action.MANAGE_CALL)
    found = the_bid(by, number)
    items = rules_of(found.call).inspection
    form = InspectionForm(items, request.POST.dict() if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        status = 422 if request.method == "POST" else 200
        context = {"bid": found, "form": form}
        return render(request, "tenders/inspection.html", context, status=status)
    try:
        done = choosing.record_inspection(
            bid=found, findings=form.findings(), by=by, now=clock.now()
        )
    except NotAtThisStage:
        messages.warning(request, gettext("Only the site of a winner is inspected."))
    else:
        passed = gettext("The inspection is recorded: passed.")
        failed = gettext("The inspection is recorded: not passed. Choose again without this bid.")
        messages.success(request, passed if done.passed else failed)
    return redirect("supply-choice", found.call.key)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def price(request: HttpRequest, by: User, number: str) -> HttpResponse:
    require(by, Action.MANAGE_CALL)
    found = the_bid(by, number)
    typed = request.POST.dict() if request.method == "POST" else None
    form = PriceForm(typed, initial={"price": found.agreed_price or found.price}, label_suffix="")
    if typed is not None and form.is_valid():
        try:
            agreed = form.cleaned_data["price"]
            choosing.adjust_price(bid=found, price=agreed, by=by, now=clock.now())
        except choosing.PriceInvalid as error:
            form.add_error("price", sentence(error.reason))
        except NotAtThisStage:
            messages.warning(request, gettext("The price follows a passed inspection."))
            return redirect("supply-choice", found.call.key)
        else:
            messages.success(request, gettext("The price is recorded; the provider may sign."))
            return redirect("supply-choice", found.call.key)
    context = {"bid": found, "form": form}
    return render(request, "tenders/price.html", context, status=200 if typed is None else 422)
