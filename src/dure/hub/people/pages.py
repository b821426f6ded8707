"""Signing in and out, one's own password, and where each role starts."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from dure.hub import clock
from dure.hub.people import operations, sign_in_limit
from dure.hub.people.forms import LoginForm, PasswordForm
from dure.hub.people.models import User
from dure.hub.portal.navigation import first_page
from dure.hub.portal.signed_in import signed_in


class Login(LoginView):
    """Django's login; who has signed in already is led to their first page."""

    template_name = "people/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True
    extra_context = {"signing_in": True}

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        if form.has_error(NON_FIELD_ERRORS, code="too_many"):
            response.status_code = HTTPStatus.TOO_MANY_REQUESTS
            response.headers["Retry-After"] = str(sign_in_limit.WINDOW_S)
        return response


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@signed_in
def password(request: HttpRequest, by: User) -> HttpResponse:
    """One's own password. This session goes on; the person's others end."""
    form = PasswordForm(by, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "people/password.html", {"form": form})
    new = form.cleaned_data["new_password1"]
    operations.set_password(user=by, password=new, by=by, now=clock.now())
    update_session_auth_hash(request, by)
    messages.success(request, gettext("Your password has been changed."))
    return redirect("home")


@require_GET
@signed_in
def home(_request: HttpRequest, by: User) -> HttpResponse:
    return redirect(first_page(by))
