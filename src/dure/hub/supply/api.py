"""The programme and its clusters, for programs."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router

from dure.client.models import ClusterView, PoolView, ProgrammeView
from dure.hub.auth import OPEN, PersonalToken, UserRequest
from dure.hub.people.gate import Action, may
from dure.hub.problems import Problem
from dure.hub.supply.models import Cluster
from dure.hub.supply.queries import programme as current
from dure.protocol import Capabilities, Drift

router = Router(tags=["supply"])


@router.get("programme", auth=OPEN, response={200: ProgrammeView, 401: Problem, 404: Problem})
def programme(request: HttpRequest) -> ProgrammeView:
    """The programme in force, as everyone may see it."""
    document = current()
    if document is None:
        raise Cluster.DoesNotExist
    pools = [(cluster, pool) for _, cluster, pool in document.pools()]
    return ProgrammeView(
        id=document.id,
        name=document.name,
        agency=document.agency,
        time_zone=document.time_zone,
        currency=document.currency,
        accelerators=sum(pool.programme_accelerators for _, pool in pools),
        pools=tuple(
            PoolView(
                id=pool.id,
                cluster=cluster.id,
                model=pool.model,
                servers=pool.awardable_nodes,
                accelerators_per_server=pool.accelerators_per_node,
            )
            for cluster, pool in pools
        ),
    )


@router.get("clusters", auth=PersonalToken(), response={200: list[ClusterView], 401: Problem})
def clusters(request: UserRequest) -> list[ClusterView]:
    """The clusters the bearer may see, with what their agents last said."""
    found = Cluster.objects.select_related("provider").prefetch_related("pools").order_by("key")
    return [_view(c) for c in found if may(request.auth, Action.SEE_CLUSTER, c)]


def _view(cluster: Cluster) -> ClusterView:
    return ClusterView(
        id=cluster.key,
        provider=cluster.provider.key,
        engine=cluster.engine,
        last_heard=cluster.last_seen_at,
        applied_revision=cluster.applied_revision,
        desired_revision=cluster.desired_revision,
        complete_through=cluster.complete_through,
        accelerators=sum(pool.programme_accelerators for pool in cluster.pools.all()),
        nodes_down=sum(said["nodes_down"] for said in cluster.inventory),
        capabilities=Capabilities.model_validate(cluster.capabilities)
        if cluster.capabilities
        else None,
        drift=tuple(Drift.model_validate(drift) for drift in cluster.drift),
    )
