"""A programme in the operator's hands, for the pages of rounds, allocations, clusters and months.

- `ranked_world`: reviewed and ranked; the round is due.
- `running_world`: decided, signed, used and reported in part, one month closed, one notice open.
- Each is made once in a process and put back from its rows after that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.browser.world import NOW, PASSWORD, POINTS, World, found_again, reviewing_world
from tests.integration.kept import stage

from dure.hub.allocations import operations as allocations
from dure.hub.allocations.models import Allocation, Decision, LentRight, ReclaimNotice
from dure.hub.incidents.models import (
    DeviceFault,
    Incident,
    IncidentCredit,
    MaintenanceWindow,
    NodeRemoval,
)
from dure.hub.people.gate import STEWARD
from dure.hub.people.models import Role, User
from dure.hub.people.operations import add_organisation, add_user
from dure.hub.reports import operations as reports
from dure.hub.reviews import operations as reviews
from dure.hub.reviews.models import Assignment
from dure.hub.supply.models import Cluster, Pool, Programme
from dure.hub.usage.operations import accept_report
from dure.protocol import Capabilities, Drift, NodeRecord, Report, SiteFinding, UsageRecord
from dure.vocabulary.plans import Reason

SEOUL = ZoneInfo("Asia/Seoul")
STARTED = datetime(2026, 3, 3, tzinfo=SEOUL)
MARCH_ENDS = datetime(2026, 4, 1, tzinfo=SEOUL)
LATER = datetime(2026, 4, 10, 9, tzinfo=SEOUL)


@dataclass(frozen=True, slots=True)
class Operated:
    """The world, with the two roles that only look."""

    world: World
    provider: User
    auditor: User


def _found_again(made: Operated) -> Callable[[], Operated]:
    world = found_again(made.world)

    def find() -> Operated:
        return Operated(
            world=world(),
            provider=User.objects.select_related("organisation").get(pk=made.provider.pk),
            auditor=User.objects.get(pk=made.auditor.pk),
        )

    return find


@stage(_found_again)
def ranked_world() -> Operated:
    """Every assigned review is given and the applications are ranked."""
    world = reviewing_world()
    for n, assignment in enumerate(Assignment.objects.select_related("reviewer").order_by("pk")):
        reviews.submit_review(
            assignment=assignment,
            points={**POINTS, "ripple": 30 + n % 7},
            comment="",
            by=assignment.reviewer,
            now=NOW,
        )
    reviews.rank_call(call=world.call, by=STEWARD, now=NOW)
    cloud = add_organisation(
        name="네이버클라우드",
        sector="industry",
        region="capital",
        registration_number="placeholder-naver-cloud",
        by=STEWARD,
        now=NOW,
    )
    return Operated(
        world=world,
        provider=_person("provider", Role.PROVIDER, "최공급", organisation=cloud),
        auditor=_person("auditor", Role.AUDITOR, "정감사"),
    )


@stage(_found_again)
def running_world() -> Operated:
    """March has run and is closed; in April the site still reports."""
    operated = ranked_world()
    operator = operated.world.operator
    plan = allocations.solve_round(call=operated.world.call, by=operator, now=NOW)
    allocations.approve_decision(decision=plan, by=operator, now=NOW)
    signed = [_signed(one) for one in Allocation.objects.order_by("pk")[:2]]
    for cluster in Cluster.objects.order_by("key"):
        accept_report(cluster=cluster, report=_bound(cluster), now=STARTED)
        accept_report(cluster=cluster, report=_report(cluster, signed), now=LATER)
    _late_cluster()
    programme = Programme.objects.get()
    reports.close_month(programme=programme, year=2026, month_number=3, by=operator, now=LATER)
    _notice(signed[0])
    return operated


def _signed(allocation: Allocation) -> Allocation:
    applicant = allocation.project.members.get()
    return allocations.sign_agreement(allocation=allocation, by=applicant, now=STARTED)


def _bound(cluster: Cluster) -> Report:
    """The agent's first word: what was signed is bound."""
    return Report(
        cluster=cluster.key,
        sequence=1,
        said_at=STARTED,
        applied_revision=cluster.desired_revision,
    )


