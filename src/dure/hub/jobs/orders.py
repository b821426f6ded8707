"""The orders in a cluster's document: every job ordered there that is not known to be over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F

from dure.hub.jobs.models import OVER, Job
from dure.hub.supply.models import Cluster
from dure.protocol import JobOrder, JobRequest


def of_cluster(cluster: Cluster) -> tuple[JobOrder, ...]:
    """By order. One query."""
    open_jobs = Job.objects.filter(cluster=cluster).exclude(order="").exclude(state__in=OVER)
    related = open_jobs.select_related("project", "pool", "allocation").defer("log", "route")
    return tuple(_order(job) for job in related.order_by("pk"))


def changed(cluster_ids: set[int]) -> None:
    """These clusters' orders have changed; their agents hear of it at once.

    The entitlements stay as they were: what the agents confirmed of them stays confirmed.
    """
    if cluster_ids:
        Cluster.objects.filter(pk__in=cluster_ids).update(
            desired_revision=F("desired_revision") + 1
        )


def hold(cluster_ids: Iterable[int]) -> None:
    """Holds these clusters until the transaction ends. A report holds its cluster and then its
    jobs: whoever changes both takes them in that order, else the two could wait for each other."""
    held = Cluster.objects.select_for_update(no_key=True).filter(pk__in=cluster_ids)
    list(held.order_by("pk").values_list("pk"))


def reading_ends(*, now: datetime) -> int:
    """Nobody reads these any more: their sites need not send their output."""
    over = Job.objects.filter(read_until__lte=now)
    clusters = set(over.exclude(state__in=OVER).values_list("cluster", flat=True))
    hold(clusters)
    ended = over.update(read_until=None)
    changed(clusters)
    return ended


def _order(job: Job) -> JobOrder:
    return JobOrder(
        order=job.order,
        request=JobRequest(
            project=job.project.key,
            allocation=job.allocation.key if job.allocation else None,
            pool=job.pool.key,
            accelerators=job.accelerators,
            command=tuple(job.command),
            username=job.username,
            environment=job.environment,
            working_directory=job.working_directory,
            label=job.order,
            time_limit_s=job.time_limit_s,
        ),
        wanted="run" if job.is_wanted else "cancel",
        wants_log=job.read_until is not None,
    )
