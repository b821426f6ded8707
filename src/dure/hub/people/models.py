"""Organisations, people with one role each, and the tokens of their programs."""

from __future__ import annotations

import hashlib

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

    @staticmethod
    def digest(token: str) -> str:
        """What is kept of a token."""
        return hashlib.sha256(token.encode()).hexdigest()
