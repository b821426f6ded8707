"""Reading calls and applications."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import Prefetch, QuerySet

from dure.hub.allocations.models import Allocation, Decision, Outcome
from dure.hub.calls.models import Application, Call
from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import User
from dure.hub.people.reach import of_organisation
from dure.vocabulary.programme import FormField, Programme

_OFFER: Final = (
    "key",
    "project",
    "state",
    "servers",
    "starts_at",
    "ends_at",
    "pool__model",
    "pool__cluster__name_ko",
    "pool__cluster__name_en",
)
"""What an offer in a list shows: the rest is not fetched."""


@dataclass(frozen=True, slots=True)
class AnswerShown:
    """One question with the answer as a reader sees it: `value` is text, a number or a choice's
    label in both languages; None where it was not answered."""

    field: FormField
    value: object


def calls() -> QuerySet[Call]:
    """Every call, the latest first."""
    return Call.objects.order_by("-opens_at", "key")


def open_calls() -> QuerySet[Call]:
    """The calls that take applications, the one that closes first in front."""
    return Call.objects.filter(state=Call.State.OPEN).order_by("closes_at", "key")


def my_applications(by: User) -> QuerySet[Application]:
    """The applications of the person's organisation, newest first, with what became of them."""
    return (
        of_organisation(Application.objects.all(), by=by)
        .select_related("call", "project")
        .defer("answers")
        .prefetch_related(
            Prefetch("outcomes", _decided().only("application", "decision", "reason", "change")),
            Prefetch("project__allocations", _granted().only(*_OFFER)),
        )
        .order_by("-created_at", "-pk")
    )


def my_draft(by: User, call: Call) -> Application | None:
    """The person's own unfinished application to the call."""
    return Application.objects.filter(
        call=call, applicant=by, state=Application.State.DRAFT
    ).first()


def application_for(by: Actor, number: str) -> Application:
    """One application. Raises Application.DoesNotExist, NotPermitted."""
    found = (
        Application.objects.select_related(
            "call__programme", "organisation", "applicant", "project", "waitlist_entry"
        )
        .prefetch_related(
            Prefetch("outcomes", _decided().select_related("pool__cluster")),
            Prefetch("project__allocations", _granted()),
        )
        .get(number=number)
    )
    require(by, Action.SEE_APPLICATION, found)
    return found


def answers_shown(application: Application, programme: Programme) -> list[AnswerShown]:
    """All questions of the form, with this application's answers."""
    return [
        AnswerShown(field, shown(field, application.answers.get(field.id)))
        for field in programme.form
    ]


def shown(field: FormField, answer: object) -> object:
    """The answer as a reader sees it: a choice by its label; None where there is none."""
    if answer in (None, "", []):
        return None
    return next((c.label for c in field.choices if c.value == answer), answer)


def _decided() -> QuerySet[Outcome]:
    applied = Outcome.objects.filter(decision__state=Decision.State.APPLIED)
    return applied.order_by("-decision_id")


def _granted() -> QuerySet[Allocation]:
    return Allocation.objects.select_related("pool__cluster").order_by("starts_at")
