"""A call's screening, for programs: a preview that changes nothing, and the screening itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ninja import Router

from dure.client.models import DuplicateView, RefusalView, ScreeningView
from dure.engine import duplicates as engine
from dure.hub import clock
from dure.hub.auth import PersonalToken, UserRequest
from dure.hub.calls import duplicates, operations
from dure.hub.calls import screening as queries
from dure.hub.calls.models import Application, Call, DuplicatePair
from dure.hub.calls.next_steps import failure_words
from dure.hub.people.models import User
from dure.hub.portal.reasons import sentence
from dure.hub.problems import Problem

router = Router(tags=["calls"], auth=PersonalToken())

REFUSALS = {401: Problem, 404: Problem, 409: Problem}

_BEFORE = frozenset({Call.State.ANNOUNCED, Call.State.OPEN, Call.State.CLOSED})


@router.get("calls/{call}/screening", response={200: ScreeningView, **REFUSALS})
def screening(request: UserRequest, call: str) -> ScreeningView:
    """What was decided; before that, what would be decided now."""
    found = queries.a_call(key=call, by=request.auth)
    return _would_be(found, request.auth) if found.state in _BEFORE else _was(found)


@router.post("calls/{call}/screening", response={200: ScreeningView, **REFUSALS})
def screen(request: UserRequest, call: str) -> ScreeningView:
    """Screens the closed call."""
    found = queries.a_call(key=call, by=request.auth)
    operations.screen_call(call=found, by=request.auth, now=clock.now())
    return _was(queries.a_call(key=call, by=request.auth))


def _would_be(call: Call, by: User) -> ScreeningView:
    failures = queries.preview(call=call, by=by, now=clock.now())
    refused = {number: found for number, found in failures.items() if found}
    rows = call.applications.filter(number__in=refused).select_related("organisation")
    return ScreeningView(
        call=call.key,
        applied=False,
        judged=len(failures),
        refused=tuple(
            _refusal(row, [found.model_dump(mode="json") for found in refused[row.number]])
            for row in rows.order_by("number")
        ),
        duplicates=_suspected(call),
    )


def _was(call: Call) -> ScreeningView:
    none = (Application.State.DRAFT, Application.State.WITHDRAWN)
    return ScreeningView(
        call=call.key,
        applied=True,
        judged=call.applications.exclude(state__in=none).count(),
        refused=tuple(_refusal(row, row.failures) for row in queries.refused(call)),
        duplicates=tuple(map(_listed, queries.pairs(call))),
    )


def _refusal(application: Application, failures: Iterable[Mapping[str, Any]]) -> RefusalView:
    found = list(failures)
    return RefusalView(
        application=application.number,
        title=application.title,
        organisation=application.organisation.name,
        rules=tuple(one["rule"] for one in found if "rule" in one),
        fields=tuple(one["field"] for one in found if one.get("field")),
        reasons=tuple(words for one in found for words in failure_words(one)),
    )


def _suspected(call: Call) -> tuple[DuplicateView, ...]:
    """What a look would find now, with what has been decided of it."""
    listed = {(pair.first.number, pair.second.number): pair for pair in queries.pairs(call)}
    new = [
        DuplicateView(
            first=pair.first,
            second=pair.second,
            percent=pair.percent,
            evidence=tuple(map(sentence, pair.evidence)),
        )
        for pair in engine.find(duplicates.snapshot(call)).projects
        if (pair.first, pair.second) not in listed
    ]
    return (*map(_listed, listed.values()), *new)


def _listed(pair: DuplicatePair) -> DuplicateView:
    return DuplicateView.model_validate(
        {
            "first": pair.first.number,
            "second": pair.second.number,
            "percent": pair.percent,
            "evidence": tuple(map(sentence, pair.evidence)),
            "ruling": pair.ruling,
        }
    )
