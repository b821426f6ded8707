"""Signing in and out, and where each role starts."""

from __future__ import annotations

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET

from dure.hub.people.forms import LoginForm
from dure.hub.people.models import User
from dure.hub.portal.navigation import first_page
from dure.hub.portal.signed_in import signed_in


class Login(LoginView):
    """Django's login; who has signed in already is led to their first page."""

    template_name = "people/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True
    extra_context = {"signing_in": True}


@require_GET
@signed_in
def home(_request: HttpRequest, by: User) -> HttpResponse:
    return redirect(first_page(by))
