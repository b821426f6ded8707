"""Serving the waitlist from what became free."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from dure.engine import waitlist
from dure.engine.checks import waitlist as check
from dure.hub.allocations import decisions
from dure.hub.allocations.awards import award
from dure.hub.allocations.models import Decision, WaitlistEntry
from dure.hub.notices import operations as notices
from dure.hub.people.gate import Actor
from dure.hub.supply.models import Pool, Programme
from dure.hub.supply.queries import rules


@transaction.atomic
def promote(*, programme: Programme, by: Actor, now: datetime) -> Decision | None:
    """Offers free servers to the waitlist, in its order. None: nobody fits, or nobody waits."""
    entries = {
        e.application.number: e
        for e in WaitlistEntry.objects.filter(
            state=WaitlistEntry.State.WAITING, project__programme=programme
        )
        .select_related(
            "application__organisation",
            "application__applicant",
            "application__call__programme",
            "project",
        )
        .order_by("position", "pk")
    }
    document = rules(programme)
    offered = {pool for call in document.calls for pool in call.pools}
    pools = {p.key: p for p in Pool.objects.filter(key__in=offered).select_related("cluster")}
    free = [pools[key] for key in sorted(pools) if pools[key].free_servers > 0]
    if not entries or not free:
        return None
    snapshot = waitlist.WaitlistSnapshot(
        waiting=tuple(_waiting(e) for e in entries.values()),
        free=tuple(
            waitlist.FreeCapacity(pool=p.key, model=p.model, servers=p.free_servers) for p in free
        ),
    )
    header = decisions.next_header(programme=programme, now=now)
    plan = waitlist.plan(snapshot, header)
    wrong = check.violations(snapshot, plan)
    if wrong:
        raise decisions.PlanRefused(wrong)
    promotions = [i for i in plan.intents if isinstance(i, waitlist.Promote)]
    if not promotions:
        return None
    decision = decisions.record(
        programme=programme, snapshot=snapshot, policy={}, plan=plan, by=by, applied=True
    )
    for intent in promotions:
        entry = entries[intent.application]
        award(
            application=entry.application,
            project=entry.project,
            pool=pools[intent.pool],
            servers=intent.servers,
            reason=intent.reason,
            by=by,
            now=now,
            decision=decision,
        )
        WaitlistEntry.objects.filter(pk=entry.pk).update(state=WaitlistEntry.State.PROMOTED)
        notices.tell(
            people={entry.application.applicant, *entry.project.members.all()},
            subject=entry.application.number,
            reason=intent.reason,
            now=now,
        )
    return decision


def _waiting(entry: WaitlistEntry) -> waitlist.Waiting:
    application = entry.application
    servers = application.amount or 0
    return waitlist.Waiting(
        application=application.number,
        position=entry.position,
        models=tuple(application.models_accepted),
        servers=servers,
        minimum=servers,
        sector=application.organisation.sector,
        organisation=str(application.organisation_id),
    )
