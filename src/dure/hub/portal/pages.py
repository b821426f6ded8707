"""The front page, and the pages for when something is wrong."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_GET

from dure.hub.calls.queries import open_calls
from dure.hub.market.queries import published
from dure.hub.portal.funnel import Stage, funnel
from dure.hub.portal.templatetags.dure import accelerators, figure
from dure.hub.supply.queries import programme

FEW = 6
"""Models shown on the front page; the rest are one link away (two rows of cards)."""


@require_GET
def front(request: HttpRequest) -> HttpResponse:
    rules = programme()
    stages = funnel(rules) if rules else []
    context = {
        "stages": [(stage, *_said(stage)) for stage in stages],
        "most": max((stage.servers for stage in stages), default=0),
        "open_calls": [(call, rules.call(call.key)) for call in open_calls()] if rules else [],
        "listings": published()[:FEW],
    }
    return render(request, "portal/front.html", context)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    return render(request, "portal/404.html", status=404)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    return render(request, "portal/403.html", status=403)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """The form's token is missing or stale: most often a page that was left open too long."""
    return render(request, "portal/403_form.html", status=403)


def broken(_request: HttpRequest) -> HttpResponse:
    """Asks nothing of the database or the session: they may be what failed."""
    return HttpResponse(render_to_string("portal/500.html"), status=500)


def _said(stage: Stage) -> tuple[str, str]:
    """The stage's name, and what it counts beside servers, in words."""
    match stage.key:
        case "supply":
            return gettext("For the programme"), accelerators(stage.others)
        case "offered":
            return gettext("Offered in calls"), accelerators(stage.others)
        case "asked":
            return gettext("Asked for"), _applications(stage.others)
        case "admitted":
            return gettext("Admitted"), _applications(stage.others)
        case "awarded":
            return gettext("Awarded"), _projects(stage.others)
        case "agreed":
            return gettext("Agreement signed"), _projects(stage.others)
        case "bound":
            return gettext("Ready at the site"), _projects(stage.others)
        case "used":
            return gettext("In use by their owners"), _projects(stage.others)


def _applications(number: int) -> str:
    said = ngettext("%(number)s application", "%(number)s applications", number)
    return said % {"number": figure(number)}


def _projects(number: int) -> str:
    said = ngettext("%(number)s project", "%(number)s projects", number)
    return said % {"number": figure(number)}
