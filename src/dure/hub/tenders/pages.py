"""Pages of supply calls for everyone, for providers and for reviewers."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dure.hub import clock
from dure.hub.calls.forms import worded
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import Action, may, require
from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in
from dure.hub.portal.templatetags.dure import pages
from dure.hub.reviews.operations import ConflictOfInterest, PointsInvalid
from dure.hub.tenders import choosing, judging, operations, queries
from dure.hub.tenders.forms import BidForm, scoring_form
from dure.hub.tenders.models import Bid, BidReview, SupplyCall
from dure.hub.tenders.operations import rules_of


@require_safe
def supply_calls(request: HttpRequest) -> HttpResponse:
    found = pages(queries.supply_calls(), request)
    return render(request, "tenders/supply_calls.html", {"page": found})


@require_safe
def supply_call(request: HttpRequest, key: str) -> HttpResponse:
    return render(request, "tenders/supply_call.html", _about(the_call(key), request))


@require_POST
@signed_in
def start(request: HttpRequest, by: User, key: str) -> HttpResponse:
    found = the_call(key)
    try:
        bid = operations.start_bid(call=found, by=by, now=clock.now())
    except operations.UnableToSubmit as error:
        shown = {**_about(found, request), "problems": error.problems}
        return render(request, "tenders/supply_call.html", shown, status=409)
    return redirect("bid-edit", bid.number)


@require_safe
@signed_in
def mine(request: HttpRequest, by: User) -> HttpResponse:
    found = pages(queries.own_bids(by), request)
    return render(request, "tenders/my_bids.html", {"page": found})


@require_safe
@signed_in
def bid(request: HttpRequest, by: User, number: str) -> HttpResponse:
    found = the_bid(by, number)
    overseer = may(by, Action.SEE_ROUND)
    context = {
        "bid": found,
        "asked": rules_of(found.call),
        "answers": queries.answers_of(found),
        "lots": queries.lots_of(found),
        "outcome": queries.outcome_of(found),
        "inspection": queries.inspection_of(found),
        "own": may(by, Action.EDIT_BID, found),
        "overseer": overseer,
        "may_withdraw": found.state == Bid.State.DRAFT
        or (found.state == Bid.State.SUBMITTED and found.call.state == SupplyCall.State.OPEN),
        "may_sign": found.state == Bid.State.SELECTED and found.agreed_price is not None,
    }
    return render(request, "tenders/bid.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def edit(request: HttpRequest, by: User, number: str) -> HttpResponse:
    found = the_bid(by, number)
    require(by, Action.EDIT_BID, found)
    asked = rules_of(found.call)
    if request.method == "GET":
        return _form(request, found, BidForm(asked, saved=found.answers))
    typed = request.POST.dict()
    form = BidForm(asked, typed=typed)
    now = clock.now()
    try:
        saved = operations.save_bid(bid=found, answers=form.typed(), by=by, now=now)
        if request.POST.get("then") == "submit":
            operations.submit_bid(bid=saved, by=by, now=now)
            messages.success(request, gettext("Your bid has been submitted."))
            return redirect("bid", number)
    except operations.AnswersInvalid as error:
        shown = BidForm(asked, typed=typed, problems=worded(error.problems))
        return _form(request, found, shown, status=422)
    except operations.UnableToSubmit as error:
        return _form(request, found, form, status=409, more={"problems": error.problems})
    except NotAtThisStage:
        return redirect("bid", number)
    messages.success(request, gettext("Your draft is saved."))
    return redirect("bid-edit", number)


@require_POST
@signed_in
def withdraw(request: HttpRequest, by: User, number: str) -> HttpResponse:
    try:
        operations.withdraw_bid(bid=the_bid(by, number), by=by, now=clock.now())
    except NotAtThisStage:
        messages.error(request, gettext("At this stage a bid can no longer be withdrawn."))
    else:
        messages.success(request, gettext("Your bid has been withdrawn."))
    return redirect("bid", number)


@require_POST
@signed_in
def sign(request: HttpRequest, by: User, number: str) -> HttpResponse:
    try:
        choosing.sign_supply_agreement(bid=the_bid(by, number), by=by, now=clock.now())
    except NotAtThisStage:
        messages.error(request, gettext("There is no agreement to sign at this stage."))
    else:
        messages.success(request, gettext("The agreement is signed."))
    return redirect("bid", number)


@require_safe
@signed_in
def reviews(request: HttpRequest, by: User) -> HttpResponse:
    return render(request, "tenders/my_bid_reviews.html", {"desk": queries.desk(by)})


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def review(request: HttpRequest, by: User, pk: int) -> HttpResponse:
    found = _review(by, pk)
    criteria = judging.criteria_at(found.bid.call)
    if not criteria:
        messages.error(request, gettext("The call is not in review."))
        return redirect("my-bid-reviews")
    typed = request.POST.dict() if request.method == "POST" else None
    form = scoring_form(criteria, typed=typed, review=found)
    if request.method == "GET" or not form.is_valid():
        return _review_page(request, found, form, status=422 if typed else 200)
    try:
        judging.submit_bid_review(
            review=found,
            points=form.points(),
            comment=form.cleaned_data["comment"],
            by=by,
            now=clock.now(),
        )
    except PointsInvalid as error:
        again = scoring_form(criteria, typed=typed, problems=worded(error.problems))
        return _review_page(request, found, again, status=422)
    except (NotAtThisStage, ConflictOfInterest):
        messages.error(request, gettext("The call is not in review."))
        return redirect("my-bid-reviews")
    said = gettext("Your review of %(number)s is recorded.") % {"number": found.bid.number}
    messages.success(request, said)
    return redirect("my-bid-reviews")


@require_POST
@signed_in
def step_back(request: HttpRequest, by: User, pk: int) -> HttpResponse:
    found = _review(by, pk)
    number = found.bid.number
    try:
        judging.declare_bid_conflict(review=found, by=by, now=clock.now())
    except NotAtThisStage:
        messages.error(request, gettext("The call is not in review."))
    else:
        said = gettext("You have stepped back from %(number)s. Somebody else will review it.")
        messages.success(request, said % {"number": number})
    return redirect("my-bid-reviews")


def _about(found: SupplyCall, request: HttpRequest) -> dict[str, object]:
    user = request.user if isinstance(request.user, User) else None
    return {
        "call": found,
        "asked": rules_of(found),
        "is_open": found.takes_submissions(clock.now()),
        "may_bid": user is not None and may(user, Action.BID),
        "overseer": user is not None and may(user, Action.SEE_ROUND),
    }


def _form(
    request: HttpRequest,
    found: Bid,
    form: BidForm,
    *,
    status: int = 200,
    more: Mapping[str, object] | None = None,
) -> HttpResponse:
    if found.state != Bid.State.DRAFT:
        return redirect("bid", found.number)
    unmet = operations.failures_of(found) if found.answers and not form.errors else ()
    context = {
        "bid": found,
        "form": form,
        "asked": rules_of(found.call),
        "unmet": unmet,
        **(more or {}),
    }
    return render(request, "tenders/edit.html", context, status=status)


def _review_page(
    request: HttpRequest, found: BidReview, form: object, *, status: int
) -> HttpResponse:
    context = {
        "review": found,
        "bid": found.bid,
        "asked": rules_of(found.bid.call),
        "answers": queries.answers_of(found.bid),
        "form": form,
        "most": sum(criterion.points for criterion in judging.criteria_at(found.bid.call)),
        "is_done": queries.is_done(found),
    }
    return render(request, "tenders/review.html", context, status=status)


def the_call(key: str) -> SupplyCall:
    try:
        found = queries.supply_call(key)
        rules_of(found)
    except (SupplyCall.DoesNotExist, StopIteration) as error:
        raise Http404 from error
    return found


def the_bid(by: User, number: str) -> Bid:
    try:
        return queries.bid_for(by, number)
    except Bid.DoesNotExist as error:
        raise Http404 from error


def _review(by: User, pk: int) -> BidReview:
    try:
        return queries.review_for(by, pk)
    except BidReview.DoesNotExist as error:
        raise Http404 from error
