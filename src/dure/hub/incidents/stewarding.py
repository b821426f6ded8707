"""What follows from what the sites said: load -> engine -> check -> record -> apply, at once.

- Everything but a removal is applied by rule: an incident is a fact, and its credit follows from
  the programme. A removal waits for a person.
- Owners are told when work of theirs ended with a node, when servers promised to them are missing,
  and of credits: once a step, however many nodes of a pool it is about.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.functional import partition

from dure.engine import incidents as engine
from dure.engine.checks import incidents as check
from dure.hub.allocations import decisions
from dure.hub.allocations.models import Allocation, Decision
from dure.hub.audit import operations as audit
from dure.hub.incidents import facts, upkeep
from dure.hub.incidents.models import (
    DeviceFault,
    Incident,
    IncidentCredit,
    MaintenanceWindow,
    NodeRemoval,
)
from dure.hub.notices import operations as notices
from dure.hub.people.gate import STEWARD
from dure.hub.people.models import User
from dure.hub.supply.models import Pool, Programme
from dure.hub.supply.queries import rules
from dure.hub.usage import ledger
from dure.metering import ledger as metering
from dure.vocabulary.plans import Reason


@transaction.atomic
def review(*, programme: Programme, now: datetime) -> Decision | None:
    """Opens and ends incidents and gives back by rule; None where nothing follows."""
    _end_windows(programme, now)
    snapshot = facts.snapshot(programme, now)
    policy = rules(programme).incidents
    header = decisions.next_header(programme=programme, now=now)
    plan = engine.plan(snapshot, policy, header)
    wrong = check.violations(snapshot, policy, plan)
    if wrong:
        raise decisions.PlanRefused(wrong)
    DeviceFault.objects.filter(pk__in=plan.application_faults).update(judged_at=now)
    if not plan.intents:
        return None
    decision = decisions.record(
        programme=programme,
        snapshot=snapshot,
        policy=policy,
        plan=plan,
        by=STEWARD,
        applied=True,
        moves_capacity=False,
    )
    _Applying(programme, decision, now).all(plan.intents)
    return decision


def _end_windows(programme: Programme, now: datetime) -> None:
    """The windows whose time is over leave the desired document."""
    over = MaintenanceWindow.objects.filter(
        pool__cluster__provider__programme=programme,
        state=MaintenanceWindow.State.ANNOUNCED,
        ends_at__lte=now,
    )
    clusters = list(over.values_list("pool__cluster", flat=True))
    if clusters:
        over.update(state=MaintenanceWindow.State.OVER)
        upkeep.touch(clusters)


class _Applying:
    """One plan being applied; `touched` are the clusters that keep something else out now."""

    def __init__(self, programme: Programme, decision: Decision, now: datetime) -> None:
        self._decision, self._now = decision, now
        pools = Pool.objects.filter(cluster__provider__programme=programme)
        self._pools = {pool.key: pool for pool in pools}
        self._touched: set[int] = set()
        self._missing_told: set[int] = set()

    def all(self, intents: tuple[engine.IncidentIntent, ...]) -> None:
        given, others = partition(lambda one: not isinstance(one, engine.Credit), intents)
        for intent in others:
            match intent:
                case engine.Open():
                    self._open(intent)
                case engine.Join():
                    self._join(intent)
                case engine.Close():
                    self._close(intent)
                case engine.Propose():
                    self._propose(intent)
        self._credit([one for one in given if isinstance(one, engine.Credit)])
        upkeep.touch(self._touched)

    def _open(self, intent: engine.Open) -> None:
        pool = self._pools[intent.pool]
        incident = Incident.objects.create(
            pool=pool,
            node=intent.node,
            cause=intent.cause,
            severity=intent.severity,
            starts_at=intent.starts,
            drains=intent.drains,
            drains_since=intent.drains_since,
            window_id=int(intent.window[1:]) if intent.window else None,
            spare=intent.spare,
            spare_reason=intent.spare_reason.model_dump(mode="json"),
            reason=intent.reason.model_dump(mode="json"),
            lost=[one.model_dump(mode="json") for one in intent.lost],
            decision=self._decision,
        )
        self._judged(incident, intent.faults)
        self._note("incident.opened", incident, intent.reason)
        if incident.drains:
            self._touched.add(pool.cluster_id)
        hit = {one.allocation for one in intent.lost}
        if intent.severity == "high" and pool.pk not in self._missing_told:
            self._missing_told.add(pool.pk)
            everybody = Allocation.objects.filter(pool=pool, state=Allocation.State.ACTIVE)
            hit |= set(everybody.values_list("key", flat=True))
        self._tell(hit, incident, intent.reason)

    def _join(self, intent: engine.Join) -> None:
        incident = Incident.objects.select_for_update(of=("self",), no_key=True).get(
            pk=intent.incident
        )
        known = {one["allocation"] for one in incident.lost}
        if intent.drains and not incident.drains:
            self._touched.add(self._cluster(incident))
        incident.drains, incident.drains_since = intent.drains, intent.drains_since
        if intent.lost:
            incident.lost = [one.model_dump(mode="json") for one in intent.lost]
        incident.save(update_fields=["drains", "drains_since", "lost"])
        self._judged(incident, intent.faults)
        self._note("incident.joined", incident, intent.reason)
        hit = {one.allocation for one in intent.lost} - known
        self._tell(hit, incident, Reason.model_validate(incident.reason))

    def _close(self, intent: engine.Close) -> None:
        incident = Incident.objects.select_for_update(of=("self",), no_key=True).get(
            pk=intent.incident
        )
        incident.state, incident.ends_at = Incident.State.ENDED, intent.ends
        incident.end_reason = intent.reason.model_dump(mode="json")
        incident.save(update_fields=["state", "ends_at", "end_reason"])
        self._note("incident.ended", incident, intent.reason)
        if incident.drains:
            self._touched.add(self._cluster(incident))

    def _propose(self, intent: engine.Propose) -> None:
        removal = NodeRemoval.objects.create(
            pool=self._pools[intent.pool],
            node=intent.node,
            failures=intent.failures,
            reason=intent.reason.model_dump(mode="json"),
            proposed_at=self._now,
        )
        audit.record(
            by=STEWARD,
            what="removal.proposed",
            subject=f"{intent.pool}/{intent.node}",
            at=self._now,
            reason=intent.reason,
            detail={"removal": removal.pk},
        )

    def _credit(self, intents: list[engine.Credit]) -> None:
        """Each as an entry of the ledger and a row beside it."""
        keys = {intent.allocation for intent in intents}
        found = Allocation.objects.filter(key__in=keys).select_related("pool", "project")
        allocations = {allocation.key: allocation for allocation in found}
        ledger.write(
            entries=[
                (allocations[one.allocation], _entry(one, allocations[one.allocation], self._now))
                for one in intents
            ]
        )
        IncidentCredit.objects.bulk_create(
            [
                IncidentCredit(
                    incident_id=one.incident,
                    key=one.key,
                    allocation=allocations[one.allocation],
                    amount=one.amount,
                    reason=one.reason.model_dump(mode="json"),
                    at=self._now,
                )
                for one in intents
            ]
        )
        for one in intents:
            allocation = allocations[one.allocation]
            audit.record(
                by=STEWARD,
                what="incident.credited",
                subject=allocation.key,
                at=self._now,
                reason=one.reason,
                detail={"incident": one.incident, "amount": one.amount},
            )

        for key, allocation in allocations.items():
            mine = [one for one in intents if one.allocation == key]
            people = list(allocation.project.members.all())
            notices.tell(people=people, subject=key, reason=_together(mine), now=self._now)

    def _judged(self, incident: Incident, faults: tuple[int, ...]) -> None:
        DeviceFault.objects.filter(pk__in=faults).update(judged_at=self._now, incident=incident)

    def _note(self, what: str, incident: Incident, reason: Reason) -> None:
        audit.record(by=STEWARD, what=what, subject=incident.subject, at=self._now, reason=reason)

    def _tell(self, keys: set[str], incident: Incident, reason: Reason) -> None:
        """One notice a person, whatever they hold."""
        people = User.objects.filter(projects__allocations__key__in=keys).distinct()
        notices.tell(people=people, subject=incident.subject, reason=reason, now=self._now)

    def _cluster(self, incident: Incident) -> int:
        return next(p.cluster_id for p in self._pools.values() if p.pk == incident.pool_id)


def _together(credits_given: list[engine.Credit]) -> Reason:
    """What an owner is told of a step's credits."""
    if len(credits_given) == 1:
        return credits_given[0].reason
    tenths = sum(one.amount for one in credits_given) * 10 // 3600
    hours = f"{tenths // 10}.{tenths % 10}"
    params = {"outages": len({one.incident for one in credits_given}), "hours": hours}
    return Reason(code="incidents.credits_together", params=dict(params))


def _entry(credit: engine.Credit, allocation: Allocation, now: datetime) -> metering.Entry:
    """Lost work was charged and goes back; missing capacity is granted anew."""
    write = metering.refund if credit.key.startswith("work:") else metering.credit
    return write(
        key=f"incident:{credit.incident}:{credit.key}",
        at=now,
        allocation=allocation.key,
        pool=allocation.pool.key,
        amount=credit.amount,
        reason=credit.reason,
    )
