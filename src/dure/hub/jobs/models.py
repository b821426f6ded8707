"""Jobs: those that members ordered here, and those that they started on a login node.

- A row with an order is carried out by its cluster's agent; one without is only told of.
- What the agent says of a job is kept as it last said it; a job that is over changes no more, but
  for one that was given up unheard.
- Variables may hold secrets: a job that is over keeps none.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from dure.hub.allocations.models import Allocation, Project
from dure.hub.people.models import User
from dure.hub.supply.models import Cluster, Pool

LONGEST_NAME: Final = 80
OVER: Final = ("completed", "failed", "cancelled", "refused")
"""States that nothing leads out of."""

WAITING: Final = ("ordered", "pending")
HOLDING: Final = ("running", "stopping")


class Job(models.Model):
    """One job. `allocation` None: on lent capacity. `order`: its label on the engine's job.

    `asked_at`: when it was ordered, or first heard of. `heard_at`: when its site last spoke of it.
    `read_until`: somebody reads its output.
    `words`: why the engine refused it, in the engine's words. `route`: why it is where it is.
    """

    class State(models.TextChoices):
        ORDERED = "ordered", pgettext_lazy("job", "On its way to the site")
        PENDING = "pending", pgettext_lazy("job", "Waiting")
        RUNNING = "running", pgettext_lazy("job", "Running")
        STOPPING = "stopping", pgettext_lazy("job", "Stopping")
        COMPLETED = "completed", pgettext_lazy("job", "Completed")
        FAILED = "failed", pgettext_lazy("job", "Failed")
        CANCELLED = "cancelled", pgettext_lazy("job", "Cancelled")
        REFUSED = "refused", pgettext_lazy("job", "Refused by the site")

    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="jobs")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="jobs")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="jobs")
    allocation = models.ForeignKey(
        Allocation, null=True, on_delete=models.PROTECT, related_name="jobs"
    )
    order = models.CharField(max_length=32, blank=True)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="jobs"
    )
    username = models.CharField(max_length=150)
    name = models.CharField(max_length=LONGEST_NAME, blank=True)
    command = models.JSONField(default=list)
    environment = models.JSONField(default=dict)
    working_directory = models.CharField(max_length=300, blank=True)
    accelerators = models.PositiveIntegerField()
    time_limit_s = models.PositiveIntegerField(null=True)
    is_wanted = models.BooleanField(default=True)
    engine_job = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=16, choices=State, default=State.ORDERED)
    attempt = models.PositiveIntegerField(default=1)
    asked_at = models.DateTimeField()
    heard_at = models.DateTimeField(null=True)
    submitted_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    exit_code = models.IntegerField(null=True)
    waits = models.JSONField(null=True)
    words = models.TextField(blank=True)
    log = models.TextField(blank=True)
    log_at = models.DateTimeField(null=True)
    read_until = models.DateTimeField(null=True)
    route = models.JSONField(null=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("job")
        constraints = [
            models.UniqueConstraint(
                fields=["order"], condition=~Q(order=""), name="job_ordered_once"
            ),
            models.UniqueConstraint(
                fields=["cluster", "engine_job"],
                condition=~Q(engine_job=""),
                name="job_of_an_engine_once",
            ),
            models.CheckConstraint(
                condition=~Q(order="") | ~Q(engine_job=""), name="job_was_ordered_or_heard_of"
            ),
            models.CheckConstraint(
                condition=Q(order="") | Q(submitted_by__isnull=False),
                name="job_was_ordered_by_somebody",
            ),
            models.CheckConstraint(condition=Q(accelerators__gt=0), name="job_holds_accelerators"),
            models.CheckConstraint(
                condition=Q(state__in=OVER, ended_at__isnull=False)
                | (~Q(state__in=OVER) & Q(ended_at__isnull=True)),
                name="job_ends_when_it_is_over",
            ),
        ]
        indexes = [
            models.Index(fields=["cluster", "state"], name="job_by_cluster_state"),
            models.Index(fields=["project", "state"], name="job_by_project_state"),
        ]

    def is_of(self, user: User) -> bool:
        """A job belongs to the members of its project."""
        return user.pk in self._members

    @cached_property
    def _members(self) -> frozenset[int]:
        """Asked once a page: the gate is passed for several things on it."""
        return frozenset(self.project.members.values_list("pk", flat=True))

    @property
    def is_over(self) -> bool:
        return self.state in OVER

    @property
    def is_lent(self) -> bool:
        return self.allocation_id is None

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or self.engine_job or self.order
