"""Address of the audit chain's page."""

from django.urls import path

from dure.hub.audit import pages

urlpatterns = [path("audit/", pages.events, name="audit")]
