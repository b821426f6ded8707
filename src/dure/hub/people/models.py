"""Organisations, people with one role each, and the tokens of their programs."""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Organisation(models.Model):
    """Who applies, reviews or supplies. Sector and region are the programme's keys."""

    name = models.CharField(max_length=200)
    registration_number = models.CharField(max_length=40, blank=True)
    sector = models.CharField(max_length=64)
    region = models.CharField(max_length=64)
    young_company = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["registration_number"],
                condition=~Q(registration_number=""),
                name="organisation_registered_once",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="organisation_has_a_name"),
        ]
        indexes = [models.Index(fields=["name"], name="organisation_by_name")]

    def __str__(self) -> str:
        return self.name


class Certificate(models.Model):
    """A certificate of an organisation, by the key the programme's rules ask for it with."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="certificates"
    )
    kind = models.CharField(max_length=64)
    valid_until = models.DateField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "kind"], name="certificate_once_an_organisation"
            ),
            models.CheckConstraint(condition=~Q(kind=""), name="certificate_has_a_kind"),
        ]


class Sanction(models.Model):
    """What bars an organisation from applying, or a report of it that is overdue.

    In force from `starts_on` (for a report: the day it was due) to `ends_on`, its last day, or
    until it is lifted.
    """

    class Cause(models.TextChoices):
        LATE_REPORT = "late_report", _("Report overdue")
        MISUSE = "misuse", _("Use off purpose")
        QUIT = "quit", _("Award given up without notice")
        OTHER = "other", _("Other")

    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="sanctions"
    )
    cause = models.CharField(max_length=16, choices=Cause)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)
    recorded_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=models.F("starts_on")),
                name="sanction_ends_later",
            ),
            models.CheckConstraint(
                condition=Q(lifted_at__isnull=True) | Q(lifted_at__gte=models.F("recorded_at")),
                name="sanction_lifted_later",
            ),
        ]
        indexes = [models.Index(fields=["organisation", "lifted_at"], name="sanction_in_force")]


class Role(models.TextChoices):
    APPLICANT = "applicant", _("Applicant")
    REVIEWER = "reviewer", _("Reviewer")
    OPERATOR = "operator", _("Operator")
    PROVIDER = "provider", _("Provider")
    AUDITOR = "auditor", _("Auditor")


class User(AbstractUser):
    """A person. The role decides what the permission gate lets through."""

    role = models.CharField(max_length=16, choices=Role, default=Role.APPLICANT)
    organisation = models.ForeignKey(
        Organisation, null=True, blank=True, on_delete=models.PROTECT, related_name="people"
    )
    display_name = models.CharField(max_length=100, blank=True)
    fields_of_expertise = models.JSONField(default=list)

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(role__in=Role.values), name="user_role_is_known")
        ]

    def __str__(self) -> str:
        return self.display_name or self.username


class PersonalToken(models.Model):
    """A person's bearer token for the API; only its hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    label = models.CharField(max_length=100)
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("created_at")), name="personal_token_expires"
            )
        ]

    def opens(self, now: datetime) -> bool:
        """Whether it is still taken."""
        return self.revoked_at is None and self.expires_at > now

    @staticmethod
    def digest(token: str) -> str:
        """What is kept of a token."""
        return hashlib.sha256(token.encode()).hexdigest()
