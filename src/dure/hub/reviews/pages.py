"""Pages of reviewers."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dure.hub import clock
from dure.hub.calls.queries import answers_shown
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import Action, require
from dure.hub.people.models import User
from dure.hub.portal.reasons import sentence
from dure.hub.portal.signed_in import signed_in
from dure.hub.portal.templatetags.dure import pages
from dure.hub.reviews import operations, queries
from dure.hub.reviews.forms import ExpertiseForm, ScoringForm
from dure.hub.reviews.models import Assignment
from dure.hub.supply.queries import rules


@require_GET
@signed_in
def mine(request: HttpRequest, by: User) -> HttpResponse:
    desk = queries.my_assignments(by)
    asked = "done" if request.GET.get("list") == "done" else "to-do"
    page = pages(desk.done if asked == "done" else desk.to_do, request)
    return render(request, "reviews/my_reviews.html", {"desk": desk, "list": asked, "page": page})


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def review(request: HttpRequest, by: User, pk: int) -> HttpResponse:
    found = _mine(by, pk)
    rubric = queries.rubric_for(found)
    if request.method == "GET":
        return _page(request, found, ScoringForm(rubric, review=queries.review_of(found)))
    form = ScoringForm(rubric, typed=request.POST.dict())
    if not form.is_valid():
        return _page(request, found, form, status=422)
    try:
        operations.submit_review(
            assignment=found,
            points=form.points(),
            comment=form.cleaned_data["comment"],
            by=by,
            now=clock.now(),
        )
    except operations.PointsInvalid as error:
        problems = {name: sentence(reason) for name, reason in error.problems.items()}
        again = ScoringForm(rubric, typed=request.POST.dict(), problems=problems)
        return _page(request, found, again, status=422)
    except NotAtThisStage:
        messages.error(request, gettext("The call is no longer in review."))
        return redirect("my-reviews")
    except operations.ConflictOfInterest as error:
        messages.error(request, sentence(error.reason))
        return redirect("my-reviews")
    messages.success(
        request,
        gettext("Your review of %(number)s is recorded.") % {"number": found.application.number},
    )
    return redirect("my-reviews")


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def profile(request: HttpRequest, by: User) -> HttpResponse:
    """What the reviewer knows, and whom they are tied to."""
    require(by, Action.REVIEW)
    form = ExpertiseForm(by, request.POST.dict() if request.method == "POST" else None)
    if request.method == "GET" or not form.is_valid():
        status = 200 if request.method == "GET" else 422
        return render(request, "reviews/profile.html", {"form": form}, status=status)
    operations.describe_reviewer(
        user=by,
        other_fields=form.entries("other_fields"),
        keywords=form.entries("keywords"),
        supplies=form.entries("supplies"),
        past_projects=form.cleaned_data["past_projects"],
        most_reviews=form.cleaned_data["most_reviews"],
        by=by,
        now=clock.now(),
    )
    messages.success(request, gettext("Your expertise and ties are recorded."))
    return redirect("my-reviews")


@require_POST
@signed_in
def conflict(request: HttpRequest, by: User, pk: int) -> HttpResponse:
    found = _mine(by, pk)
    number = found.application.number
    operations.declare_conflict(assignment=found, by=by, now=clock.now())
    messages.success(
        request,
        gettext("You have stepped back from %(number)s. Somebody else will review it.")
        % {"number": number},
    )
    return redirect("my-reviews")


def _mine(by: User, pk: int) -> Assignment:
    try:
        return queries.assignment_for(by, pk)
    except Assignment.DoesNotExist as error:
        raise Http404 from error


def _page(
    request: HttpRequest, found: Assignment, form: ScoringForm, *, status: int = 200
) -> HttpResponse:
    document = rules(found.application.call.programme)
    context = {
        "assignment": found,
        "application": found.application,
        "answers": answers_shown(found.application, document),
        "form": form,
        "rubric": queries.rubric_for(found),
        "in_review": queries.is_open(found),
        "is_done": queries.review_of(found) is not None,
    }
    return render(request, "reviews/review.html", context, status=status)
