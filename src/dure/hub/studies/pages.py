"""Pages of what-if studies: the list, one with its table and report, asking, ending."""

from __future__ import annotations

from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from dure.hub import clock
from dure.hub.people.gate import Action, may
from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in
from dure.hub.portal.templatetags.dure import pages
from dure.hub.studies import installed, operations, queries
from dure.hub.studies.forms import StudyFilter
from dure.hub.studies.models import Study, StudyFile

REPORT_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
"""The report is a page of the twin's: it is shown, in a sandbox, and runs and loads nothing."""

KINDS: Final = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
}


@require_safe
@signed_in
def studies(request: HttpRequest, by: User) -> HttpResponse:
    filters = StudyFilter(request.GET, state=Study.State.choices)
    found = {
        "filters": filters,
        "page": pages(queries.studies(by=by, **filters.kept), request),
        "may_ask": may(by, Action.ASK_STUDY),
        "missing": installed.missing(),
        "command": installed.COMMAND,
    }
    return render(request, "studies/studies.html", found)


@require_safe
@signed_in
def study(request: HttpRequest, by: User, pk: int) -> HttpResponse:
    one = queries.a_study(pk=pk, by=by)
    files = queries.files(study=one)
    report = queries.REPORTS[_language()]
    found = {
        **_standing(one),
        "table": queries.table(study=one, language=_language()),
        "why": queries.why_failed(one),
        "files": [file for file in files if not _holds_rows(file)],
        "rows": [file for file in files if _holds_rows(file)],
        "report": report if any(file.name == report for file in files) else "",
        "may_ask": may(by, Action.ASK_STUDY),
        "missing": installed.missing(),
        "command": installed.COMMAND,
    }
    return render(request, "studies/study.html", found)


@require_safe
@signed_in
def progress(request: HttpRequest, by: User, pk: int) -> HttpResponse:
    """The part of a study's page that changes while it is played."""
    one = queries.a_study(pk=pk, by=by)
    answer = render(request, "studies/progress.html", _standing(one))
    answer.headers["Cache-Control"] = "no-store"
    return answer


@require_safe
@signed_in
@xframe_options_sameorigin
def report(_request: HttpRequest, by: User, pk: int, language: str) -> HttpResponse:
    """The report as a page of its own, and in the frame of the study's page."""
    file = queries.a_file(pk=pk, name=queries.REPORTS[language], by=by)
    answer = HttpResponse(bytes(file.content), content_type=KINDS[".html"])
    answer.headers["Content-Security-Policy"] = REPORT_POLICY
    return answer


@require_safe
@signed_in
def download(_request: HttpRequest, by: User, pk: int, name: str) -> HttpResponse:
    return as_download(queries.a_file(pk=pk, name=name, by=by))


@require_POST
@signed_in
def cancel(request: HttpRequest, by: User, pk: int) -> HttpResponse:
    one = queries.a_study(pk=pk, by=by)
    ended = operations.cancel_study(study=one, by=by, now=clock.now())
    if ended.state == Study.State.CANCELLED:
        messages.success(request, _("The study is cancelled."))
    else:
        messages.warning(request, _("The study was over already."))
    return redirect("study", pk=pk)


@require_POST
@signed_in
def remove(request: HttpRequest, by: User, pk: int) -> HttpResponse:
    one = queries.a_study(pk=pk, by=by)
    operations.remove_study(study=one, by=by, now=clock.now())
    messages.success(request, _("The study “%(name)s” is removed.") % {"name": one.name})
    return redirect("studies")


def _holds_rows(file: StudyFile) -> bool:
    """One of the many of a study's plays, which are shown when they are asked for."""
    return file.name.endswith(".parquet") and not file.is_input


def _standing(one: Study) -> dict[str, object]:
    waits = one.state == Study.State.QUEUED
    return {
        "study": one,
        "before": queries.waiting_before(study=one) if waits else 0,
        "percent": one.played_days * 100 // one.all_days,
    }


def _language() -> str:
    return "ko" if (get_language() or "ko").startswith("ko") else "en"


def as_download(file: StudyFile) -> HttpResponse:
    """The file under its own name."""
    ending = file.name[file.name.rfind(".") :]
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    kind = KINDS.get(ending, "application/octet-stream")
    return HttpResponse(bytes(file.content), content_type=kind, headers=headers)
