"""Pages of clusters and their agents."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from dure.hub import clock
from dure.hub.incidents.queries import of_cluster
from dure.hub.people.gate import Action, may
from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in
from dure.hub.supply import operations, queries


@require_safe
@signed_in
def clusters(request: HttpRequest, by: User) -> HttpResponse:
    seen = queries.clusters(by=by, now=clock.now())
    return render(request, "supply/clusters.html", {"clusters": seen})


@require_safe
@signed_in
def cluster(request: HttpRequest, by: User, key: str) -> HttpResponse:
    seen = queries.cluster(key=key, by=by, now=clock.now())
    may_enrol = may(by, Action.MANAGE_CLUSTER, seen.cluster)
    found = {"seen": seen, "may_enrol": may_enrol, "nodes": of_cluster(cluster=seen.cluster, by=by)}
    return render(request, "supply/cluster.html", found)


@require_POST
@never_cache
@signed_in
def enrolment(request: HttpRequest, by: User, key: str) -> HttpResponse:
    """A fresh token, in the answer itself: it is shown once and kept nowhere."""
    now = clock.now()
    seen = queries.cluster(key=key, by=by, now=now)
    token = operations.issue_enrolment_token(cluster=seen.cluster, by=by, now=now)
    lifetime_hours = operations.ENROLMENT_LIFETIME.total_seconds() // 3600
    found = {"seen": seen, "token": token, "lifetime_hours": int(lifetime_hours)}
    return render(request, "supply/enrolment.html", found)
