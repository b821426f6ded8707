"""Pages of calls and applications."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dure.engine.eligibility import Failure
from dure.hub import clock
from dure.hub.calls import checklist, next_steps, operations, queries
from dure.hub.calls.forms import ApplicationForm, worded
from dure.hub.calls.models import Application, Call
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import Action, may, require
from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in
from dure.hub.supply.queries import rules
from dure.vocabulary.programme import Programme


@require_GET
def calls(request: HttpRequest) -> HttpResponse:
    return render(request, "calls/calls.html", {"calls": queries.calls()})


@require_GET
def call(request: HttpRequest, key: str) -> HttpResponse:
    found = get_object_or_404(Call.objects.select_related("programme"), key=key)
    user = request.user if isinstance(request.user, User) else None
    return render(request, "calls/call.html", {**_about(found), **_door(found, user)})


@require_POST
@signed_in
def start(request: HttpRequest, by: User, key: str) -> HttpResponse:
    found = get_object_or_404(Call.objects.select_related("programme"), key=key)
    try:
        application = operations.start_application(call=found, by=by, now=clock.now())
    except operations.UnableToSubmit as error:
        shown = {**_about(found), **_door(found, by), "problems": error.problems}
        return render(request, "calls/call.html", shown, status=409)
    return redirect("application-edit", application.number)


@require_GET
@signed_in
def mine(request: HttpRequest, by: User) -> HttpResponse:
    require(by, Action.APPLY)
    context = {"applications": queries.my_applications(by), "open_calls": queries.open_calls()}
    return render(request, "calls/my_applications.html", context)


@require_GET
@signed_in
def application(request: HttpRequest, by: User, number: str) -> HttpResponse:
    found = _seen(by, number)
    document = rules(found.call.programme)
    context = {
        "application": found,
        "call_rules": document.call(found.call.key),
        "answers": queries.answers_shown(found, document),
        "reasons": list(next_steps.reasons(found)),
        "next_step": next_steps.next_step(found),
        "allocations": next_steps.allocations(found),
        "may_edit": may(by, Action.EDIT_APPLICATION, found),
    }
    return render(request, "calls/application.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def edit(request: HttpRequest, by: User, number: str) -> HttpResponse:
    found = _editable(by, number)
    document = rules(found.call.programme)
    if request.method == "GET":
        return _form_page(request, found, ApplicationForm(document.form, saved=found.answers))
    typed = ApplicationForm(document.form, typed=request.POST.dict())
    try:
        operations.save_draft(application=found, answers=typed.typed(), by=by, now=clock.now())
    except operations.AnswersInvalid as error:
        shown = ApplicationForm(
            document.form, typed=request.POST.dict(), problems=worded(error.problems)
        )
        return _form_page(request, found, shown, status=422)
    except NotAtThisStage:
        return redirect("application", number)
    if request.POST.get("then") == "check":
        return redirect("application-submit", number)
    messages.success(request, gettext("Your draft is saved."))
    return redirect("application-edit", number)


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def submit(request: HttpRequest, by: User, number: str) -> HttpResponse:
    """Shows what stands in the way, if anything; the submission itself is a second step."""
    found, now = _editable(by, number), clock.now()
    document = rules(found.call.programme)
    if request.method == "GET":
        problems = operations.check(application=found, now=now)
        return _check_page(request, found, document, problems)
    try:
        operations.submit_application(application=found, by=by, now=now)
    except operations.UnableToSubmit as error:
        return _check_page(request, found, document, error.problems, status=422)
    except NotAtThisStage:
        return redirect("application", number)
    messages.success(request, gettext("Your application has been submitted."))
    return redirect("application", number)


@require_POST
@signed_in
def withdraw(request: HttpRequest, by: User, number: str) -> HttpResponse:
    found = _seen(by, number)
    try:
        operations.withdraw_application(application=found, by=by, now=clock.now())
    except NotAtThisStage:
        messages.error(request, gettext("At this stage an application can no longer be withdrawn."))
    else:
        messages.success(request, gettext("Your application has been withdrawn."))
    return redirect("application", number)


def _seen(by: User, number: str) -> Application:
    try:
        return queries.application_for(by, number)
    except Application.DoesNotExist as error:
        raise Http404 from error


def _editable(by: User, number: str) -> Application:
    """The application, where this person may change it; a submitted one is only looked at."""
    found = _seen(by, number)
    require(by, Action.EDIT_APPLICATION, found)
    return found


def _about(found: Call) -> dict[str, object]:
    document = rules(found.programme)
    call_rules = document.call(found.key)
    if call_rules is None:
        raise Http404
    models = {model.id: model for model in document.accelerators}
    return {
        "call": found,
        "call_rules": call_rules,
        "rules": document,
        "tracks": [track for track in document.tracks if track.id in call_rules.tracks],
        "sectors": {sector.id: sector.label for sector in document.sectors},
        "pools": [
            (cluster, pool, models[pool.model])
            for _, cluster, pool in document.pools()
            if pool.id in call_rules.pools
        ],
    }


def _door(found: Call, user: User | None) -> dict[str, object]:
    """How this reader gets in."""
    return {
        "is_open": found.takes_submissions(clock.now()),
        "may_apply": user is not None and may(user, Action.APPLY),
        "may_screen": user is not None and may(user, Action.SEE_ROUND),
        "draft": queries.my_draft(user, found) if user else None,
    }


def _form_page(
    request: HttpRequest, found: Application, form: ApplicationForm, *, status: int = 200
) -> HttpResponse:
    if found.state != Application.State.DRAFT:
        return redirect("application", found.number)
    context = {
        "application": found,
        "form": form,
        "call_rules": _call_of(found),
        "checklist": checklist.checklist(found, clock.now()) if found.answers else [],
    }
    return render(request, "calls/edit.html", context, status=status)


def _check_page(
    request: HttpRequest,
    found: Application,
    document: Programme,
    problems: list[Failure],
    *,
    status: int = 200,
) -> HttpResponse:
    if found.state != Application.State.DRAFT:
        return redirect("application", found.number)
    context = {
        "application": found,
        "call_rules": _call_of(found),
        "answers": queries.answers_shown(found, document),
        "problems": checklist.shown(problems, document),
    }
    return render(request, "calls/check.html", context, status=status)


def _call_of(found: Application) -> object:
    return rules(found.call.programme).call(found.call.key)
