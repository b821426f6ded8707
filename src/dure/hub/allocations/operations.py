"""Solving and approving rounds, signing agreements, standing allocations."""

from __future__ import annotations

from datetime import datetime, time
from fractions import Fraction

from django.db import transaction
from django.db.models import Sum

from dure.engine import allocation as engine
from dure.engine.checks import allocation as check
from dure.hub.allocations import capacity, decisions, desired, reclaiming
from dure.hub.allocations.awards import award
from dure.hub.allocations.decisions import PlanRefused, StalePlan
from dure.hub.allocations.models import Allocation, Decision, Outcome, Project, WaitlistEntry
from dure.hub.audit import operations as audit
from dure.hub.calls.models import Application, Call
from dure.hub.calls.operations import NotAtThisStage
from dure.hub.notices import operations as notices
from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import User
from dure.hub.supply import models as supply
from dure.hub.supply.queries import rules
from dure.hub.usage import ledger
from dure.vocabulary.plans import Reason, Violation
from dure.vocabulary.programme import Programme, Quota, Track

__all__ = [
    "PlanRefused",
    "StalePlan",
    "approve_decision",
    "decline_agreement",
    "grant_standing",
    "sign_agreement",
    "solve_round",
]


@transaction.atomic
def solve_round(*, call: Call, by: Actor, now: datetime) -> Decision:
    """Proposes a round over the ranked applications; earlier proposals are superseded.

    Raises PlanRefused when the independent check does not accept what the solver returned.
    """
    require(by, Action.SOLVE_ROUND)
    decisions.hold(call.programme_id)
    locked = Call.objects.select_for_update(no_key=True).get(pk=call.pk)
    if locked.state != Call.State.RANKED:
        raise NotAtThisStage(locked.key, locked.state, Call.State.RANKED)
    document = rules(locked.programme)
    if document.unit != "server":
        # Hours fit beside servers only over time; a round that compared the two would be wrong.
        raise NotAtThisStage(locked.key, f"in {document.unit}s", "a programme in servers")
    header = decisions.next_header(programme=locked.programme, now=now, seed=_seed(locked))
    snapshot = _snapshot(locked, document)
    policy = engine.RoundPolicy(
        policy=document.allotment.policy, organisation_cap=document.allotment.organisation_cap
    )
    plan = engine.plan(snapshot, policy, header)
    wrong = check.violations(snapshot, policy, plan)
    if wrong:
        raise PlanRefused(wrong)
    Decision.objects.filter(call=locked, kind="round", state=Decision.State.PROPOSED).update(
        state=Decision.State.SUPERSEDED
    )
    decision = decisions.record(
        programme=locked.programme, call=locked, snapshot=snapshot, policy=policy, plan=plan, by=by
    )
    _write_outcomes(decision, plan)
    return decision


def _write_outcomes(decision: Decision, plan: engine.RoundPlan) -> None:
    numbers = [intent.application for intent in plan.intents]
    applications = {a.number: a for a in Application.objects.filter(number__in=numbers)}
    pools = {p.key: p for p in supply.Pool.objects.all()}
    Outcome.objects.bulk_create(
        [
            Outcome(
                decision=decision,
                application=applications[intent.application],
                outcome=intent.outcome,
                pool=pools[intent.pool] if intent.pool else None,
                servers=intent.servers,
                reason=intent.reason.model_dump(mode="json"),
            )
            for intent in plan.intents
        ],
        batch_size=500,
    )


def _seed(call: Call) -> str:
    return next(c.tie_break_seed for c in rules(call.programme).calls if c.id == call.key)


