"""Pages of a call's ranking."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in
from dure.hub.portal.templatetags.dure import pages
from dure.hub.reviews import ranking_queries
from dure.hub.reviews.forms import PlacesForm
from dure.hub.reviews.ranking_plot import scatter


@require_safe
@signed_in
def ranking(request: HttpRequest, by: User, key: str) -> HttpResponse:
    seen = ranking_queries.ranking_of(key=key, by=by)
    if seen is None:
        return render(request, "reviews/no_ranking.html", {"key": key})
    order = ranking_queries.order_asked(request.GET.get("order", ""))
    page = pages(seen.lines(order), request)
    found = {
        "seen": seen,
        "order": order,
        "page": page,
        "lines": ranking_queries.titled(list(page.object_list)),
        "scatter": scatter(seen.plan.intents) if seen.plan.estimate else "",
    }
    return render(request, "reviews/ranking.html", found)


@require_safe
@signed_in
def reviewers(request: HttpRequest, by: User, key: str) -> HttpResponse:
    seen = ranking_queries.ranking_of(key=key, by=by)
    if seen is None or seen.plan.estimate is None:
        return render(request, "reviews/no_ranking.html", {"key": key, "seen": seen})
    page = pages(seen.plan.estimate.reviewers, request)
    return render(request, "reviews/ranking_reviewers.html", {"seen": seen, "page": page})


@require_safe
@signed_in
def sensitivity(request: HttpRequest, by: User, key: str) -> HttpResponse:
    seen = ranking_queries.ranking_of(key=key, by=by)
    if seen is None:
        return render(request, "reviews/no_ranking.html", {"key": key})
    typed = PlacesForm(request.GET)
    places = typed.cleaned_data["places"] if typed.is_valid() else None
    report = ranking_queries.sensitivity_of(seen=seen, by=by, places=places)
    found = {
        "seen": seen,
        "report": report,
        "form": typed if typed.errors else PlacesForm({"places": report.places}),
        "page": pages(report.hanging, request),
    }
    return render(request, "reviews/ranking_sensitivity.html", found)
