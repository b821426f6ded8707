"""Writing the ledger: entries made by `metering.ledger`, stored once by their natural key."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from django.db.models import Q, Sum

from dure.hub.allocations.models import Allocation
from dure.hub.usage.models import LedgerEntry, LedgerPosting
from dure.metering import ledger as metering
from dure.quantities import AcceleratorSeconds, Period
from dure.vocabulary.plans import Reason


def write(*, entries: Iterable[tuple[Allocation, metering.Entry]]) -> int:
    """Stores the entries that are not stored yet; returns how many those were."""
    given = {entry.key: (allocation, entry) for allocation, entry in entries}
    known = set(LedgerEntry.objects.filter(key__in=given).values_list("key", flat=True))
    fresh = [pair for key, pair in given.items() if key not in known]
    stored = LedgerEntry.objects.bulk_create(
        [
            LedgerEntry(
                key=entry.key,
                kind=entry.kind,
                at=entry.at,
                allocation=allocation,
                reason=entry.reason.model_dump(mode="json"),
            )
            for allocation, entry in fresh
        ],
        batch_size=500,
    )
    LedgerPosting.objects.bulk_create(
        [
            LedgerPosting(entry=row, account=posting.account, amount=posting.amount)
            for row, (_, entry) in zip(stored, fresh, strict=True)
            for posting in entry.postings
        ],
        batch_size=500,
    )
    return len(fresh)


def entitlement(allocation: Allocation, *, since: datetime, servers: int) -> int:
    """Accelerator-seconds of `servers` from `since` (or the start) to the allocation's end."""
    start = max(since, allocation.starts_at)
    if start >= allocation.ends_at or servers == 0:
        return 0
    return AcceleratorSeconds.of(
        accelerators=servers * allocation.pool.accelerators_per_node,
        seconds=Period(start, allocation.ends_at).seconds,
    ).value


def deposit_award(*, allocation: Allocation, now: datetime) -> None:
    """The award goes into the allocation's account when it becomes active."""
    amount = entitlement(allocation, since=now, servers=allocation.servers)
    if amount:
        entry = metering.deposit(
            key=f"deposit:{allocation.key}",
            at=now,
            allocation=allocation.key,
            pool=allocation.pool.key,
            amount=amount,
        )
        write(entries=[(allocation, entry)])


def pull_back(
    *,
    allocation: Allocation,
    occasion: str,
    amount: int,
    freed_to: Literal["waitlist", "reserve"],
    reason: Reason,
    now: datetime,
) -> None:
    """What the plan takes goes back to where its rule says."""
    if amount:
        entry = metering.pullback(
            key=f"pullback:{allocation.key}:{occasion}",
            at=now,
            allocation=allocation.key,
            pool=allocation.pool.key,
            amount=amount,
            freed_to=freed_to,
            reason=reason,
        )
        write(entries=[(allocation, entry)])


def allocation_balances(keys: Iterable[str]) -> dict[str, tuple[int, int]]:
    """By allocation: what was ever deposited, and what is left. One query."""
    accounts = {metering.allocation_account(key): key for key in keys}
    rows = (
        LedgerPosting.objects.filter(account__in=accounts)
        .values_list("account")
        .annotate(
            deposited=Sum("amount", filter=Q(entry__kind="DEPOSIT"), default=0),
            balance=Sum("amount"),
        )
    )
    return {accounts[account]: (deposited, balance) for account, deposited, balance in rows}
