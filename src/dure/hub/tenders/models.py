"""Supply calls, the bids to them, their reviews and site inspections.

- A bid's answers are typed by the call's questions; what was computed of it stands in the decision.
- `SupplyCall.decision` is the latest plan of its choice, proposed or applied.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from dure.hub.allocations.models import Decision
from dure.hub.calls.models import Submission, Window
from dure.hub.people.gate import same_organisation
from dure.hub.people.models import Organisation, Role, User
from dure.hub.supply.models import Programme


class SupplyCall(Window):
    """A window for bids. Its stages go forward; a failed inspection leads back to the choice."""

    SUBJECT = "supply_call"

    class State(models.TextChoices):
        ANNOUNCED = "announced", _("Announced")
        OPEN = "open", pgettext_lazy("call", "Open")
        CLOSED = "closed", _("Closed")
        CHECKED = "checked", _("Documents checked")
        WRITTEN = "written", _("Written review")
        PRESENTATION = "presentation", _("Presentations")
        SCORED = "scored", _("Scored")
        DECIDED = "decided", _("Decided")

    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="supply_calls")
    state = models.CharField(max_length=16, choices=State, default=State.ANNOUNCED)
    decision = models.ForeignKey(
        Decision, null=True, on_delete=models.PROTECT, related_name="supply_calls"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(closes_at__gt=F("opens_at")), name="supply_call_closes_later"
            )
        ]


class Bid(Submission):
    """One provider's bid, and how far it has come. `reviewed`: the reviewers' exact score."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SUBMITTED = "submitted", _("Submitted")
        ADMITTED = "admitted", _("Admitted")
        REFUSED = "refused", _("Not admitted")
        SELECTED = "selected", _("Selected")
        REJECTED = "rejected", _("Not selected")
        FAILED = "failed", _("Inspection failed")
        AGREED = "agreed", _("Agreement signed")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    call = models.ForeignKey(SupplyCall, on_delete=models.PROTECT, related_name="bids")
    number = models.CharField(max_length=80, unique=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="bids")
    bidder = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bids"
    )
    state = models.CharField(max_length=16, choices=State, default=State.DRAFT)
    reviewed = models.CharField(max_length=300, blank=True)
    price = models.PositiveBigIntegerField(null=True)
    agreed_price = models.PositiveBigIntegerField(null=True)
    agreed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["draft", "withdrawn"]) | Q(submitted_at__isnull=False),
                name="bid_left_draft_by_submission",
            ),
            models.CheckConstraint(
                condition=Q(agreed_price__isnull=True)
                | Q(price__isnull=False, agreed_price__lte=F("price"), agreed_price__gt=0),
                name="bid_agreed_price_at_most_the_price",
            ),
            models.CheckConstraint(
                condition=~Q(state="agreed")
                | Q(agreed_at__isnull=False, agreed_price__isnull=False),
                name="bid_agreed_at_a_price",
            ),
            models.UniqueConstraint(
                fields=["call", "organisation"],
                condition=~Q(state="withdrawn"),
                name="bid_once_an_organisation",
            ),
        ]
        indexes = [models.Index(fields=["call", "state"], name="bid_by_state")]

    def __str__(self) -> str:
        return f"{self.number} {self.organisation.name}"

    def is_of(self, user: User) -> bool:
        """A bid belongs to the people of its organisation who supply for it."""
        return user.role == Role.PROVIDER and same_organisation(user, self.organisation)


class BidReview(models.Model):
    """A reviewer is asked to score a bid; the points are added to, stage by stage."""

    bid = models.ForeignKey(Bid, on_delete=models.CASCADE, related_name="reviews")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bid_reviews"
    )
    points = models.JSONField(default=dict)
    comment = models.TextField(blank=True)
    assigned_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bid", "reviewer"], name="bid_review_once_a_reviewer"),
            models.CheckConstraint(
                condition=Q(points={}) | Q(submitted_at__isnull=False),
                name="bid_review_points_at_a_time",
            ),
        ]

    def is_of(self, user: User) -> bool:
        """A review is its reviewer's alone."""
        return self.reviewer_id == user.pk


class Inspection(models.Model):
    """What was found at a winner's site: each item passed or not, with the finding in words."""

    bid = models.OneToOneField(Bid, on_delete=models.CASCADE, related_name="inspection")
    findings = models.JSONField()
    passed = models.BooleanField()
    inspected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="inspections"
    )
    inspected_at = models.DateTimeField()
