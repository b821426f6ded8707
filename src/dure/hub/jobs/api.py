"""Jobs, for programs."""

from __future__ import annotations

from typing import Final

from ninja import Router

from dure.client.jobs import JobAsked, JobLogView, JobsView, JobView, PlaceView, RouteView
from dure.engine.routing import Route, Verdict, Wish
from dure.hub import clock
from dure.hub.auth import PersonalToken, UserRequest
from dure.hub.jobs import operations, queries
from dure.hub.jobs.models import Job
from dure.hub.jobs.operations import Asked
from dure.hub.people.gate import Action, require
from dure.hub.people.models import User
from dure.hub.portal.reasons import sentence
from dure.hub.problems import Problem

router = Router(tags=["jobs"], auth=PersonalToken())

REFUSALS: Final = {401: Problem, 404: Problem}
PAGE: Final = 50
"""Jobs of one answer."""


@router.get("jobs", response={200: JobsView, **REFUSALS})
def jobs(
    request: UserRequest,
    before: int | None = None,
    state: str = "",
    project: str = "",
    mine: bool = False,  # noqa: FBT001, FBT002  # a parameter of the address
) -> JobsView:
    """The latest jobs that the bearer may see; those before a job's id, where one is named."""
    rows = queries.jobs(by=request.auth, state=state, project=project, mine="1" if mine else "")
    related = rows.select_related("pool__cluster").defer("pool__cluster__inventory")
    found = list((related if before is None else related.filter(pk__lt=before))[: PAGE + 1])
    shown = found[:PAGE]
    return JobsView(
        jobs=tuple(_view(one) for one in shown),
        before=shown[-1].pk if len(found) > PAGE else None,
    )


@router.post("jobs", response={200: JobView, 409: Problem, 422: Problem, **REFUSALS})
def submit_job(request: UserRequest, body: JobAsked) -> JobView:
    """Orders a job; the site's agent hands it in within seconds."""
    asked = _asked(body, request.auth)
    return _whole(operations.order_job(asked=asked, by=request.auth, now=clock.now()))


@router.post("jobs/route", response={200: RouteView, 409: Problem, 422: Problem, **REFUSALS})
def route_job(request: UserRequest, body: JobAsked) -> RouteView:
    """Where the job would run, when it would start, and why not elsewhere; orders nothing."""
    asked = _asked(body, request.auth)
    return _route(operations.where(asked=asked, by=request.auth, now=clock.now()))


@router.get("jobs/{job}", response={200: JobView, **REFUSALS})
def one_job(request: UserRequest, job: int) -> JobView:
    """One job."""
    return _whole(queries.a_job(pk=job, by=request.auth))


@router.get("jobs/{job}/log", response={200: JobLogView, **REFUSALS})
def job_log(request: UserRequest, job: int) -> JobLogView:
    """The end of what it wrote, to its project's members; has its site send it for a minute."""
    one = queries.a_job(pk=job, by=request.auth)
    require(request.auth, Action.RUN_JOB, one)
    operations.read_job(job=one, by=request.auth, now=clock.now())
    return JobLogView.model_validate(
        {
            "id": one.pk,
            "state": one.state,
            "attempt": one.attempt,
            "text": one.log,
            "at": one.log_at,
        }
    )


@router.post("jobs/{job}/cancel", response={200: JobView, 409: Problem, **REFUSALS})
def cancel_job(request: UserRequest, job: int) -> JobView:
    """Asks the site to end a job; one that is over stays as it is."""
    one = queries.a_job(pk=job, by=request.auth)
    operations.cancel_job(job=one, by=request.auth, now=clock.now())
    return _whole(queries.a_job(pk=job, by=request.auth))


def _asked(body: JobAsked, by: User) -> Asked:
    return Asked(
        project=queries.a_project(key=body.project, by=by),
        command=body.command,
        wish=Wish(
            accelerators=body.accelerators,
            models=body.models,
            memory_gb=body.memory_gb,
            lent=body.lent,
            time_limit_s=body.time_limit_s,
        ),
        allocation=body.allocation,
        pool=body.pool,
        anywhere=body.anywhere,
        name=body.name,
        environment=body.environment,
        working_directory=body.working_directory,
    )


def _whole(job: Job) -> JobView:
    route = _route(Route.model_validate(job.route)) if job.route else None
    return _view(job).model_copy(update={"refused": job.words or None, "route": route})


def _view(job: Job) -> JobView:
    return JobView.model_validate(
        {
            "id": job.pk,
            "name": job.name,
            "project": job.project.key,
            "allocation": job.allocation.key if job.allocation else None,
            "cluster": job.pool.cluster.key,
            "pool": job.pool.key,
            "accelerators": job.accelerators,
            "username": job.username,
            "state": job.state,
            "attempt": job.attempt,
            "is_wanted": job.is_wanted,
            "engine_job": job.engine_job or None,
            "asked": job.asked_at,
            "submitted": job.submitted_at,
            "started": job.started_at,
            "ended": job.ended_at,
            "exit_code": job.exit_code,
            "waits": queries.why_waits(job) or None,
        }
    )


def _route(route: Route) -> RouteView:
    return RouteView(
        chosen=_place(route.chosen) if route.chosen is not None else None,
        places=tuple(_place(one) for one in route.verdicts),
    )


def _place(one: Verdict) -> PlaceView:
    return PlaceView(
        cluster=one.cluster,
        pool=one.pool,
        allocation=one.allocation,
        start=one.start,
        at=one.at,
        code=one.reason.code,
        reason=sentence(one.reason),
        why_not=sentence(one.why_not) if one.why_not is not None else None,
    )
