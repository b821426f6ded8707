"""Calls and the applications to them."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from dure.hub.people.gate import same_organisation
from dure.hub.people.models import Organisation, Role, User
from dure.hub.supply.models import Programme


class Window(models.Model):
    """When submissions are taken. A kind adds its programme and its stages after the first two."""

    SUBJECT: ClassVar[str]
    """What the audit calls one of its kind."""

    ANNOUNCED: Final = "announced"
    OPEN: Final = "open"

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    programme_id: int
    key = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=16)
    opens_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    next_number = models.PositiveIntegerField(default=1)

    class Meta:
        abstract = True

    def takes_submissions(self, now: datetime) -> bool:
        return self.state == self.OPEN and self.opens_at <= now < self.closes_at


class Submission(models.Model):
    """What is handed in to a window. A kind of submission adds its stages, people and figures."""

    answers = models.JSONField(default=dict)
    failures = models.JSONField(default=list)
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Call(Window):
    """A window for applications. Its stages only go forward."""

    SUBJECT = "call"

    class State(models.TextChoices):
        ANNOUNCED = "announced", _("Announced")
        OPEN = "open", pgettext_lazy("call", "Open")
        CLOSED = "closed", _("Closed")
        SCREENED = "screened", _("Screened")
        REVIEWING = "reviewing", _("In review")
        RANKED = "ranked", _("Ranked")
        DECIDED = "decided", _("Decided")

    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="calls")
    state = models.CharField(max_length=16, choices=State, default=State.ANNOUNCED)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(closes_at__gt=F("opens_at")), name="call_closes_later"
            )
        ]


class Application(Submission):
    """One submission: the typed answers, and how far it has come."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SUBMITTED = "submitted", _("Submitted")
        ADMITTED = "admitted", _("Admitted")
        REFUSED = "refused", _("Not admitted")
        RANKED = "ranked", _("Reviewed")
        AWARDED = "awarded", _("Awarded")
        WAITLISTED = "waitlisted", _("On the waitlist")
        REJECTED = "rejected", _("Not selected")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    call = models.ForeignKey(Call, on_delete=models.PROTECT, related_name="applications")
    number = models.CharField(max_length=64, unique=True)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="applications"
    )
    applicant = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="applications"
    )
    state = models.CharField(max_length=16, choices=State, default=State.DRAFT)
    track = models.CharField(max_length=64, blank=True)
    size_class = models.CharField(max_length=64, blank=True)
    title = models.CharField(max_length=300, blank=True)
    amount = models.PositiveIntegerField(null=True)
    models_accepted = models.JSONField(default=list)
    score = models.CharField(max_length=64, blank=True)
    rank = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="draft") | Q(state="withdrawn") | Q(submitted_at__isnull=False),
                name="application_left_draft_by_submission",
            ),
            models.UniqueConstraint(
                fields=["call", "rank"],
                condition=Q(rank__isnull=False),
                name="application_rank_once_a_call",
            ),
        ]
        indexes = [models.Index(fields=["call", "state"], name="application_by_state")]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    def is_of(self, user: User) -> bool:
        """An application belongs to its applicant and to their organisation."""
        return user.role == Role.APPLICANT and same_organisation(user, self.organisation)


class DuplicatePair(models.Model):
    """Two applications that may be one project: the evidence, and what the operator found."""

    class Ruling(models.TextChoices):
        SAME = "same", _("The same: the first is kept")
        DIFFERENT = "different", _("Different: both are kept")

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="duplicate_pairs")
    first = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    percent = models.PositiveSmallIntegerField()
    evidence = models.JSONField(default=list)
    ruling = models.CharField(max_length=16, choices=Ruling, blank=True)
    ruled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="duplicate_pair_once"),
            models.CheckConstraint(
                condition=~Q(first=F("second")), name="duplicate_pair_is_of_two"
            ),
            models.CheckConstraint(
                condition=Q(ruling="", ruled_at__isnull=True)
                | Q(~Q(ruling=""), ruled_at__isnull=False),
                name="duplicate_pair_ruled_at_a_time",
            ),
        ]
