"""Addresses of signing in and out, and of one's password."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from dure.hub.people import pages, standing_pages, token_pages

urlpatterns = [
    path("login/", pages.Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("password/", pages.password, name="password"),
    path("tokens/", token_pages.mine, name="tokens"),
    path("tokens/<int:pk>/revoke/", token_pages.take_back, name="token-revoke"),
    path("organisations/", standing_pages.organisations, name="organisations"),
    path("organisations/twice/", standing_pages.twice, name="organisations-twice"),
    path("organisations/<int:pk>/", standing_pages.organisation, name="organisation"),
    path(
        "organisations/<int:pk>/sanctions/<int:sanction>/lift/",
        standing_pages.lift,
        name="sanction-lift",
    ),
    path("home/", pages.home, name="home"),
]
