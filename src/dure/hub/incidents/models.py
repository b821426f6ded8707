"""Nodes as their sites last said, and what followed from it.

- A node has one incident at a time; its number is the row's.
- What was given back is a row of its own, once an incident and key, beside its entry of the ledger.
- A removal is proposed by the rule and decided by a person; while it stands, it is not proposed
  again.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from dure.hub.allocations.models import Allocation, Decision
from dure.hub.supply.models import Pool

LONGEST_WHY: Final = 300


class NodeStatus(models.Model):
    """A node as its site's agent last said it is."""

    class State(models.TextChoices):
        UP = "up", pgettext_lazy("state of a node", "In service")
        DRAINING = "draining", pgettext_lazy("state of a node", "Takes no new work")
        DOWN = "down", pgettext_lazy("state of a node", "Down")
        UNKNOWN = "unknown", pgettext_lazy("state of a node", "Not known")

    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="node_statuses")
    node = models.CharField(max_length=100)
    state = models.CharField(max_length=16, choices=State)
    reason = models.CharField(max_length=200, blank=True)
    since = models.DateTimeField()
    block = models.CharField(max_length=100, blank=True)
    accelerators = models.PositiveIntegerField(default=0)
    booted_at = models.DateTimeField(null=True)
    lost = models.JSONField(default=list)
    first_seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pool", "node"], name="node_status_once"),
        ]


class MaintenanceWindow(models.Model):
    """Nodes of a pool that are out of service for a time known ahead. No nodes named: all."""

    class State(models.TextChoices):
        ANNOUNCED = "announced", pgettext_lazy("maintenance", "Announced")
        WITHDRAWN = "withdrawn", pgettext_lazy("maintenance", "Withdrawn")
        OVER = "over", pgettext_lazy("maintenance", "Over")

    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="maintenance")
    nodes = models.JSONField(default=list)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    why = models.CharField(max_length=LONGEST_WHY, blank=True)
    announced_at = models.DateTimeField()
    announced_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    state = models.CharField(max_length=16, choices=State, default=State.ANNOUNCED)

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="maintenance_ends_later"
            ),
        ]
        indexes = [models.Index(fields=["state", "starts_at"], name="maintenance_by_state")]

    @property
    def key(self) -> str:
        """What the agent and the engine know it by."""
        return f"m{self.pk}"


class Incident(models.Model):
    """One outage of one node. `drains`: we keep the node out until it was started anew
    after `drains_since`, when the last fault that asks for it was seen.

    `lost` is the owners' work that ended with it, as it is known so far.
    """

    class State(models.TextChoices):
        LASTING = "lasting", pgettext_lazy("incident", "Lasting")
        ENDED = "ended", pgettext_lazy("incident", "Over")

    class Severity(models.TextChoices):
        LOW = "low", pgettext_lazy("incident", "Announced or chosen")
        MEDIUM = "medium", pgettext_lazy("incident", "A spare stands in")
        HIGH = "high", pgettext_lazy("incident", "Promised servers are missing")

    class Cause(models.TextChoices):
        FAILED = "failed", pgettext_lazy("incident", "The server failed")
        DRAINED = "drained", pgettext_lazy("incident", "Taken out by the provider")
        REMOVED = "removed", pgettext_lazy("incident", "Removed for failing too often")
        DEVICE = "device", pgettext_lazy("incident", "A fault of an accelerator")

    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="incidents")
    node = models.CharField(max_length=100)
    cause = models.CharField(max_length=16, choices=Cause)
    severity = models.CharField(max_length=16, choices=Severity)
    state = models.CharField(max_length=16, choices=State, default=State.LASTING)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    drains = models.BooleanField(default=False)
    drains_since = models.DateTimeField(null=True)
    window = models.ForeignKey(
        MaintenanceWindow, null=True, on_delete=models.PROTECT, related_name="incidents"
    )
    spare = models.CharField(max_length=100, blank=True)
    spare_reason = models.JSONField()
    reason = models.JSONField()
    end_reason = models.JSONField(null=True)
    lost = models.JSONField(default=list)
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="incidents")

    class Meta:
        ordering = ["-starts_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["pool", "node"],
                condition=Q(ends_at__isnull=True),
                name="incident_lasting_once_a_node",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("starts_at")),
                name="incident_ends_later",
            ),
            models.CheckConstraint(
                condition=Q(state="lasting", ends_at__isnull=True, end_reason__isnull=True)
                | Q(state="ended", ends_at__isnull=False, end_reason__isnull=False),
                name="incident_ended_at_a_time_and_for_a_reason",
            ),
        ]
        indexes = [models.Index(fields=["state", "pool"], name="incident_by_state_pool")]

    @property
    def subject(self) -> str:
        """What the audit chain and notices call it."""
        return f"incident:{self.pk}"


class DeviceFault(models.Model):
    """What an accelerator reported. `judged_at`: whether anything followed is decided."""

    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="device_faults")
    node = models.CharField(max_length=100)
    device = models.CharField(max_length=100)
    kind = models.CharField(max_length=8)
    code = models.CharField(max_length=100)
    at = models.DateTimeField()
    judged_at = models.DateTimeField(null=True)
    incident = models.ForeignKey(
        Incident, null=True, on_delete=models.PROTECT, related_name="faults"
    )

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["pool", "node", "device", "kind", "code", "at"], name="device_fault_once"
            ),
            models.CheckConstraint(
                condition=Q(incident__isnull=True) | Q(judged_at__isnull=False),
                name="device_fault_of_an_incident_is_judged",
            ),
        ]
        indexes = [
            models.Index(
                fields=["pool"], condition=Q(judged_at__isnull=True), name="device_fault_to_judge"
            )
        ]


class IncidentCredit(models.Model):
    """What an owner got back for an incident, in accelerator-seconds."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="credits")
    key = models.CharField(max_length=200)
    allocation = models.ForeignKey(
        Allocation, on_delete=models.PROTECT, related_name="incident_credits"
    )
    amount = models.PositiveBigIntegerField()
    reason = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "key"], name="incident_credit_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="incident_credit_is_something"),
        ]


class NodeRemoval(models.Model):
    """A node that failed too often: proposed for removal by the rule, decided by a person."""

    class State(models.TextChoices):
        PROPOSED = "proposed", pgettext_lazy("removal of a node", "Proposed")
        APPROVED = "approved", pgettext_lazy("removal of a node", "Removed")
        DISMISSED = "dismissed", pgettext_lazy("removal of a node", "Kept")
        RETURNED = "returned", pgettext_lazy("removal of a node", "Returned")

    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="removals")
    node = models.CharField(max_length=100)
    failures = models.PositiveIntegerField()
    reason = models.JSONField()
    proposed_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=State, default=State.PROPOSED)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["-proposed_at", "-pk"]
        verbose_name = _("removal of a server")
        constraints = [
            models.UniqueConstraint(
                fields=["pool", "node"],
                condition=Q(state__in=["proposed", "approved"]),
                name="removal_stands_once_a_node",
            ),
            models.CheckConstraint(
                condition=Q(state="proposed", decided_at__isnull=True, decided_by__isnull=True)
                | (~Q(state="proposed") & Q(decided_at__isnull=False, decided_by__isnull=False)),
                name="removal_decided_by_a_person",
            ),
            models.CheckConstraint(condition=Q(failures__gt=0), name="removal_after_failures"),
        ]

    @property
    def key(self) -> str:
        """What the agent knows its drain by."""
        return f"removal-{self.pk}"