def _snapshot(call: Call, document: Programme) -> engine.RoundSnapshot:
    tracks = {track.id: track for track in document.tracks}
    offered = next(c for c in document.calls if c.id == call.key).pools
    ranked = (
        call.applications.filter(state=Application.State.RANKED)
        .select_related("organisation")
        .order_by("rank")
    )
    pools = {
        p.key: p for p in supply.Pool.objects.filter(key__in=offered).select_related("cluster")
    }
    return engine.RoundSnapshot(
        call=call.key,
        requests=tuple(request_of(a, tracks[a.track]) for a in ranked),
        offers=tuple(
            engine.PoolOffer(
                pool=key,
                cluster=pools[key].cluster.key,
                model=pools[key].model,
                servers=pools[key].free_servers,
            )
            for key in offered
        ),
        quotas=tuple(_quota_room(q, document) for q in document.quotas if q.enforcement == "cap"),
        organisation_used=_held_by_organisation(),
    )


def request_of(application: Application, track: Track) -> engine.Request:
    """A ranked application as the round sees it."""
    wanted = application.amount or 0
    asked_minimum = application.answers.get("minimum_servers")
    reducible = track.award == "reducible" and isinstance(asked_minimum, int)
    return engine.Request(
        application=application.number,
        organisation=str(application.organisation_id),
        region=application.organisation.region,
        sector=application.organisation.sector,
        track=application.track,
        size_class=application.size_class,
        models=tuple(application.models_accepted),
        servers=wanted,
        minimum=min(wanted, asked_minimum) if reducible else wanted,
        rank=application.rank or 0,
        score=Fraction(application.score),
    )


def _held() -> dict[tuple[str, str], int]:
    live = Allocation.objects.exclude(state__in=[Allocation.State.ENDED, Allocation.State.DECLINED])
    rows = live.values_list("project__organisation_id", "project__organisation__sector").annotate(
        held=Sum("servers")
    )
    return {(str(organisation), sector or ""): held for organisation, sector, held in rows}


def _held_by_organisation() -> dict[str, int]:
    return {o: held for (o, _), held in _held().items() if o != "None"}


def _quota_room(quota: Quota, document: Programme) -> engine.QuotaRoom:
    """What a capping quota has left: its share of the acquired pools less what is held."""
    whole = sum(
        pool.awardable_nodes for _, _, pool in document.pools() if pool.arrangement == "acquired"
    )
    used = sum(held for (_, sector), held in _held().items() if sector in quota.sectors)
    left = int(whole * quota.share) - used
    return engine.QuotaRoom(quota=quota.id, sectors=quota.sectors, servers_left=max(0, left))


@transaction.atomic
def approve_decision(*, decision: Decision, by: User, now: datetime) -> Decision:
    """A person approves a proposal, and it is done. Raises StalePlan, PlanRefused."""
    require(by, Action.APPROVE_DECISION)
    claimed = decisions.claim(decision=decision, by=by, now=now)
    if claimed.kind == "round":
        _apply_round(claimed, by, now)
    else:
        reclaiming.apply(decision=claimed, by=by, now=now)
    return claimed


def _apply_round(decision: Decision, by: User, now: datetime) -> None:
    snapshot = engine.RoundSnapshot.model_validate(decision.snapshot)
    policy = engine.RoundPolicy.model_validate(decision.policy)
    plan = engine.RoundPlan.model_validate(decision.plan)
    wrong = check.violations(snapshot, policy, plan) or _unlike(decision, plan)
    if wrong:
        raise PlanRefused(wrong)
    call = Call.objects.select_for_update(no_key=True).get(decisions=decision)
    position = 0
    for outcome in decision.outcomes.select_related(
        "application__applicant", "application__organisation", "pool"
    ).order_by("application__rank"):
        reason = Reason.model_validate(outcome.reason)
        project = _project_for(outcome.application, call)
        if outcome.pool is not None:
            award(
                application=outcome.application,
                project=project,
                pool=outcome.pool,
                servers=outcome.servers,
                reason=reason,
                by=by,
                now=now,
                decision=decision,
            )
        else:
            position += 1
            _wait(outcome.application, project, position, now)
        notices.tell(
            people=[outcome.application.applicant],
            subject=outcome.application.number,
            reason=reason,
            now=now,
        )
    call.state = Call.State.DECIDED
    call.save(update_fields=["state"])


