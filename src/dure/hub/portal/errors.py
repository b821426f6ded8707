"""What every page of a signed-in person shares: the sign-in, and the gate's refusal as 404.

- A refusal says no more than that there is nothing here: not even that the object exists.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from dure.hub.people.gate import NotPermitted
from dure.hub.people.models import User

P = ParamSpec("P")


class SignedIn(HttpRequest):
    """A request of a known person."""

    user: User


def signed_in_page(
    view: Callable[Concatenate[SignedIn, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """A page for people with an account; what the gate refuses is not found."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(cast("SignedIn", request), *args, **kwargs)
        except NotPermitted as refused:
            raise Http404 from refused

    return cast(
        "Callable[Concatenate[HttpRequest, P], HttpResponseBase]", login_required(guarded)
    )
