"""What-if studies, for programs."""

from __future__ import annotations

from typing import Final

from django.http import HttpResponse
from django.utils.translation import get_language
from ninja import Router, Status

from dure.client.studies import StudiesView, StudyAsked, StudyFileView, StudyView
from dure.hub import clock
from dure.hub.auth import PersonalToken, UserRequest
from dure.hub.problems import Problem
from dure.hub.studies import operations, queries
from dure.hub.studies.models import Study
from dure.hub.studies.pages import as_download
from dure.protocol.study import StudyResult

router = Router(tags=["studies"], auth=PersonalToken())

REFUSALS: Final = {401: Problem, 404: Problem}
PAGE: Final = 50
"""Studies of one answer."""


@router.get("studies", response={200: StudiesView, **REFUSALS})
def studies(request: UserRequest, before: int | None = None) -> StudiesView:
    """The latest studies; those before a study's id, where one is named."""
    rows = queries.studies(by=request.auth)
    found = list((rows if before is None else rows.filter(pk__lt=before))[: PAGE + 1])
    shown = found[:PAGE]
    return StudiesView(
        studies=tuple(_view(one) for one in shown),
        before=shown[-1].pk if len(found) > PAGE else None,
    )


@router.post(
    "studies", response={200: StudyView, 409: Problem, 422: Problem, 503: Problem, **REFUSALS}
)
def ask_study(request: UserRequest, body: StudyAsked) -> StudyView:
    """Queues a study. Answers once the twin has checked the scenario, in a few seconds."""
    asked = operations.Asked(
        name=body.name, scenario=body.scenario, policies=body.policies, seeds=body.seeds
    )
    return _view(operations.ask_study(asked=asked, by=request.auth, now=clock.now()))


@router.get("studies/{study}", response={200: StudyView, **REFUSALS})
def one_study(request: UserRequest, study: int) -> StudyView:
    """One study, with its answer and files once it is done."""
    return _whole(queries.a_study(pk=study, by=request.auth))


@router.get("studies/{study}/files/{name}", response={200: None, **REFUSALS})
def a_file(request: UserRequest, study: int, name: str) -> HttpResponse:
    """A file of a study, as it is."""
    return as_download(queries.a_file(pk=study, name=name, by=request.auth))


@router.post("studies/{study}/cancel", response={200: StudyView, **REFUSALS})
def cancel_study(request: UserRequest, study: int) -> StudyView:
    """Ends a study that waits or is played; one that is over stays as it is."""
    one = queries.a_study(pk=study, by=request.auth)
    operations.cancel_study(study=one, by=request.auth, now=clock.now())
    return _whole(queries.a_study(pk=study, by=request.auth))


@router.delete("studies/{study}", response={204: None, **REFUSALS})
def remove_study(request: UserRequest, study: int) -> Status[None]:
    """Takes a study and its files away. Cannot be undone."""
    one = queries.a_study(pk=study, by=request.auth)
    operations.remove_study(study=one, by=request.auth, now=clock.now())
    return Status(204, None)


def _whole(one: Study) -> StudyView:
    files = tuple(
        StudyFileView(name=file.name, size=file.size, sha256=file.sha256)
        for file in queries.files(study=one)
    )
    view = _view(one).model_copy(update={"files": files})
    if one.result is None:
        return view
    result = StudyResult.model_validate(one.result)
    korean = (get_language() or "ko").startswith("ko")
    answer = result.answer.ko if korean else result.answer.en
    return view.model_copy(update={"answer": answer, "recommended": result.recommended})


def _view(one: Study) -> StudyView:
    return StudyView(
        id=one.pk,
        name=one.name,
        state=Study.State(one.state).value,
        policies=tuple(one.policies),
        seeds=one.seeds,
        days=one.days,
        played_days=one.played_days,
        all_days=one.all_days,
        asked_by=one.asked_by.username,
        asked=one.asked_at,
        started=one.started_at,
        ended=one.ended_at,
        failure=queries.why_failed(one) or None,
    )
