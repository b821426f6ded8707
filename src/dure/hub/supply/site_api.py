"""What site agents ask: enrol, pull the desired state, report."""

from __future__ import annotations

import time
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Status

from dure.hub import clock
from dure.hub.allocations.desired import document as desired_document
from dure.hub.auth import SiteRequest, SiteToken
from dure.hub.problems import Problem
from dure.hub.supply import operations
from dure.hub.supply.models import Cluster
from dure.hub.usage.operations import accept_report
from dure.protocol import Credential, Desired, Enrolment, Receipt, Report

router = Router(tags=["site"])

LONGEST_WAIT_S = 25
"""Below the 30 s after which many proxies cut a silent connection."""

LOOK_AGAIN_S = 0.1
"""A change reaches a waiting agent within this; a look is one indexed read of one row."""


def _credential(cluster: Cluster) -> Credential:
    made, secret = operations.rotate_credential(cluster=cluster, now=clock.now())
    return Credential.model_validate(
        {"cluster": cluster.key, "token": secret, "expires": made.expires_at}
    )


@router.post("site/enrol", response={200: Credential, 401: Problem, 422: Problem})
def enrol(request: HttpRequest, body: Enrolment) -> Credential:
    """Exchanges a one-time token for the cluster's credential."""
    made, secret = operations.enrol_agent(token=body.token, now=clock.now())
    return Credential.model_validate(
        {"cluster": made.cluster.key, "token": secret, "expires": made.expires_at}
    )


@router.post("site/credential", auth=SiteToken(), response={200: Credential, 401: Problem})
def rotate(request: SiteRequest) -> Credential:
    """A fresh credential; the one shown here ends."""
    return _credential(request.auth)


@router.get(
    "site/desired", auth=SiteToken(), response={200: Desired, 304: None, 401: Problem, 422: Problem}
)
def desired(
    request: SiteRequest,
    response: HttpResponse,
    wait_s: Annotated[int, Query(ge=0, le=LONGEST_WAIT_S)] = 0,
) -> Status[Desired | None]:
    """The complete desired state; with `If-None-Match`, waits up to `wait_s` for a newer one."""
    known = request.headers.get("If-None-Match", "").strip('W/"')
    until = time.monotonic() + wait_s
    while str(revision := _revision(request.auth)) == known:
        if time.monotonic() >= until:
            response.headers["ETag"] = f'"{revision}"'
            return Status(304, None)
        time.sleep(LOOK_AGAIN_S)
    document = desired_document(request.auth)
    response.headers["ETag"] = f'"{document.revision}"'
    return Status(200, document)


def _revision(cluster: Cluster) -> int:
    return Cluster.objects.values_list("desired_revision", flat=True).get(pk=cluster.pk)


@router.post(
    "site/reports",
    auth=SiteToken(),
    response={200: Receipt, 401: Problem, 409: Problem, 422: Problem},
)
def report(request: SiteRequest, body: Report) -> Receipt:
    """Takes one batch; said again, it changes nothing."""
    return accept_report(cluster=request.auth, report=body, now=clock.now())
