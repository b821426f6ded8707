"""Pages of jobs: the list, handing one in, one with its output, ending it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dure.hub import clock
from dure.hub.jobs import operations, queries
from dure.hub.jobs.forms import OPEN, JobFilter, JobForm
from dure.hub.jobs.models import Job
from dure.hub.people.gate import Action, may
from dure.hub.people.models import Role, User
from dure.hub.portal.reasons import sentence
from dure.hub.portal.signed_in import signed_in
from dure.hub.portal.templatetags.dure import pages


@require_safe
@signed_in
def jobs(request: HttpRequest, by: User) -> HttpResponse:
    filters = JobFilter(
        request.GET,
        state=[(OPEN, _("Not over")), *Job.State.choices],
        project=queries.project_keys(by=by),
        mine=[("1", _("My own"))],
    )
    if by.role != Role.APPLICANT:
        del filters.fields["project"], filters.fields["mine"]
    rows = queries.jobs(by=by, **filters.kept)
    found = {
        "filters": filters,
        "page": pages(rows, request),
        "may_run": by.role == Role.APPLICANT,
        "oversees": may(by, Action.SEE_JOB),
    }
    return render(request, "jobs/jobs.html", found)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: HttpRequest, by: User) -> HttpResponse:
    """Asks for a job; POST orders it."""
    now = clock.now()
    mine = queries.projects(by=by, now=now)
    looks = "look" in request.POST
    form = JobForm(mine, None if looks else request.POST or None, initial=request.POST.dict())
    if form.is_bound and form.is_valid():
        try:
            job = operations.order_job(asked=form.asked(), by=by, now=now)
        except operations.UnableToOrder as unable:
            form.add_error(None, sentence(unable.reason))
        else:
            messages.success(request, _("The job is on its way to the site."))
            return redirect("job", pk=job.pk)
    size = form.looked_at
    found = {
        "form": form,
        "has_places": any(one.places for one in mine),
        "size": size,
        "starts": queries.starts(found=mine, accelerators=size, now=now),
    }
    status = 422 if form.errors else 200
    return render(request, "jobs/new.html", found, status=status)


@require_safe
@signed_in
def starts(request: HttpRequest, by: User) -> HttpResponse:
    """When a job of the size that is being typed would start: a part of the form's page."""
    now = clock.now()
    mine = queries.projects(by=by, now=now)
    size = JobForm(mine, request.GET).looked_at
    found = {"size": size, "starts": queries.starts(found=mine, accelerators=size, now=now)}
    answer = render(request, "jobs/starts.html", found)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@require_safe
@signed_in
def job(request: HttpRequest, by: User, pk: int) -> HttpResponse:
    return render(request, "jobs/job.html", _seen(by, pk))


@require_safe
@signed_in
def progress(request: HttpRequest, by: User, pk: int) -> HttpResponse:
    """The part of a job's page that changes until it is over."""
    answer = render(request, "jobs/progress.html", _seen(by, pk))
    answer.headers["Cache-Control"] = "no-store"
    return answer


@require_POST
@signed_in
def cancel(request: HttpRequest, by: User, pk: int) -> HttpResponse:
    one = queries.a_job(pk=pk, by=by)
    try:
        ended = operations.cancel_job(job=one, by=by, now=clock.now())
    except operations.UnableToOrder as unable:
        messages.error(request, sentence(unable.reason))
    else:
        if ended.is_over:
            messages.warning(request, _("The job was over already."))
        else:
            messages.success(request, _("The site is asked to end the job."))
    return redirect("job", pk=pk)


def _seen(by: User, pk: int) -> dict[str, object]:
    """The job; who may read its output has its site send it for a while."""
    one = queries.a_job(pk=pk, by=by)
    seen = queries.seen(job=one, by=by)
    if seen.is_member:
        operations.read_job(job=one, by=by, now=clock.now())
    return {"seen": seen, "job": one}
