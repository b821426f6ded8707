"""One's own tokens for the API: the list, and taking one back."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from dure.hub import clock
from dure.hub.people.models import PersonalToken, User
from dure.hub.people.tokens import revoke, tokens_of
from dure.hub.portal.signed_in import signed_in
from dure.hub.portal.templatetags.dure import pages


@require_safe
@signed_in
def mine(request: HttpRequest, by: User) -> HttpResponse:
    page = pages(tokens_of(user=by, by=by), request)
    now = clock.now()
    rows = [(token, token.opens(now)) for token in page]
    return render(request, "people/tokens.html", {"page": page, "rows": rows})


@require_POST
@signed_in
def take_back(request: HttpRequest, by: User, pk: int) -> HttpResponse:
    try:
        token = revoke(token=pk, user=by, by=by, now=clock.now())
    except PersonalToken.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, gettext("Token “%(label)s” is revoked.") % {"label": token.label})
    return redirect("tokens")
