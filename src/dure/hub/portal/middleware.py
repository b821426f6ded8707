"""What holds for every request: headers, the programme's zone, and silence about what is barred."""

from __future__ import annotations

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from dure.hub.people.gate import NotPermitted
from dure.hub.supply.queries import programme

POLICY = (
    "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'; "
    "base-uri 'self'"
)
Respond = Callable[[HttpRequest], HttpResponse]


class ContentSecurityPolicy:
    """Nothing is loaded from elsewhere, and no inline script runs."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response


class ProgrammeZone:
    """Pages show times in the programme's zone; the API speaks UTC. The page's frame reads the
    programme's rules from `request.programme`, so that they are asked for once."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        rules = None if request.path.startswith("/api/") else programme()
        request.programme = rules  # type: ignore[attr-defined]  # read by `context.portal`
        with timezone.override(rules.zone if rules else None):
            return self.get_response(request)


class HideWhatIsBarred:
    """To who may not see it, an object is not there: the page says 404, never 403.

    Nothing has a null byte in its address, and PostgreSQL would not even look.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path:
            raise Http404
        return self.get_response(request)

    def process_exception(self, _request: HttpRequest, error: Exception) -> None:
        if isinstance(error, NotPermitted):
            raise Http404 from error
