"""The hub's addresses: the API under `/api/v1/`, pages beside it."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
