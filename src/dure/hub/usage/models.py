"""What was used, as the sites said it, and the ledger made of it. Rows are never changed."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from dure.hub.allocations.models import Allocation, Project
from dure.hub.supply.models import Cluster, Pool


class UsageSegment(models.Model):
    """Accelerators one job attempt held over one closed segment."""

    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="usage")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="usage")
    job = models.CharField(max_length=100)
    attempt = models.PositiveIntegerField()
    kind = models.CharField(max_length=8)
    allocation = models.ForeignKey(
        Allocation, null=True, on_delete=models.PROTECT, related_name="usage"
    )
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="usage")
    username = models.CharField(max_length=150)
    accelerators = models.PositiveIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    outcome = models.CharField(max_length=16)
    busy_permille = models.PositiveSmallIntegerField(null=True)
    energy_j = models.PositiveBigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["cluster", "job", "attempt", "starts_at"], name="usage_segment_once"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="usage_goes_forward"
            ),
            models.CheckConstraint(
                condition=Q(kind="lent") | Q(kind="owner", allocation__isnull=False),
                name="usage_of_an_owner_names_its_allocation",
            ),
            models.CheckConstraint(
                condition=Q(accelerators__gt=0), name="usage_holds_accelerators"
            ),
        ]
        indexes = [models.Index(fields=["pool", "starts_at"], name="usage_by_pool_time")]


class NodeOutage(models.Model):
    """A node was down over one closed segment."""

    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="outages")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="outages")
    node = models.CharField(max_length=100)
    accelerators = models.PositiveIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["cluster", "node", "starts_at"], name="node_outage_once"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="outage_goes_forward"
            ),
        ]


class LedgerEntry(models.Model):
    """One transaction; its postings sum to zero. `key` makes writing it twice once."""

    key = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=16)
    at = models.DateTimeField()
    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="entries")
    reason = models.JSONField()
    voids = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="voided_by"
    )

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="VOID", voids__isnull=False)
                | (~Q(kind="VOID") & Q(voids__isnull=True)),
                name="ledger_void_names_what_it_voids",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["DEPOSIT", "CHARGE", "REFUND", "CREDIT", "PULLBACK", "VOID"]),
                name="ledger_entry_kind_is_known",
            ),
        ]


class LedgerPosting(models.Model):
    """One leg: accelerator-seconds, signed."""

    entry = models.ForeignKey(LedgerEntry, on_delete=models.PROTECT, related_name="postings")
    account = models.CharField(max_length=150)
    amount = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entry", "account"], name="ledger_posting_once"),
            models.CheckConstraint(condition=~Q(amount=0), name="ledger_posting_moves_something"),
        ]
        indexes = [models.Index(fields=["account"], name="ledger_posting_by_account")]
