"""Addresses of the notices."""

from django.urls import path

from dure.hub.notices import pages

urlpatterns = [
    path("notices/", pages.notices, name="notices"),
    path("notices/<int:pk>/read/", pages.read, name="notice-read"),
]
