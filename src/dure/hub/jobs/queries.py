"""Reading jobs: the list, one, and where a member's projects may run more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from dure.engine.routing import Place, Route, Wish
from dure.hub.allocations.models import Project
from dure.hub.jobs import places
from dure.hub.jobs.models import OVER, Job
from dure.hub.jobs.rights import Membership, Submission
from dure.hub.people.gate import Action, NotPermitted, may, require
from dure.hub.people.models import Role, User
from dure.hub.portal.reasons import sentence

_LONG = ("log", "command", "environment", "route", "words")
"""What a list does not show."""

_CLUSTER = ("pool__cluster__inventory", "pool__cluster__capabilities", "pool__cluster__drift")


@dataclass(frozen=True, slots=True)
class ProjectPlaces:
    """A project of the member's, and where it may run jobs."""

    project: Project
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class JobSeen:
    """One job as this person may see it: its command and output are its project's alone."""

    job: Job
    is_member: bool
    may_cancel: bool
    why: str
    chosen: str
    others: tuple[tuple[str, str], ...]


def jobs(
    *, by: User, state: str = "", project: str = "", text: str = "", mine: str = ""
) -> QuerySet[Job]:
    """The jobs this person may see: all, or those of the projects that they are a member of.
    Latest first. Raises NotPermitted to who can have none."""
    found = Job.objects.select_related("project", "pool", "allocation", "submitted_by")
    if not may(by, Action.SEE_JOB):
        if by.role != Role.APPLICANT:
            raise NotPermitted(by, Action.SEE_JOB)
        found = found.filter(project__in=by.projects.all())
    if state == "open":
        found = found.exclude(state__in=OVER)
    elif state in Job.State.values:
        found = found.filter(state=state)
    if project:
        found = found.filter(project__key=project)
    if mine:
        found = found.filter(username=by.username)
    if text:
        found = found.filter(
            Q(name__icontains=text) | Q(engine_job__icontains=text) | Q(username__icontains=text)
        )
    return found.defer(*_LONG).order_by("-pk")


def a_job(*, pk: int, by: User) -> Job:
    """One job. Raises NotPermitted, also where there is none."""
    related = Job.objects.select_related("project", "pool__cluster", "allocation", "submitted_by")
    found = related.defer(*_CLUSTER).filter(pk=pk).first()
    if found is None:
        raise NotPermitted(by, Action.SEE_JOB)
    require(by, Action.SEE_JOB, found)
    return found


def seen(*, job: Job, by: User) -> JobSeen:
    """The job with what may be said of it to this person."""
    require(by, Action.SEE_JOB, job)
    route = Route.model_validate(job.route) if job.route else None
    chosen = route.chosen if route is not None else None
    return JobSeen(
        job=job,
        is_member=may(by, Action.RUN_JOB, job),
        may_cancel=bool(job.order)
        and job.is_wanted
        and not job.is_over
        and may(by, Action.CANCEL_JOB, Submission(job)),
        why=why_waits(job),
        chosen=sentence(chosen.reason) if chosen is not None else "",
        others=tuple(
            (_place(one.pool, one.allocation), sentence(one.why_not or one.reason))
            for one in (route.verdicts[1:] if route is not None else ())
        ),
    )


def why_waits(job: Job) -> str:
    """Why the job does not run, or how it was lost, in words; else nothing."""
    return sentence(job.waits) if job.waits else ""


def projects(*, by: User, now: datetime) -> tuple[ProjectPlaces, ...]:
    """The member's projects, each with its places. Raises NotPermitted to who can have none."""
    if by.role != Role.APPLICANT:
        raise NotPermitted(by, Action.RUN_JOB)
    mine = list(by.projects.order_by("title", "pk"))
    found = places.of_projects(mine, now=now)
    return tuple(ProjectPlaces(project, found[project.pk]) for project in mine)


def project_keys(*, by: User) -> list[tuple[str, str]]:
    """The projects that the person's list can be narrowed to."""
    mine = by.projects.order_by("title", "pk")
    return list(mine.values_list("key", "title")) if by.role == Role.APPLICANT else []


def a_project(*, key: str | None, by: User) -> Project:
    """The member's project of that key, or their only one. Raises NotPermitted."""
    mine = by.projects.all() if key is None else by.projects.filter(key=key)
    found = list(mine[:2])
    if len(found) != 1:
        raise NotPermitted(by, Action.RUN_JOB)
    require(by, Action.RUN_JOB, Membership(found[0]))
    return found[0]


def starts(
    *, found: tuple[ProjectPlaces, ...], accelerators: int, now: datetime
) -> tuple[tuple[ProjectPlaces, Route], ...]:
    """When a job of this size would start, at each place of each project; the best first."""
    wish = Wish(accelerators=accelerators, lent="also")
    return tuple((one, places.route(one.places, wish, now=now)) for one in found if one.places)


def _place(pool: str, allocation: str | None) -> str:
    return f"{pool} · {allocation}" if allocation else pool
