"""Public pages of published models."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from dure.hub.market import queries


@require_GET
def models(request: HttpRequest) -> HttpResponse:
    return render(request, "market/models.html", {"listings": queries.published()})


@require_GET
def model(request: HttpRequest, slug: str) -> HttpResponse:
    listing = get_object_or_404(queries.published(), slug=slug)
    return render(request, "market/model.html", {"listing": listing})
