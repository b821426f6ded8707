"""Reading published models."""

from __future__ import annotations

from django.db.models import QuerySet

from dure.hub.market.models import Listing


def published() -> QuerySet[Listing]:
    """What everybody may see, newest first."""
    return (
        Listing.objects.filter(state=Listing.State.PUBLISHED)
        .select_related("project__organisation")
        .order_by("-published_at", "slug")
    )
