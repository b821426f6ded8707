"""Loading a programme's supply, and making site agents known."""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from dure.hub.audit import operations as audit
from dure.hub.people import operations as people
from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import Organisation
from dure.hub.supply.models import (
    Cluster,
    EnrolmentToken,
    Pool,
    Programme,
    ProgrammeDocument,
    Provider,
    SiteCredential,
)
from dure.vocabulary import programme as rules

ENROLMENT_LIFETIME = timedelta(days=1)
CREDENTIAL_LIFETIME = timedelta(days=90)


class UnableToLoad(Exception):
    """The new programme file contradicts what this hub has already promised."""


class TokenRefused(Exception):
    """Unknown, used, expired or revoked: the caller is told no more than that."""


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def store_programme(*, programme: rules.Programme, by: Actor, now: datetime) -> Programme:
    """Stores the programme and its supply, replacing the same programme's earlier version.

    Raises UnableToLoad when another programme runs here, or a pool would hold less than promised.
    """
    require(by, Action.MANAGE_PROGRAMME)
    other = Programme.objects.exclude(key=programme.id).first()
    if other:
        raise UnableToLoad(f"this hub runs programme {other.key}; one hub runs one programme")
    document = programme.model_dump(mode="json", by_alias=True)
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    row, _ = Programme.objects.update_or_create(
        key=programme.id,
        defaults={"sha256": digest(text), "loaded_at": now},
    )
    ProgrammeDocument.objects.update_or_create(programme=row, defaults={"rules": document})
    for provider in programme.providers:
        _store_provider(row, provider)
    audit.record(
        by=by,
        what="programme.loaded",
        subject=programme.id,
        at=now,
        detail={"sha256": row.sha256},
    )
    return row


def _store_provider(row: Programme, provider: rules.Provider) -> None:
    stored, _ = Provider.objects.update_or_create(
        programme=row,
        key=provider.id,
        defaults={
            "name_ko": provider.name.ko,
            "name_en": provider.name.en,
            "registration_number": provider.registration_number,
        },
    )
    for site in provider.sites:
        for cluster in site.clusters:
            _store_cluster(stored, site, cluster)


def _store_cluster(provider: Provider, site: rules.Site, cluster: rules.Cluster) -> None:
    stored, _ = Cluster.objects.update_or_create(
        key=cluster.id,
        defaults={
            "provider": provider,
            "name_ko": cluster.name.ko,
            "name_en": cluster.name.en,
            "region": site.region,
            "engine": cluster.engine,
        },
    )
    for pool in cluster.pools:
        try:
            with transaction.atomic():
                _store_pool(stored, pool)
        except IntegrityError as error:
            promised = Pool.objects.get(key=pool.id).promised_servers
            raise UnableToLoad(
                f"pool {pool.id}: {promised} servers are promised, "
                f"the file leaves {pool.awardable_nodes} to award"
            ) from error


def _store_pool(cluster: Cluster, pool: rules.Pool) -> None:
    Pool.objects.update_or_create(
        key=pool.id,
        defaults={
            "cluster": cluster,
            "model": pool.model,
            "arrangement": pool.arrangement,
            "nodes": pool.nodes,
            "own_use_nodes": pool.own_use_nodes,
            "spare_nodes": pool.spare_nodes,
            "accelerators_per_node": pool.accelerators_per_node,
        },
    )


@transaction.atomic
def provider_organisation(*, provider: Provider, by: Actor, now: datetime) -> Organisation:
    """The organisation whose people see the provider's clusters; made when it is new.

    It has no sector, so it applies for nothing; its region is that of its first cluster. The
    provider has a registration number.
    """
    require(by, Action.MANAGE_PEOPLE)
    number = provider.registration_number
    found = Organisation.objects.filter(registration_number=number).first()
    if found:
        return found
    first = provider.clusters.order_by("pk").first()
    return people.add_organisation(
        name=provider.name_ko,
        sector="",
        region=first.region if first else "",
        registration_number=number,
        by=by,
        now=now,
    )


@transaction.atomic
def issue_enrolment_token(*, cluster: Cluster, by: Actor, now: datetime) -> str:
    """A one-time token for the cluster's agent; shown once, only its hash is kept."""
    require(by, Action.MANAGE_CLUSTER, cluster)
    token = secrets.token_urlsafe(32)
    EnrolmentToken.objects.create(
        cluster=cluster,
        sha256=digest(token),
        created_at=now,
        expires_at=now + ENROLMENT_LIFETIME,
    )
    audit.record(by=by, what="cluster.enrolment_token_issued", subject=cluster.key, at=now)
    return token


@transaction.atomic
def enrol_agent(*, token: str, now: datetime) -> tuple[SiteCredential, str]:
    """Exchanges a one-time token for a site credential; earlier credentials are revoked."""
    found = (
        EnrolmentToken.objects.select_for_update()
        .select_related("cluster")
        .filter(sha256=digest(token), used_at__isnull=True, expires_at__gt=now)
        .first()
    )
    if found is None:
        raise TokenRefused
    found.used_at = now
    found.save(update_fields=["used_at"])
    found.cluster.credentials.filter(revoked_at__isnull=True).update(revoked_at=now)
    return rotate_credential(cluster=found.cluster, now=now)


@transaction.atomic
def rotate_credential(*, cluster: Cluster, now: datetime) -> tuple[SiteCredential, str]:
    """A fresh credential for a cluster's agent.

    The one before it ends when the fresh one is first shown: an answer that was lost on its way
    must not lock the site out.
    """
    secret = secrets.token_urlsafe(32)
    credential = SiteCredential.objects.create(
        cluster=cluster,
        sha256=digest(secret),
        created_at=now,
        expires_at=now + CREDENTIAL_LIFETIME,
    )
    audit.record(by=SiteAgent(cluster.key), what="cluster.enrolled", subject=cluster.key, at=now)
    return credential, secret


class SiteAgent:
    """A cluster's agent as an actor in the audit chain."""

    def __init__(self, cluster: str) -> None:
        self.username = f"agent:{cluster}"


def cluster_of(*, secret: str, now: datetime) -> Cluster:
    """The cluster whose agent shows this credential. Raises TokenRefused."""
    found = (
        SiteCredential.objects.select_related("cluster")
        .filter(sha256=digest(secret), revoked_at__isnull=True, expires_at__gt=now)
        .first()
    )
    if found is None:
        raise TokenRefused
    found.cluster.credentials.filter(pk__lt=found.pk, revoked_at__isnull=True).update(
        revoked_at=now
    )
    return found.cluster
