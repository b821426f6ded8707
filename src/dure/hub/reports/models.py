"""Months that were closed: the statement as it was signed off."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from dure.hub.supply.models import Programme


class ClosedMonth(models.Model):
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="months")
    year = models.PositiveIntegerField()
    month = models.PositiveSmallIntegerField()
    statement = models.JSONField()
    sha256 = models.CharField(max_length=64)
    closed_at = models.DateTimeField()

    class Meta:
        ordering = ["year", "month"]
        constraints = [
            models.UniqueConstraint(
                fields=["programme", "year", "month"], name="month_closed_once"
            ),
            models.CheckConstraint(
                condition=Q(month__gte=1, month__lte=12), name="month_is_a_month"
            ),
        ]
