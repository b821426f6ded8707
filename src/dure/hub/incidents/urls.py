"""Addresses of incidents and maintenance."""

from django.urls import path, re_path

from dure.hub.incidents import pages

urlpatterns = [
    path("incidents/", pages.incidents, name="incidents"),
    path("incidents/<int:pk>/", pages.incident, name="incident"),
    path("incidents/<int:pk>/release/", pages.release, name="incident-release"),
    re_path(
        r"^removals/(?P<pk>\d+)/(?P<verdict>approved|dismissed|returned)/$",
        pages.removal,
        name="removal-decide",
    ),
    path("maintenance/new/", pages.announce, name="maintenance-announce"),
    path("maintenance/<int:pk>/withdraw/", pages.withdraw, name="maintenance-withdraw"),
]
