"""Addresses of signing in and out, and of one's password."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from dure.hub.people import pages

urlpatterns = [
    path("login/", pages.Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("password/", pages.password, name="password"),
    path("home/", pages.home, name="home"),
]
