"""Pages on which a study is asked: by choices, and by the scenario's text."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from dure.hub import clock
from dure.hub.people.gate import Action, require
from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in
from dure.hub.studies import installed, queries, twin_process
from dure.hub.studies.as_it_stands import Chosen, NothingStands, as_it_stands, changed
from dure.hub.studies.forms import HERE, ChoiceForm, TextForm
from dure.hub.studies.models import Study
from dure.hub.studies.operations import Asked, QueueFull, ScenarioRefused, ask_study
from dure.hub.studies.twin_process import TwinSilent
from dure.protocol.study import TwinOffer

LONGEST_NUMBER: Final = 18
"""Digits of a study's number; a longer one is no number that the database could look for."""


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def ask(request: HttpRequest, by: User) -> HttpResponse:
    """What is to be played, by choices; asked on POST, or handed on as text."""
    require(by, Action.ASK_STUDY)
    offered = _offered(request)
    if offered is None:
        return _not_installed(request)
    form = ChoiceForm(offered, *_typed(request))
    if request.method == "POST" and form.is_valid():
        text = _text(form, offered, by)
        if text and "edit" in request.POST:
            return _as_text(request, offered, form, text)
        made = _asked(request, form, text, by) if text else None
        if made is not None:
            return redirect("study", pk=made.pk)
    return render(request, "studies/ask.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def ask_text(request: HttpRequest, by: User) -> HttpResponse:
    """A scenario as text: from a study that was asked before, or as it was typed."""
    require(by, Action.ASK_STUDY)
    offered = _offered(request)
    if offered is None:
        return _not_installed(request)
    form = TextForm(offered, *_typed(request), initial=_before(request, by))
    if request.method == "POST" and form.is_valid():
        made = _asked(request, form, form.cleaned_data["scenario"], by)
        if made is not None:
            return redirect("study", pk=made.pk)
    return render(request, "studies/ask_text.html", {"form": form})


def _typed(request: HttpRequest) -> tuple[Any, ...]:
    return (request.POST, request.FILES) if request.method == "POST" else ()


def _offered(request: HttpRequest) -> TwinOffer | None:
    """What the twin offers; None, with the reason said, where it is not here or does not answer."""
    if installed.missing():
        return None
    try:
        return twin_process.offer()
    except TwinSilent:
        messages.error(request, _("The twin does not answer. Please try again."))
        return None


def _not_installed(request: HttpRequest) -> HttpResponse:
    found = {"missing": installed.missing(), "command": installed.COMMAND}
    return render(request, "studies/not_installed.html", found)


def _text(form: ChoiceForm, offered: TwinOffer, by: User) -> str:
    """The scenario of what was chosen; nothing, with what is wrong said, where there is none."""
    given = form.cleaned_data
    chosen = Chosen(
        days=given["days"],
        load_percent=given["load"],
        trace=given["trace"],
        profile=given["profile"],
    )
    if given["source"] != HERE:
        shipped = {one.id: one.text for one in offered.scenarios}
        return changed(shipped[given["source"]], chosen)
    try:
        return as_it_stands(chosen, by=by, now=clock.now())
    except NothingStands:
        said = _("No allocation is active. Choose a scenario, or come back when there is one.")
        form.add_error("source", said)
        return ""


def _as_text(request: HttpRequest, offered: TwinOffer, form: ChoiceForm, text: str) -> HttpResponse:
    """The page of the text, filled in with what was chosen."""
    kept = {name: form.cleaned_data[name] for name in ("name", "policies", "seeds")}
    if form.cleaned_data["trace"] is not None:
        messages.info(request, _("Please choose the file of jobs once more."))
    filled = TextForm(offered, initial={**kept, "scenario": text})
    return render(request, "studies/ask_text.html", {"form": filled})


def _before(request: HttpRequest, by: User) -> dict[str, object]:
    """What an earlier study was asked with, where the address names one."""
    asked = request.GET.get("from", "")
    if not asked.isdecimal() or len(asked) > LONGEST_NUMBER:
        return {}
    study = queries.a_study(pk=int(asked), by=by)
    return {
        "name": study.name,
        "scenario": study.scenario,
        "policies": study.policies,
        "seeds": study.seeds,
    }


def _asked(request: HttpRequest, form: forms.Form, text: str, by: User) -> Study | None:
    """The study; None, with what is wrong said, where there is none."""
    given = form.cleaned_data
    asked = Asked(
        name=given["name"],
        scenario=text,
        policies=tuple(given["policies"]),
        seeds=given["seeds"],
        trace=given["trace"],
    )
    try:
        made = ask_study(asked=asked, by=by, now=clock.now())
    except ScenarioRefused as refused:
        _show(form, refused)
    except QueueFull:
        messages.warning(request, _("Too many studies wait already. Please ask again later."))
    except TwinSilent:
        messages.error(request, _("The twin does not answer. Please try again."))
    else:
        messages.success(request, _("The study is queued. It is played as soon as its turn comes."))
        return made
    return None


def _show(form: forms.Form, refused: ScenarioRefused) -> None:
    """At the text, line by line; above the form, where the text is not shown."""
    field = "scenario" if "scenario" in form.fields else None
    for problem in refused.problems:
        place = _("Line %(line)s") % {"line": problem.line} if problem.line else ""
        parts = (place, problem.field, problem.message, problem.hint)
        form.add_error(field, ": ".join(part for part in parts if part))
