"""The hub's addresses: the API under `/api/v1/`, pages beside it."""

from django.urls import URLPattern, URLResolver, include, path

from dure.hub.api import api
from dure.hub.portal import pages

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", api.urls),
    path("", pages.front, name="front"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("dure.hub.people.urls")),
    path("", include("dure.hub.calls.urls")),
    path("", include("dure.hub.reviews.urls")),
    path("", include("dure.hub.notices.urls")),
    path("", include("dure.hub.market.urls")),
    path("", include("dure.hub.supply.urls")),
    path("", include("dure.hub.tenders.urls")),
    path("", include("dure.hub.allocations.urls")),
    path("", include("dure.hub.jobs.urls")),
    path("", include("dure.hub.studies.urls")),
    path("", include("dure.hub.usage.urls")),
    path("", include("dure.hub.incidents.urls")),
    path("", include("dure.hub.reports.urls")),
    path("", include("dure.hub.audit.urls")),
]

handler403 = "dure.hub.portal.pages.forbidden"
handler404 = "dure.hub.portal.pages.not_found"
handler500 = "dure.hub.portal.pages.broken"
