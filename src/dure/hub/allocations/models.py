"""Decisions and what they made: projects, allocations, the waitlist, lending, reclaim."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from dure.hub.calls.models import Application, Call
from dure.hub.people.gate import same_organisation
from dure.hub.people.models import Organisation, Role, User
from dure.hub.supply.models import Pool, Programme


class Decision(models.Model):
    """One numbered plan with all that made it, so that it can be replayed.

    `report` is what a round's page shows of it, worked out once: a plan may be megabytes.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed", _("Proposed")
        APPLIED = "applied", _("Applied")
        SUPERSEDED = "superseded", _("Superseded")

    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="decisions")
    number = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=16)
    call = models.ForeignKey(Call, null=True, on_delete=models.PROTECT, related_name="decisions")
    generation = models.PositiveBigIntegerField()
    made_at = models.DateTimeField()
    seed = models.CharField(max_length=200, blank=True)
    snapshot = models.JSONField()
    policy = models.JSONField()
    plan = models.JSONField()
    report = models.JSONField(null=True)
    state = models.CharField(max_length=16, choices=State, default=State.PROPOSED)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    applied_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["programme", "number"], name="decision_numbered_once"),
            models.CheckConstraint(
                condition=~Q(state="applied") | Q(applied_at__isnull=False),
                name="decision_applied_at_a_time",
            ),
        ]
        indexes = [models.Index(fields=["programme", "kind"], name="decision_by_kind")]


class Approval(models.Model):
    """One person's approval of a proposed plan; it is applied once enough have approved."""

    decision = models.ForeignKey(Decision, on_delete=models.CASCADE, related_name="approvals")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="approvals"
    )
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["decision", "user"], name="approval_once_a_person")
        ]


class Scenario(models.Model):
    """A stored round under other rules or with other supply; planned from the decision's own facts.

    `differences` and `groups` hold it against the decision. A scenario that no plan fits has the
    reason as its `refusal`.
    """

    decision = models.ForeignKey(Decision, on_delete=models.CASCADE, related_name="scenarios")
    name = models.CharField(max_length=80)
    change = models.JSONField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField()
    plan = models.JSONField(null=True)
    report = models.JSONField(null=True)
    differences = models.JSONField(default=list)
    groups = models.JSONField(default=list)
    refusal = models.JSONField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["decision", "name"], name="scenario_named_once"),
            models.CheckConstraint(
                condition=Q(plan__isnull=False, report__isnull=False, refusal__isnull=True)
                | Q(plan__isnull=True, report__isnull=True, refusal__isnull=False),
                name="scenario_planned_or_refused",
            ),
        ]


class Outcome(models.Model):
    """What a round decided for one application, and why.

    `start` and `months` are months of the round; `change` is the smallest change that would have
    served it. An application that is no longer eligible is no part of the plan: it has its outcome
    and the rules it fails here.
    """

    decision = models.ForeignKey(Decision, on_delete=models.CASCADE, related_name="outcomes")
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="outcomes")
    outcome = models.CharField(max_length=16)
    pool = models.ForeignKey(Pool, null=True, on_delete=models.PROTECT, related_name="outcomes")
    servers = models.PositiveIntegerField(default=0)
    place = models.PositiveIntegerField(null=True)
    start = models.PositiveIntegerField(default=0)
    months = models.PositiveIntegerField(default=0)
    blocks = models.JSONField(default=list)
    reason = models.JSONField()
    change = models.JSONField(null=True)
    failures = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["decision", "application"], name="outcome_once"),
            models.CheckConstraint(
                condition=Q(servers=0) | Q(months__gt=0), name="outcome_servers_for_months"
            ),
            models.CheckConstraint(
                condition=Q(pool__isnull=True, servers=0) | Q(pool__isnull=False, servers__gt=0),
                name="outcome_servers_stand_in_a_pool",
            ),
        ]


class Project(models.Model):
    """The work an award is for."""

    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="projects")
    key = models.CharField(max_length=64, unique=True)
    title = models.CharField(max_length=300)
    organisation = models.ForeignKey(
        Organisation, null=True, on_delete=models.PROTECT, related_name="projects"
    )
    application = models.OneToOneField(
        Application, null=True, on_delete=models.PROTECT, related_name="project"
    )
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="projects")

    def is_of(self, user: User) -> bool:
        """A project belongs to the people of its organisation who apply for it."""
        return user.role == Role.APPLICANT and same_organisation(user, self.organisation)


class Allocation(models.Model):
    """A project's entitlement: servers of a pool for a half-open period.

    `blocks`: where its servers were placed, as [block, servers]; empty where they were not.
    """

    class State(models.TextChoices):
        OFFERED = "offered", _("Agreement awaited")
        ACTIVE = "active", _("Active")
        DECLINED = "declined", _("Declined")
        ENDED = "ended", _("Ended")

    key = models.CharField(max_length=64, unique=True)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="allocations")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="allocations")
    servers = models.PositiveIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=State, default=State.OFFERED)
    generation = models.PositiveIntegerField(default=1)
    decision = models.ForeignKey(
        Decision, null=True, on_delete=models.PROTECT, related_name="allocations"
    )
    agreed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="agreements"
    )
    agreed_at = models.DateTimeField(null=True)
    exempt_rules = models.JSONField(default=list)
    blocks = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="allocation_ends_later"
            ),
            models.CheckConstraint(
                condition=Q(servers__gt=0) | Q(state__in=["ended", "declined"]),
                name="allocation_live_has_servers",
            ),
        ]
        indexes = [models.Index(fields=["state", "pool"], name="allocation_by_state_pool")]

    def is_of(self, user: User) -> bool:
        """An allocation belongs to its project's people."""
        return self.project.is_of(user)


class Stretch(models.Model):
    """A stretch of time in which an allocation held the same number of servers."""

    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="stretches")
    servers = models.PositiveIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        ordering = ["starts_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="stretch_ends_later"
            ),
            models.CheckConstraint(condition=Q(servers__gt=0), name="stretch_has_servers"),
            models.UniqueConstraint(fields=["allocation", "starts_at"], name="stretch_starts_once"),
        ]


class WaitlistEntry(models.Model):
    """An eligible application not (wholly) served, in order."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        PROMOTED = "promoted", _("Promoted")
        LEFT = "left", _("Left the list")

    application = models.OneToOneField(
        Application, on_delete=models.PROTECT, related_name="waitlist_entry"
    )
    project = models.OneToOneField(Project, on_delete=models.PROTECT, related_name="waitlist_entry")
    position = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    since = models.DateTimeField()

    class Meta:
        ordering = ["position"]


class LentRight(models.Model):
    """A project that waits, or holds, may run preemptible work on idle capacity of a pool."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="lent_rights")
    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="lent_rights")
    order = models.PositiveIntegerField()
    max_accelerators = models.PositiveIntegerField()
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "pool"], name="lent_right_once_a_pool")
        ]


class ReclaimNotice(models.Model):
    """An allocation was told that a rule fires on it, and until when it may answer."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        EXECUTED = "executed", _("Executed")

    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="notices")
    rule = models.CharField(max_length=64)
    occasion = models.CharField(max_length=64, blank=True)
    given_at = models.DateTimeField()
    deadline = models.DateTimeField()
    reason = models.JSONField()
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["allocation", "rule"],
                condition=Q(state="open"),
                name="reclaim_notice_open_once_a_rule",
            ),
            models.CheckConstraint(
                condition=Q(deadline__gte=F("given_at")), name="reclaim_notice_deadline_later"
            ),
        ]
