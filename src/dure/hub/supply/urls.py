"""Addresses of the clusters' pages."""

from django.urls import path

from dure.hub.supply import pages

urlpatterns = [
    path("clusters/", pages.clusters, name="clusters"),
    path("clusters/<str:key>/", pages.cluster, name="cluster"),
    path("clusters/<str:key>/enrolment/", pages.enrolment, name="cluster-enrolment"),
]
