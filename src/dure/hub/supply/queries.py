"""Reading the programme and its supply."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

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
    document = models.Programme.objects.values_list("document", flat=True).get(pk=pk, sha256=sha256)
    return Programme.model_validate(document)


LATE_AFTER: Final = timedelta(minutes=5)
"""Agents report every half minute; ten reports missed are no passing fault (our choice)."""


def clusters(*, by: User) -> list[Cluster]:
    """The clusters this person may see, with provider and pools: all, or their own provider's.

    Raises NotPermitted to who supplies nothing.
    """
    shown = Cluster.objects.select_related("provider").prefetch_related(
        Prefetch("pools", Pool.objects.order_by("key"))
    )
    if not may(by, Action.SEE_CLUSTER):
        number = by.organisation.registration_number if by.organisation else ""
        if by.role != Role.PROVIDER or not number:
            raise NotPermitted(by, Action.SEE_CLUSTER)
        shown = shown.filter(provider__registration_number=number)
    return list(shown.order_by("provider__key", "key"))


def cluster(*, key: str, by: User) -> Cluster:
    """One cluster with provider and pools. Raises Cluster.DoesNotExist, NotPermitted."""
    found = Cluster.objects.select_related("provider").get(key=key)
    require(by, Action.SEE_CLUSTER, found)
    return found


def late(cluster: Cluster, *, now: datetime) -> bool:
    """Whether the cluster's agent has been known and has not been heard of for too long."""
    return cluster.last_seen_at is not None and cluster.last_seen_at < now - LATE_AFTER


def late_clusters(*, now: datetime) -> QuerySet[Cluster]:
    """The clusters whose agents were heard of once, and not of late; longest silent first."""
    return Cluster.objects.filter(last_seen_at__lt=now - LATE_AFTER).order_by("last_seen_at")
