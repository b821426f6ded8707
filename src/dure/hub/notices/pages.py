"""A person's notices."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from dure.hub import clock
from dure.hub.notices import operations, queries
from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in


@require_GET
@signed_in
def notices(request: HttpRequest, by: User) -> HttpResponse:
    return render(request, "notices/notices.html", {"notices": queries.my_notices(by)})


@require_POST
@signed_in
def read(_request: HttpRequest, by: User, pk: int) -> HttpResponse:
    notice = get_object_or_404(queries.my_notices(by), pk=pk)
    operations.mark_read(notice=notice, by=by, now=clock.now())
    return redirect("notices")
