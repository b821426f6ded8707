"""Ordering a job, ending it, reading what it writes.

- Members of a project order under it and nobody else; who handed a job in ends it, or an operator.
- Where a job runs is a place of its project: named, or chosen by `engine.routing`. A place that
  cannot run it refuses at once, with the reason that the page shows.
- Nothing here starts anything: the order stands in the cluster's document until its job is over.
- What is over is kept for KEPT_FOR, with the end of its output.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from dure.engine.routing import Place, Route, Verdict, Wish
from dure.hub.allocations.models import Allocation, Project
from dure.hub.audit import operations as audit
from dure.hub.jobs import orders, places
from dure.hub.jobs.models import OVER, Job
from dure.hub.jobs.rights import Membership, Submission
from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import User
from dure.hub.supply.models import Pool
from dure.protocol.jobs import LONGEST_COMMAND
from dure.vocabulary.plans import Reason

MOST_OPEN: Final = 200
"""Jobs of a project that are not over: all stand in documents that are sent whole (our choice)."""

MOST_BYTES: Final = 1024 * 1024
"""Of the commands with their variables of a project's jobs that are not over: 16 of the longest, or
200 of 5 KiB. A document is sent whole, and again at each change (our choice)."""

READ_FOR: Final = timedelta(seconds=60)
"""So long after the last look a job's site goes on to send its output."""

RENEWED_BEFORE: Final = timedelta(seconds=30)
"""A look writes only when the last one is soon forgotten."""

KEPT_FOR: Final = timedelta(days=90)
"""A quarter: longer than people come back to an old job's output (our choice)."""

SLICE: Final = 500
"""Jobs deleted in one transaction: reports wait for the rows of one slice and no longer."""


