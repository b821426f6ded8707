"""Reading the ledger: entries with their postings, and the balances they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Prefetch, QuerySet, Sum

from dure.hub.people.gate import Action, may
from dure.hub.people.models import User
from dure.hub.people.reach import reachable
from dure.hub.usage.models import LedgerEntry, LedgerPosting


@dataclass(frozen=True, slots=True)
class Check:
    """What all postings shown to this reader add up to, entry by entry and altogether."""

    entries: int
    total: int
    unbalanced: int

    @property
    def holds(self) -> bool:
        return self.total == 0 and self.unbalanced == 0


def entries(*, by: User, allocation: str = "", kind: str = "") -> QuerySet[LedgerEntry]:
    """The entries this person may see, latest first: all, or of their organisation's allocations.

    Raises NotPermitted to who can have none.
    """
    found = _visible(by)
    if allocation:
        found = found.filter(allocation__key=allocation)
    if kind:
        found = found.filter(kind=kind)
    postings = Prefetch("postings", LedgerPosting.objects.order_by("amount"))
    found = found.select_related("allocation").only("kind", "at", "reason", "allocation__key")
    return found.prefetch_related(postings).order_by("-pk")


def balances(*, by: User, account: str = "") -> QuerySet[LedgerPosting, Any]:
    """Account -> what it holds, in accelerator-seconds: a projection of the visible entries."""
    found = _visible_postings(by)
    if not may(by, Action.SEE_LEDGER):
        found = found.filter(account__startswith="allocation:")
    if account:
        found = found.filter(account__icontains=account)
    return found.values("account").annotate(balance=Sum("amount")).order_by("account")


def check(*, by: User) -> Check:
    """Whether every visible entry, and so their sum, is zero."""
    visible = _visible(by)
    unbalanced = visible.annotate(total=Sum("postings__amount")).exclude(total=0).count()
    sums = _visible_postings(by).aggregate(
        total=Sum("amount", default=0), entries=Count("entry", distinct=True)
    )
    return Check(entries=sums["entries"], total=sums["total"], unbalanced=unbalanced)


def _visible(by: User) -> QuerySet[LedgerEntry]:
    return reachable(
        LedgerEntry.objects.all(),
        by=by,
        see=Action.SEE_LEDGER,
        organisation="allocation__project__organisation",
    )


def _visible_postings(by: User) -> QuerySet[LedgerPosting]:
    """Who sees all needs no look at each posting's entry."""
    if may(by, Action.SEE_LEDGER):
        return LedgerPosting.objects.all()
    return LedgerPosting.objects.filter(entry__in=_visible(by))
