"""Models trained with the programme's accelerators, offered to others."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from dure.hub.allocations.models import Project


class Listing(models.Model):
    """A published model. Its endpoint's address is given once something serves it."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="listings")
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    summary = models.TextField()
    licence = models.CharField(max_length=100)
    state = models.CharField(max_length=16, choices=State, default=State.DRAFT)
    published_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="published") | Q(published_at__isnull=False),
                name="listing_published_at_a_time",
            )
        ]
