"""What the programme tells a person: the code of a sentence and what fills it."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Notice(models.Model):
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices"
    )
    reason = models.JSONField()
    subject = models.CharField(max_length=150)
    at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["recipient", "-at"], name="notice_by_recipient")]
