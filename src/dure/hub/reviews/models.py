"""Who reviews what and by when, what they know, conflicts, the scores given, the verdicts."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from dure.hub.calls.models import Application, Call
from dure.hub.people.models import User


class DeclaredConflict(models.Model):
    """A reviewer says that they may not judge an application or an organisation."""

    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="declared_conflicts"
    )
    subject = models.CharField(max_length=200)
    declared_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reviewer", "subject"], name="conflict_declared_once")
        ]


class ReviewerProfile(models.Model):
    """What a reviewer knows beside their own field, to whom they are tied, how much they take."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reviewer_profile"
    )
    other_fields = models.JSONField(default=list)
    keywords = models.JSONField(default=list)
    supplies = models.JSONField(default=list)
    most_reviews = models.PositiveIntegerField(null=True)


class PastProject(models.Model):
    """With whom a reviewer worked, and the year in which the project ended."""

    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="past_projects"
    )
    organisation = models.CharField(max_length=200, blank=True)
    person = models.CharField(max_length=100, blank=True)
    year = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(organisation="", person=""), name="past_project_was_with_somebody"
            )
        ]


class Stage(models.Model):
    """A stage of a call's review once it has begun; its rules stand in the programme's file."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="stages")
    key = models.CharField(max_length=64)
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["call", "key"], name="stage_once_a_call"),
            models.UniqueConstraint(
                fields=["call"], condition=Q(closed_at__isnull=True), name="stage_one_open_a_call"
            ),
            models.CheckConstraint(
                condition=Q(due_at__gt=F("opened_at")), name="stage_is_due_later"
            ),
        ]


class Assignment(models.Model):
    """A reviewer is asked for one review of one application. Withdrawn, it stays on record."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    stage = models.ForeignKey(Stage, on_delete=models.CASCADE, related_name="assignments")
    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="assignments"
    )
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assignments"
    )
    assigned_at = models.DateTimeField()
    due_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=State, default=State.ACTIVE)
    withdrawn_at = models.DateTimeField(null=True)
    reason = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["stage", "application", "reviewer"], name="assignment_once_a_reviewer"
            ),
            models.CheckConstraint(
                condition=Q(state="active", withdrawn_at__isnull=True)
                | Q(state="withdrawn", withdrawn_at__isnull=False),
                name="assignment_withdrawn_at_a_time",
            ),
        ]

    def is_of(self, user: User) -> bool:
        """An assignment is its reviewer's alone, until it is withdrawn."""
        return self.reviewer_id == user.pk and self.state == self.State.ACTIVE


class Review(models.Model):
    """The points given on each criterion, and words."""

    assignment = models.OneToOneField(Assignment, on_delete=models.CASCADE, related_name="review")
    points = models.JSONField()
    comment = models.TextField(blank=True)
    submitted_at = models.DateTimeField()


class Verdict(models.Model):
    """What the panel of a stage found of an application. `mean` is a share of the points."""

    stage = models.ForeignKey(Stage, on_delete=models.CASCADE, related_name="verdicts")
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="verdicts")
    passed = models.BooleanField()
    mean = models.CharField(max_length=64)
    tier = models.PositiveIntegerField(null=True)
    reason = models.JSONField()
    given_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stage", "application"], name="verdict_once_a_stage"),
            models.CheckConstraint(
                condition=Q(passed=True) | Q(tier__isnull=True), name="verdict_tier_of_the_passed"
            ),
        ]
