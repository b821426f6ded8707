"""Events in one chain: each holds the hash of the one before it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Event(models.Model):
    """Who did what to which object, why, and the hash that ties it to all before."""

    sequence = models.PositiveBigIntegerField(primary_key=True)
    at = models.DateTimeField()
    who = models.CharField(max_length=150)
    what = models.CharField(max_length=64)
    subject = models.CharField(max_length=150)
    why = models.JSONField(default=dict)
    detail = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ["sequence"]
        constraints = [
            models.CheckConstraint(condition=Q(sequence__gte=1), name="event_sequence_from_one"),
            # A fork would be two events on one predecessor.
            models.UniqueConstraint(fields=["previous_hash"], name="event_chain_does_not_fork"),
        ]
        indexes = [
            models.Index(fields=["subject"], name="event_by_subject"),
            models.Index(fields=["what"], name="event_by_what"),
        ]


class ChainHead(models.Model):
    """The chain's last link: one row, locked by whoever appends."""

    sequence = models.PositiveBigIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="chain_head_is_one_row")]
