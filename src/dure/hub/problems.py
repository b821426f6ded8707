"""Problem documents (RFC 9457): errors by name inside, one shape at the API's edge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, ValidationError

from dure.engine.allocation.scenario import UnableToChange
from dure.hub.allocations.capacity import NoRoom
from dure.hub.allocations.decisions import ApprovedAlready, PlanRefused, StalePlan
from dure.hub.allocations.rounds import GroupsInConflict
from dure.hub.allocations.scenarios import ApplicationsMissing, ScenarioNameTaken, SupplyMissing
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.incidents.operations import UnableToAnnounce
from dure.hub.jobs.operations import UnableToOrder
from dure.hub.people.gate import NotPermitted
from dure.hub.portal.reasons import sentence
from dure.hub.reviews.stages import ReviewsOutstanding
from dure.hub.studies.operations import QueueFull, ScenarioRefused
from dure.hub.studies.twin_process import TwinSilent
from dure.hub.supply.operations import TokenRefused
from dure.hub.usage.operations import OtherCluster, ReportRefused


class Problem(Schema):
    """What went wrong, for a program (`type`) and for a person."""

    type: str
    title: str
    detail: str = ""


# What a person may not see does not exist for them, so both answer 404.
KNOWN: Final[dict[type[Exception], tuple[int, str, str]]] = {
    NotPermitted: (404, "not-found", "There is no such thing for you"),
    ObjectDoesNotExist: (404, "not-found", "There is no such thing for you"),
    Http404: (404, "not-found", "There is no such thing for you"),
    AuthenticationError: (401, "not-authenticated", "The token is missing, unknown or expired"),
    TokenRefused: (401, "token-refused", "The token is unknown, used or expired"),
    OtherCluster: (409, "other-cluster", "The report is of another cluster than the credential"),
    StalePlan: (409, "stale-plan", "The programme has moved on since the plan was made"),
    ApprovedAlready: (409, "approved-already", "Each approval is another person's"),
    GroupsInConflict: (409, "groups-in-conflict", "The rules cannot be met together"),
    PlanRefused: (409, "plan-refused", "The independent check did not accept the plan"),
    ScenarioNameTaken: (409, "scenario-name-taken", "The plan has a scenario of this name"),
    SupplyMissing: (409, "supply-missing", "The scenario needs servers that are not there"),
    ApplicationsMissing: (
        409,
        "applications-missing",
        "The scenario leaves out applications of the round",
    ),
    UnableToChange: (422, "unable-to-change", "The scenario does not fit the round"),
    NotAtThisStage: (409, "not-at-this-stage", "This step comes at another stage"),
    ReviewsOutstanding: (409, "reviews-outstanding", "The stage waits for reviews"),
    NoRoom: (409, "no-room", "The pool has too few free servers"),
    ScenarioRefused: (422, "scenario-refused", "The text is no scenario that can be played"),
    UnableToOrder: (409, "unable-to-order", "The job cannot run as it was asked for"),
    QueueFull: (409, "queue-full", "Too many studies wait already"),
    TwinSilent: (503, "twin-silent", "The twin is not installed, or does not answer"),
    UnableToAnnounce: (422, "unable-to-announce", "The maintenance cannot be as it is asked"),
    ReportRefused: (422, "report-refused", "A record of the report cannot be true here"),
}

SILENT: Final = frozenset({404, 401, 503})
"""Answers whose detail would say more than the asker may know."""


def install(api: NinjaAPI) -> None:
    """Answers each known error with its problem document."""
    for error, (status, code, title) in KNOWN.items():
        api.exception_handler(error)(_answering(api, status, code, title))
    api.exception_handler(ValidationError)(_invalid(api))


def _answering(
    api: NinjaAPI, status: int, code: str, title: str
) -> Callable[[HttpRequest, Exception], HttpResponse]:
    def answer(request: HttpRequest, error: Exception) -> HttpResponse:
        detail = "" if status in SILENT else _said(error)
        return _document(api, request, status, Problem(type=code, title=title, detail=detail))

    return answer


def _said(error: Exception) -> str:
    if isinstance(error, UnableToChange):
        return f"{error.where}: {sentence(error.reason)}"
    if isinstance(error, UnableToOrder):
        return sentence(error.reason)
    return str(error)


def _invalid(api: NinjaAPI) -> Callable[[HttpRequest, ValidationError], HttpResponse]:
    def answer(request: HttpRequest, error: ValidationError) -> HttpResponse:
        detail = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors
        )
        title = "The request does not have this shape"
        return _document(api, request, 422, Problem(type="invalid", title=title, detail=detail))

    return answer


def _document(api: NinjaAPI, request: HttpRequest, status: int, problem: Problem) -> HttpResponse:
    response = api.create_response(request, problem.model_dump(), status=status)
    response.headers["Content-Type"] = "application/problem+json"
    return response
