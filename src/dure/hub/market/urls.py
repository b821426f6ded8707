"""Addresses of published models."""

from django.urls import path

from dure.hub.market import pages

urlpatterns = [
    path("models/", pages.models, name="models"),
    path("models/<slug:slug>/", pages.model, name="model"),
]