def _report(cluster: Cluster, signed: list[Allocation]) -> Report:
    here = [one for one in signed if one.pool.cluster_id == cluster.pk]
    return Report(
        cluster=cluster.key,
        sequence=2,
        said_at=LATER,
        applied_revision=cluster.desired_revision,
        complete_through=LATER - timedelta(hours=1),
        capabilities=Capabilities(
            engine=cluster.engine,
            engine_version="24.11",
            enforces_limits=True,
            preempts_lent=True,
            requeues_lent=True,
            grace_s=30,
            take_back_bound_s=1.5,
            notes=("AccountingStorageEnforce=limits,qos",),
            findings=(
                SiteFinding(
                    level="problem",
                    about="AccountingStorageEnforce",
                    found="limits,qos",
                    says=Reason(code="slurm.budgets_kill"),
                    change="AccountingStorageEnforce=limits,qos,associations,safe",
                ),
            ),
        ),
        usage=tuple(_work(one, n) for one in here for n in range(10)),
        nodes=(_outage(cluster),) if here else (),
        drift=(Drift(subject="qos/lent", expected="preempt=requeue", found="preempt=cancel"),)
        if here
        else (),
    )


def _work(one: Allocation, day: int) -> UsageRecord:
    start = STARTED + timedelta(days=day, hours=9)
    return UsageRecord(
        job=f"{one.pk}-{day}",
        attempt=1,
        kind="owner",
        allocation=one.key,
        project=one.project.key,
        pool=one.pool.key,
        username="applicant",
        accelerators=one.servers * one.pool.accelerators_per_node,
        start=start.astimezone(UTC),
        end=(start + timedelta(hours=20)).astimezone(UTC),
        outcome="completed",
    )


def _outage(cluster: Cluster) -> NodeRecord:
    start = STARTED + timedelta(days=3)
    pool = cluster.pools.earliest("key")
    return NodeRecord(
        node=f"{cluster.key}-n001",
        pool=pool.key,
        accelerators=pool.accelerators_per_node,
        start=start,
        end=start + timedelta(days=1),
        reason="fan",
    )


def _late_cluster() -> None:
    silent = Cluster.objects.get(key="kakao-b200-a")
    silent.last_seen_at = LATER - timedelta(hours=5)
    silent.save(update_fields=["last_seen_at"])


def _notice(one: Allocation) -> None:
    params = {"days": 30, "use": 28, "below": 30, "servers": 2, "of_servers": 4}
    reason = {
        "code": "reclaim.notice_occupancy",
        "params": {**params, "deadline": "2026-04-24"},
    }
    ReclaimNotice.objects.create(
        allocation=one,
        rule="low-occupancy",
        given_at=LATER,
        deadline=LATER + timedelta(days=14),
        reason=reason,
    )
    LentRight.objects.create(
        project=one.project, pool=one.pool, order=1, max_accelerators=64, since=LATER
    )


def outage() -> tuple[str, str, str]:
    """An incident with credit, a removal and a window, all of one provider's pool; their ids."""
    mine = Allocation.objects.get(key="p-kr-2026-r1-0003-a1")
    pool = Pool.objects.get(key="naver-h200-a")
    incident = Incident.objects.create(
        pool=pool,
        node="n1",
        cause="device",
        severity="high",
        drains=True,
        starts_at=LATER,
        reason={
            "code": "incidents.device_fault",
            "params": {"node": "n1", "device": "3", "kind": "XID", "code": "79"},
        },
        spare_reason={"code": "incidents.no_spare"},
        decision=Decision.objects.earliest("pk"),
    )
    lost = {"job": "7", "node": "n1", "hours": "4.0"}
    IncidentCredit.objects.create(
        incident=incident,
        key="work:7/1",
        allocation=mine,
        amount=14_400,
        reason={"code": "incidents.credit_lost_work", "params": lost},
        at=LATER,
    )
    DeviceFault.objects.create(
        pool=pool,
        node="n1",
        device="3",
        kind="xid",
        code="79",
        at=LATER,
        judged_at=LATER,
        incident=incident,
    )
    removal = NodeRemoval.objects.create(
        pool=pool,
        node="n2",
        failures=3,
        proposed_at=LATER,
        reason={"code": "incidents.lemon", "params": {"node": "n2", "failures": 3, "days": 30}},
    )
    window = MaintenanceWindow.objects.create(
        pool=mine.pool,
        starts_at=LATER + timedelta(days=9),
        ends_at=LATER + timedelta(days=10),
        announced_at=LATER,
        announced_by=User.objects.get(username="operator"),
    )
    return str(incident.pk), str(removal.pk), str(window.pk)


def _person(username: str, role: Role, name: str, **more: object) -> User:
    return add_user(
        username=username,
        role=role,
        password=PASSWORD,
        display_name=name,
        by=STEWARD,
        now=NOW,
        **more,  # type: ignore[arg-type]  # only the organisation
    )
