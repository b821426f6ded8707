"""The programme as loaded, its supply, and what the site agents say of it.

- `promised_servers`, the most that allocations hold at any one time, is kept by their operations
  under a row lock; its named constraint is the capacity invariant: no pool ever promises more than
  it may.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from dure.hub.people.models import User


class Programme(models.Model):
    """One programme, and the generation that plans are made against."""

    key = models.CharField(max_length=64, unique=True)
    sha256 = models.CharField(max_length=64)
    generation = models.PositiveBigIntegerField(default=0)
    plans_made = models.PositiveBigIntegerField(default=0)
    loaded_at = models.DateTimeField()


class ProgrammeDocument(models.Model):
    """The programme's validated rules, in a table of their own: rows that name a programme are
    read often, its document once for each version."""

    programme = models.OneToOneField(
        Programme, primary_key=True, on_delete=models.CASCADE, related_name="document"
    )
    rules = models.JSONField()


class Provider(models.Model):
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="providers")
    key = models.CharField(max_length=64)
    name_ko = models.CharField(max_length=200)
    name_en = models.CharField(max_length=200)
    registration_number = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["programme", "key"], name="provider_key_once")
        ]


class Cluster(models.Model):
    """One engine's domain, and its agent's last word. `bound_revision`: the desired one at which
    an entitlement last changed."""

    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="clusters")
    key = models.CharField(max_length=64, unique=True)
    name_ko = models.CharField(max_length=200)
    name_en = models.CharField(max_length=200)
    region = models.CharField(max_length=64)
    engine = models.CharField(max_length=16)
    desired_revision = models.PositiveBigIntegerField(default=0)
    bound_revision = models.PositiveBigIntegerField(default=0)
    applied_revision = models.PositiveBigIntegerField(null=True)
    in_service_since = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True)
    health_said_at = models.DateTimeField(null=True)
    complete_through = models.DateTimeField(null=True)
    capabilities = models.JSONField(null=True)
    inventory = models.JSONField(default=list)
    drift = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(applied_revision__isnull=True)
                | Q(applied_revision__lte=F("desired_revision")),
                name="cluster_applies_what_was_desired",
            )
        ]

    def is_of(self, user: User) -> bool:
        """A cluster belongs to its provider's people, known by the registration number."""
        number = self.provider.registration_number
        organisation = user.organisation
        return (
            bool(number)
            and organisation is not None
            and (organisation.registration_number == number)
        )


class Pool(models.Model):
    """The nodes of one cluster with one accelerator model."""

    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="pools")
    key = models.CharField(max_length=64, unique=True)
    model = models.CharField(max_length=64)
    arrangement = models.CharField(max_length=16)
    nodes = models.PositiveIntegerField()
    own_use_nodes = models.PositiveIntegerField(default=0)
    spare_nodes = models.PositiveIntegerField(default=0)
    accelerators_per_node = models.PositiveIntegerField()
    promised_servers = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    promised_servers__lte=F("nodes") - F("own_use_nodes") - F("spare_nodes")
                ),
                name="pool_never_over_promised",
            ),
            models.CheckConstraint(condition=Q(nodes__gt=0), name="pool_has_nodes"),
            models.CheckConstraint(
                condition=Q(accelerators_per_node__gt=0), name="pool_nodes_have_accelerators"
            ),
        ]

    @property
    def awardable_servers(self) -> int:
        return self.nodes - self.own_use_nodes - self.spare_nodes

    @property
    def free_servers(self) -> int:
        return self.awardable_servers - self.promised_servers

    @property
    def programme_accelerators(self) -> int:
        return (self.nodes - self.own_use_nodes) * self.accelerators_per_node


class EnrolmentToken(models.Model):
    """A one-time token by which an agent becomes known; only its hash is kept."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="enrolments")
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="enrolment_token_expires"
            )
        ]


class SiteCredential(models.Model):
    """The bearer token of one cluster's agent; only its hash is kept."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="credentials")
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="site_credential_expires"
            )
        ]
