"""Reading the programme and its supply."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, Literal

from django.db.models import Prefetch, QuerySet

from dure.hub.people.gate import Action, NotPermitted, may, require
from dure.hub.people.models import Role, User
from dure.hub.supply import models
from dure.hub.supply.models import Cluster, Pool
from dure.vocabulary.programme import Programme


def record() -> models.Programme | None:
    """The programme this hub runs, as a row; None before one is loaded."""
    return models.Programme.objects.first()


def programme() -> Programme | None:
    """The programme this hub runs; None before one is loaded."""
    row = models.Programme.objects.only("sha256").first()
    return rules(row) if row else None


def rules(row: models.Programme) -> Programme:
    """The validated document of a programme row."""
    return _parsed(row.sha256, row.pk)


@lru_cache(maxsize=4)
def _parsed(sha256: str, pk: int) -> Programme:
    """Parsed once per content: the digest is the key, so a new document is a new entry."""
    document = models.ProgrammeDocument.objects.values_list("rules", flat=True).get(
        programme=pk, programme__sha256=sha256
    )
    return Programme.model_validate(document)


AgentState = Literal["never", "late", "heard"]

LATE_AFTER: Final = timedelta(minutes=5)
"""Agents report every half minute; ten reports missed are no passing fault (our choice)."""

_POOLS: Final = Prefetch("pools", Pool.objects.order_by("key"))


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """A cluster with its pools, and whether its agent is heard."""

    cluster: Cluster
    pools: tuple[Pool, ...]
    agent: AgentState

    @property
    def behind(self) -> bool:
        """Whether the agent has yet to apply the latest desired revision."""
        return (self.cluster.applied_revision or 0) < self.cluster.desired_revision


def clusters(*, by: User, now: datetime) -> list[ClusterSeen]:
    """The clusters this person may see: all, or their own provider's.

    Raises NotPermitted to who supplies nothing.
    """
    shown = Cluster.objects.defer("inventory")
    if not may(by, Action.SEE_CLUSTER):
        number = by.organisation.registration_number if by.organisation else ""
        if by.role != Role.PROVIDER or not number:
            raise NotPermitted(by, Action.SEE_CLUSTER)
        shown = shown.filter(provider__registration_number=number)
    found = shown.select_related("provider").prefetch_related(_POOLS)
    return [_seen(one, now) for one in found.order_by("provider__key", "key")]


def cluster(*, key: str, by: User, now: datetime) -> ClusterSeen:
    """One cluster. Raises NotPermitted, also where there is none."""
    shown = Cluster.objects.select_related("provider")
    found = shown.prefetch_related(_POOLS).filter(key=key).first()
    if found is None:
        raise NotPermitted(by, Action.SEE_CLUSTER)
    require(by, Action.SEE_CLUSTER, found)
    return _seen(found, now)


def late_clusters(*, now: datetime) -> QuerySet[Cluster]:
    """The clusters whose agents were heard of once, and not of late; longest silent first."""
    late = Cluster.objects.filter(last_seen_at__lt=now - LATE_AFTER)
    return late.defer("inventory").order_by("last_seen_at")


def _seen(found: Cluster, now: datetime) -> ClusterSeen:
    return ClusterSeen(found, tuple(found.pools.all()), _agent(found.last_seen_at, now))


def _agent(last_seen_at: datetime | None, now: datetime) -> AgentState:
    if last_seen_at is None:
        return "never"
    return "late" if last_seen_at < now - LATE_AFTER else "heard"