class UnableToOrder(Exception):
    """No job was ordered; `reason` says why, `route` what each place means for it."""

    def __init__(self, reason: Reason, route: Route | None = None) -> None:
        super().__init__(reason.code)
        self.reason, self.route = reason, route


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A job as a member asks for it.

    `allocation`, or `pool` on loan, names the place; with neither, it is chosen among the places
    of one cluster, with `anywhere` among all.
    """

    project: Project
    command: tuple[str, ...]
    wish: Wish
    allocation: str | None = None
    pool: str | None = None
    anywhere: bool = False
    name: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    working_directory: str = ""


def order_job(*, asked: Asked, by: User, now: datetime) -> Job:
    """Orders a job. Raises UnableToOrder."""
    require(by, Action.RUN_JOB, Membership(asked.project))
    _within_bounds(asked)
    route = where(asked=asked, by=by, now=now)
    chosen = route.chosen
    if chosen is None:
        raise UnableToOrder(_why_nowhere(route), route)
    return _order(asked, chosen, route, by=by, now=now)


def where(*, asked: Asked, by: User, now: datetime) -> Route:
    """Where the job would run, and why not elsewhere. Orders nothing. Raises UnableToOrder."""
    require(by, Action.RUN_JOB, Membership(asked.project))
    found = places.of_projects([asked.project], now=now)[asked.project.pk]
    offered = tuple(one for one in found if _is_named(one, asked))
    if not offered:
        raise UnableToOrder(_no_such_place(asked, found))
    route = places.route(offered, asked.wish, now=now)
    clusters = {one.cluster for one in route.verdicts if one.start != "never"}
    if len(clusters) > 1 and not asked.anywhere:
        params = {"clusters": ", ".join(sorted(clusters))}
        raise UnableToOrder(Reason(code="job.several_sites", params={**params}), route)
    return route


@transaction.atomic
def cancel_job(*, job: Job, by: User, now: datetime) -> Job:
    """Asks the site to end a job; one that is over stays as it is. Raises UnableToOrder for a job
    that was started on a login node."""
    require(by, Action.CANCEL_JOB, Submission(job))
    orders.hold([job.cluster_id])
    locked = Job.objects.select_for_update(no_key=True).get(pk=job.pk)
    if locked.is_over or not locked.is_wanted:
        return locked
    if not locked.order:
        raise UnableToOrder(Reason(code="job.started_elsewhere"))
    locked.is_wanted = False
    locked.save(update_fields=["is_wanted"])
    orders.changed({locked.cluster_id})
    _tell(locked, "job.cancelled", by, now)
    return locked


def read_job(*, job: Job, by: User, now: datetime) -> None:
    """Has the site send what the job writes, for a while. Members only."""
    require(by, Action.RUN_JOB, job)
    if job.is_over or not job.order:
        return
    if job.read_until is not None and job.read_until - now > RENEWED_BEFORE:
        return
    with transaction.atomic():
        orders.hold([job.cluster_id])
        locked = Job.objects.select_for_update(no_key=True).get(pk=job.pk)
        if locked.is_over:
            return
        was_read, locked.read_until = locked.read_until is not None, now + READ_FOR
        locked.save(update_fields=["read_until"])
        if not was_read:
            orders.changed({job.cluster_id})


def tidy(*, by: Actor, now: datetime) -> int:
    """Forgets who has stopped reading, and jobs that ended longer ago than KEPT_FOR; how many."""
    require(by, Action.MANAGE_PROGRAMME)
    with transaction.atomic():
        orders.reading_ends(now=now)
    old = Job.objects.filter(state__in=OVER, ended_at__lt=now - KEPT_FOR).order_by("pk")
    removed = 0
    while found := list(old.values_list("pk", flat=True)[:SLICE]):
        removed += Job.objects.filter(pk__in=found).delete()[0]
    return removed


@transaction.atomic
def _order(asked: Asked, chosen: Verdict, route: Route, *, by: User, now: datetime) -> Job:
    project = Project.objects.select_for_update(no_key=True).get(pk=asked.project.pk)
    standing = Job.objects.filter(project=project).exclude(order="").exclude(state__in=OVER)
    sizes = [_size(*one) for one in standing.values_list("command", "environment")]
    if len(sizes) >= MOST_OPEN or sum(sizes) + _size(asked.command, asked.environment) > MOST_BYTES:
        raise UnableToOrder(Reason(code="job.too_many", params={"most": len(sizes)}))
    pool = Pool.objects.select_related("cluster").get(key=chosen.pool)
    job = Job.objects.create(
        cluster=pool.cluster,
        pool=pool,
        project=project,
        allocation=Allocation.objects.filter(key=chosen.allocation).first(),
        order=f"dure-{secrets.token_hex(8)}",
        submitted_by=by,
        username=by.username,
        name=asked.name,
        command=list(asked.command),
        environment=asked.environment,
        working_directory=asked.working_directory,
        accelerators=asked.wish.accelerators,
        time_limit_s=asked.wish.time_limit_s,
        asked_at=now,
        route=route.model_dump(mode="json"),
    )
    orders.changed({pool.cluster_id})
    _tell(job, "job.ordered", by, now, order=job.order, accelerators=job.accelerators)
    return job


def _within_bounds(asked: Asked) -> None:
    if _size(asked.command, asked.environment) > LONGEST_COMMAND:
        most = LONGEST_COMMAND // 1024
        raise UnableToOrder(Reason(code="job.command_too_long", params={"most": most}))


def _size(command: Sequence[str], environment: dict[str, str]) -> int:
    """Bytes in the document."""
    return len(json.dumps([command, environment], ensure_ascii=False).encode())


def _is_named(place: Place, asked: Asked) -> bool:
    if asked.allocation is not None:
        return place.allocation == asked.allocation
    return asked.pool is None or place.pool == asked.pool


def _no_such_place(asked: Asked, found: tuple[Place, ...]) -> Reason:
    if asked.allocation is not None:
        return Reason(code="job.no_such_allocation", params={"allocation": asked.allocation})
    if asked.pool is not None and found:
        return Reason(code="job.no_right_here", params={"pool": asked.pool})
    return Reason(code="job.no_right_anywhere")


def _why_nowhere(route: Route) -> Reason:
    """The reason of the one place, or that none of several will do."""
    if len(route.verdicts) == 1:
        return route.verdicts[0].reason
    wanted = [one for one in route.verdicts if one.reason.code not in _BY_WISH]
    return wanted[0].reason if len(wanted) == 1 else Reason(code="job.nowhere")


_BY_WISH: Final = frozenset({"routing.lent_not_wanted", "routing.guarantee_not_wanted"})


def _tell(job: Job, what: str, by: Actor, now: datetime, **detail: object) -> None:
    audit.record(by=by, what=what, subject=f"job:{job.pk}", at=now, detail=detail)
