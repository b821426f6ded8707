"""Studies that were asked, and their files.

- The row is the place in the queue: nothing else says that a study is to be played.
- Files stand in the database, not in a folder: hub and worker may run on different machines, one
  backup holds everything, and a study's files go with its row.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

LONGEST_NAME: Final = 80
OVER: Final = ("done", "failed", "cancelled")
"""States that nothing leads out of."""


class Study(models.Model):
    """One scenario under some policies and seeds.

    `claim` is the right of one worker to write to the study while it plays it; `heartbeat_at` is
    when that worker was last alive. `left_out`: files that were too large to be kept.
    """

    class State(models.TextChoices):
        QUEUED = "queued", pgettext_lazy("study", "Queued")
        RUNNING = "running", pgettext_lazy("study", "Running")
        DONE = "done", pgettext_lazy("study", "Done")
        FAILED = "failed", pgettext_lazy("study", "Failed")
        CANCELLED = "cancelled", pgettext_lazy("study", "Cancelled")

    name = models.CharField(max_length=LONGEST_NAME)
    scenario = models.TextField()
    policies = models.JSONField()
    seeds = models.PositiveIntegerField()
    days = models.PositiveIntegerField()
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="studies"
    )
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.CharField(max_length=32, blank=True)
    heartbeat_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    played_days = models.PositiveBigIntegerField(default=0)
    result = models.JSONField(null=True)
    failure = models.JSONField(null=True)
    left_out = models.JSONField(default=list)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("study")
        constraints = [
            models.CheckConstraint(
                condition=Q(days__gt=0, seeds__gt=0), name="study_plays_something"
            ),
            models.CheckConstraint(
                condition=Q(state__in=OVER, ended_at__isnull=False)
                | (~Q(state__in=OVER) & Q(ended_at__isnull=True)),
                name="study_ends_when_it_is_over",
            ),
            models.CheckConstraint(
                condition=Q(state="running", heartbeat_at__isnull=False, started_at__isnull=False)
                & ~Q(claim="")
                | (~Q(state="running") & Q(claim="")),
                name="study_running_is_claimed",
            ),
            models.CheckConstraint(
                condition=Q(state="done", result__isnull=False)
                | (~Q(state="done") & Q(result__isnull=True)),
                name="study_done_has_its_result",
            ),
            models.CheckConstraint(
                condition=Q(state="failed", failure__isnull=False)
                | (~Q(state="failed") & Q(failure__isnull=True)),
                name="study_failed_says_why",
            ),
        ]
        indexes = [models.Index(fields=["state", "id"], name="study_by_state")]

    @property
    def all_days(self) -> int:
        """Days of all plays together: what progress is measured against."""
        return self.days * self.seeds * len(self.policies)

    @property
    def is_over(self) -> bool:
        return self.state in OVER


class StudyFile(models.Model):
    """A file of a study: the trace that was brought (`is_input`), or one that playing made."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=100)
    is_input = models.BooleanField(default=False)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["study", "name"], name="study_file_named_once"),
            models.CheckConstraint(condition=Q(size__gt=0), name="study_file_holds_something"),
        ]