def _unlike(decision: Decision, plan: engine.RoundPlan) -> tuple[Violation, ...]:
    """What is awarded is read from the outcomes: they must be those of the plan just checked."""
    planned = {i.application: (i.pool, i.servers) for i in plan.intents}
    stored = {
        number: (pool, servers)
        for number, pool, servers in decision.outcomes.values_list(
            "application__number", "pool__key", "servers"
        )
    }
    return tuple(
        Violation(
            rule="round.outcomes",
            detail=f"{number}: {stored.get(number)} stored, {planned.get(number)} in the plan",
        )
        for number in sorted(planned.keys() | stored.keys())
        if planned.get(number) != stored.get(number)
    )


def _project_for(application: Application, call: Call) -> Project:
    project = Project.objects.create(
        programme=call.programme,
        key=f"p-{application.number}",
        title=application.title,
        organisation=application.organisation,
        application=application,
    )
    project.members.add(application.applicant)
    return project


def _wait(application: Application, project: Project, position: int, now: datetime) -> None:
    WaitlistEntry.objects.create(
        application=application, project=project, position=position, since=now
    )
    application.state = Application.State.WAITLISTED
    application.save(update_fields=["state"])


@transaction.atomic
def sign_agreement(*, allocation: Allocation, by: User, now: datetime) -> Allocation:
    """The awardee accepts the award and its duties; the allocation becomes active.

    Its cluster's agent binds it when it pulls next.
    """
    locked = _offered(allocation, by)
    locked.state = Allocation.State.ACTIVE
    locked.agreed_by = by
    locked.agreed_at = now
    locked.save(update_fields=["state", "agreed_by", "agreed_at"])
    ledger.deposit_award(allocation=locked, now=now)
    audit.record(by=by, what="agreement.signed", subject=locked.key, at=now)
    desired.touch([locked.pool.cluster])
    return locked


@transaction.atomic
def decline_agreement(*, allocation: Allocation, by: User, now: datetime) -> Allocation:
    """The awardee does not take the award; its servers are free at once."""
    locked = _offered(allocation, by)
    reason = Reason(code="agreement.declined")
    ended = capacity.shrink(
        allocation=locked,
        to=0,
        reason=reason,
        by=by,
        now=now,
        ended_as=Allocation.State.DECLINED,
    )
    audit.record(by=by, what="agreement.declined", subject=locked.key, at=now, reason=reason)
    decisions.advance(programme=locked.project.programme)
    return ended


def _offered(allocation: Allocation, by: User) -> Allocation:
    decisions.hold(allocation.project.programme_id)
    locked = (
        Allocation.objects.select_for_update(of=("self",), no_key=True)
        .select_related("pool__cluster", "project__organisation", "project__programme")
        .get(pk=allocation.pk)
    )
    require(by, Action.SIGN_AGREEMENT, locked)
    if locked.state != Allocation.State.OFFERED:
        raise NotAtThisStage(locked.key, locked.state, Allocation.State.OFFERED)
    return locked


@transaction.atomic
def grant_standing(*, programme: supply.Programme, by: Actor, now: datetime) -> None:
    """Makes the allocations that the programme file promises outside its calls; once each."""
    require(by, Action.MANAGE_PROGRAMME)
    document = rules(programme)
    for standing in document.standing_allocations:
        project, created = Project.objects.get_or_create(
            key=f"s-{standing.id}",
            defaults={"programme": programme, "title": standing.holder.ko},
        )
        if not created:
            continue
        pool = supply.Pool.objects.select_related("cluster").get(key=standing.pool)
        allocation = capacity.promise(
            project=project,
            pool=pool,
            servers=standing.servers,
            starts_at=datetime.combine(standing.starts, time(), tzinfo=document.zone),
            ends_at=datetime.combine(standing.ends, time(), tzinfo=document.zone),
            reason=Reason(code="allocation.standing", params={"holder": standing.holder.en}),
            by=by,
            now=now,
            state=Allocation.State.ACTIVE,
        )
        ledger.deposit_award(allocation=allocation, now=now)
        desired.touch([pool.cluster])
