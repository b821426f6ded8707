"""The page of a project's members: who may run jobs for it, adding one, removing one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from dure.hub import clock
from dure.hub.allocations import members
from dure.hub.allocations.forms import MemberForm
from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in
from dure.hub.portal.templatetags.dure import pages


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def listed(request: HttpRequest, by: User, key: str) -> HttpResponse:
    """Lists the members; POST adds the one named."""
    project = members.a_project(key=key, by=by)
    form = MemberForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        person: User = form.cleaned_data["username"]
        members.add(project=project, user=person, by=by, now=clock.now())
        messages.success(request, gettext("%(who)s is a member.") % {"who": person})
        return redirect("members", key)
    found = {"project": project, "form": form, "page": pages(members.of(project), request)}
    status = 422 if form.errors else 200
    return render(request, "allocations/members.html", found, status=status)


@require_POST
@signed_in
def remove(request: HttpRequest, by: User, key: str, pk: int) -> HttpResponse:
    project = members.a_project(key=key, by=by)
    person = get_object_or_404(User, pk=pk, projects=project)
    members.remove(project=project, user=person, by=by, now=clock.now())
    messages.success(request, gettext("%(who)s is no longer a member.") % {"who": person})
    return redirect("members", key)
