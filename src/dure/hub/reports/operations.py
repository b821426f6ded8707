"""Closing a month: account for every pool, check conservation, charge, keep the statement."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from dure.hub.allocations import decisions
from dure.hub.allocations.models import Allocation
from dure.hub.audit import operations as audit
from dure.hub.people.gate import Action, Actor, require
from dure.hub.reports.models import ClosedMonth
from dure.hub.supply.models import Pool, Programme
from dure.hub.supply.queries import rules
from dure.hub.usage import ledger
from dure.hub.usage.accounting import pool_facts
from dure.metering import ledger as metering
from dure.metering.checks import adds_up, conserves
from dure.metering.conservation import PoolAccount, UnableToAccount, account
from dure.metering.statement import (
    AllocationIdentity,
    MonthlyStatement,
    PoolIdentity,
    statement,
)
from dure.quantities import Period, month
from dure.vocabulary.plans import Reason, Violation


class UnableToClose(Exception):
    """What stands between the month and its closing; nothing was written."""

    def __init__(self, problems: list[Reason]) -> None:
        super().__init__("; ".join(problem.code for problem in problems))
        self.problems = problems


def pools_in_service(programme: Programme, period: Period) -> list[Pool]:
    """The pools whose cluster had a site agent in the period: only these have facts of it."""
    return list(
        Pool.objects.filter(
            cluster__provider__programme=programme, cluster__in_service_since__lt=period.end
        )
        .select_related("cluster__provider")
        .order_by("key")
    )


def preview_month(
    *, programme: Programme, year: int, month_number: int, by: Actor, now: datetime
) -> MonthlyStatement:
    """The statement as it would be closed now; writes nothing. Raises UnableToClose."""
    require(by, Action.CLOSE_MONTH)
    document = rules(programme)
    period = month(year, month_number, document.zone)
    pools = pools_in_service(programme, period)
    problems = [
        *_never_heard(programme, pools),
        *_not_said_all(pools, period, now, document.zone),
    ]
    if problems:
        raise UnableToClose(problems)
    accounts = _accounts(pools, period)
    result = statement(
        programme=document,
        year=year,
        month_number=month_number,
        pools=[
            PoolIdentity(
                pool=pool.key,
                provider=pool.cluster.provider.key,
                cluster=pool.cluster.key,
                model=pool.model,
            )
            for pool in pools
        ],
        accounts=accounts,
        allocations=_identities(pools),
    )
    wrong = adds_up(result)
    if wrong:
        raise UnableToClose([_refused("the statement", v) for v in wrong])
    return result


@transaction.atomic
def close_month(
    *, programme: Programme, year: int, month_number: int, by: Actor, now: datetime
) -> ClosedMonth:
    """Closes the month: charges in the ledger, the statement kept. Closed twice is closed once."""
    require(by, Action.CLOSE_MONTH)
    decisions.hold(programme.pk)
    closed = ClosedMonth.objects.filter(programme=programme, year=year, month=month_number).first()
    if closed is not None:
        return closed
    result = preview_month(
        programme=programme, year=year, month_number=month_number, by=by, now=now
    )
    _charge(result)
    document = result.model_dump(mode="json")
    row = ClosedMonth.objects.create(
        programme=programme,
        year=year,
        month=month_number,
        statement=document,
        sha256=hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest(),
        closed_at=now,
    )
    audit.record(
        by=by,
        what="month.closed",
        subject=f"month:{year}-{month_number:02d}",
        at=now,
        detail={"sha256": row.sha256},
    )
    return row


def _never_heard(programme: Programme, pools: list[Pool]) -> list[Reason]:
    """Clusters that hold allocations and have no agent: their month would be left out unseen."""
    if not pools:
        return [Reason(code="month.no_agent")]
    silent = Pool.objects.filter(
        cluster__provider__programme=programme,
        cluster__last_seen_at__isnull=True,
        allocations__state=Allocation.State.ACTIVE,
    )
    return [
        Reason(code="month.agent_silent", params={"cluster": cluster})
        for cluster in silent.values_list("cluster__key", flat=True)
        .order_by("cluster__key")
        .distinct()
    ]


def _not_said_all(pools: list[Pool], period: Period, now: datetime, zone: ZoneInfo) -> list[Reason]:
    if now < period.end:
        end = f"{period.end.astimezone(zone):%Y-%m-%d}"
        return [Reason(code="month.not_over", params={"end": end})]
    said = {pool.cluster.key: pool.cluster.complete_through for pool in pools}
    return [
        _incomplete(cluster, through, zone)
        for cluster, through in sorted(said.items())
        if through is None or through < period.end
    ]


def _incomplete(cluster: str, through: datetime | None, zone: ZoneInfo) -> Reason:
    if through is None:
        return Reason(code="month.agent_silent", params={"cluster": cluster})
    until = f"{through.astimezone(zone):%Y-%m-%d %H:%M}"
    return Reason(code="month.agent_incomplete", params={"cluster": cluster, "through": until})


def _refused(subject: str, violation: Violation) -> Reason:
    return Reason(
        code="month.check_failed",
        params={"subject": subject, "detail": f"{violation.rule}: {violation.detail}"},
    )


def _accounts(pools: list[Pool], period: Period) -> list[PoolAccount]:
    accounts: list[PoolAccount] = []
    problems: list[Reason] = []
    for pool in pools:
        try:
            made = account(pool_facts(pool=pool, period=period), period)
        except UnableToAccount as error:
            problems.append(
                Reason(
                    code="month.records_contradict",
                    params={"pool": pool.key, "detail": str(error)},
                )
            )
            continue
        problems.extend(_refused(pool.key, v) for v in conserves(made))
        accounts.append(made)
    if problems:
        raise UnableToClose(problems)
    return accounts


def _identities(pools: list[Pool]) -> list[AllocationIdentity]:
    rows = Allocation.objects.filter(pool__in=pools).select_related(
        "project__organisation", "project__application"
    )
    return [
        AllocationIdentity(
            allocation=a.key,
            project=a.project.key,
            organisation=a.project.organisation.name if a.project.organisation else a.project.title,
            sector=a.project.organisation.sector if a.project.organisation else "",
            servers=a.servers,
            answers=a.project.application.answers if a.project.application else {},
        )
        for a in rows.order_by("key")
    ]


def _charge(result: MonthlyStatement) -> None:
    allocations = {
        a.key: a
        for a in Allocation.objects.filter(key__in=[line.allocation for line in result.allocations])
    }
    ledger.write(
        entries=[
            (
                allocations[line.allocation],
                metering.charge(
                    key=f"charge:{line.allocation}:{result.year}-{result.month:02d}",
                    at=result.end,
                    allocation=line.allocation,
                    pool=line.pool,
                    amount=line.used,
                ),
            )
            for line in result.allocations
            if line.used
        ]
    )
