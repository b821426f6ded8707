"""Who reviews what, conflicts declared, and the scores given."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from dure.hub.calls.models import Application
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


class Assignment(models.Model):
    """A reviewer is asked for one review of one application."""

    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="assignments"
    )
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assignments"
    )
    assigned_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["application", "reviewer"], name="assignment_once_a_reviewer"
            )
        ]

    def is_of(self, user: User) -> bool:
        """An assignment is its reviewer's alone."""
        return self.reviewer_id == user.pk


class Review(models.Model):
    """The points given on each criterion, and words."""

    assignment = models.OneToOneField(Assignment, on_delete=models.CASCADE, related_name="review")
    points = models.JSONField()
    comment = models.TextField(blank=True)
    submitted_at = models.DateTimeField()
