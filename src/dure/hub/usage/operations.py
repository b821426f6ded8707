"""Taking what the site agents report: at least once becomes exactly once.

- A record's natural key makes it one row however often it is said.
- A record that names what this hub does not know, or that falls into a closed month, refuses the
  whole batch with the record named: the agent keeps it in its spool, nothing is half taken.
- So does a word of the future: taken as said, it would let a month close that has facts to come.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from dure.hub.allocations import binding
from dure.hub.allocations.models import Allocation, Project
from dure.hub.incidents import intake
from dure.hub.jobs import notes
from dure.hub.reports.queries import closed_until
from dure.hub.supply.models import Cluster, Pool
from dure.hub.usage.models import NodeOutage, UsageSegment
from dure.protocol import Drift, NodeRecord, Receipt, Report, UsageRecord

BATCH = 1000

CLOCKS_APART: Final = timedelta(minutes=5)
"""A site's clock may be this far ahead of the hub's: what Kerberos lets two clocks differ by."""


class ReportRefused(Exception):
    """The batch names something unknown or impossible; `record` says which."""

    def __init__(self, record: str, why: str) -> None:
        super().__init__(f"{record}: {why}")
        self.record, self.why = record, why


class OtherCluster(Exception):
    """The report speaks of another cluster than its credential's."""


@transaction.atomic
def accept_report(*, cluster: Cluster, report: Report, now: datetime) -> Receipt:
    """Stores what is new in the report and the agent's last word. Raises ReportRefused."""
    if report.cluster != cluster.key:
        raise OtherCluster(report.cluster)
    _of_the_past(report, now)
    locked = Cluster.objects.select_for_update(no_key=True).get(pk=cluster.pk)
    pools = {p.key: p for p in locked.pools.all()}
    closed = closed_until(cluster.provider.programme)
    new_usage, differing = _new_segments(locked, report, pools, closed)
    new_nodes = _new_outages(locked, report, pools, closed)
    UsageSegment.objects.bulk_create(new_usage, batch_size=BATCH)
    NodeOutage.objects.bulk_create(new_nodes, batch_size=BATCH)
    differing += intake.note(cluster=locked, report=report, pools=pools, now=now)
    _note_agent(locked, report, differing, now)
    binding.worked(_first_work(new_usage))
    notes.accept(cluster=locked, notes=report.jobs, said_at=report.said_at)
    accepted = len(new_usage) + len(new_nodes)
    return Receipt(accepted=accepted, known=len(report.usage) + len(report.nodes) - accepted)


def _of_the_past(report: Report, now: datetime) -> None:
    """The agent keeps what is refused and says it again: a clock put right is enough."""
    said = {"said_at": report.said_at, "complete_through": report.complete_through}
    said |= {_segment_name(record): record.end for record in report.usage}
    said |= {_outage_name(record): record.end for record in report.nodes}
    for name, instant in said.items():
        if instant is not None and instant > now + CLOCKS_APART:
            why = f"{instant.isoformat()} is yet to come; compare the site's clock with the hub's"
            raise ReportRefused(name, why)


def _first_work(segments: list[UsageSegment]) -> dict[int, datetime]:
    """Allocation -> when the first of its owner's segments began."""
    first: dict[int, datetime] = {}
    for segment in segments:
        key = segment.allocation_id
        if segment.kind == "owner" and key is not None:
            first[key] = min(first.get(key, segment.starts_at), segment.starts_at)
    return first


def _note_agent(cluster: Cluster, report: Report, differing: list[Drift], now: datetime) -> None:
    cluster.last_seen_at = now
    cluster.in_service_since = cluster.in_service_since or report.said_at
    if report.applied_revision is not None:
        _catch_up(cluster, report.applied_revision)
        cluster.applied_revision = report.applied_revision
        binding.confirm(
            cluster=cluster, applied_revision=report.applied_revision, at=report.said_at
        )
    if report.complete_through is not None:
        cluster.complete_through = max(
            filter(None, (cluster.complete_through, report.complete_through))
        )
    if report.capabilities is not None:
        cluster.capabilities = report.capabilities.model_dump(mode="json")
    if report.inventory:
        cluster.inventory = [pool.model_dump(mode="json") for pool in report.inventory]
    cluster.drift = [drift.model_dump(mode="json") for drift in (*report.drift, *differing)]
    cluster.save()


def _catch_up(cluster: Cluster, applied: int) -> None:
    """A hub restored from a backup counts on from the revision that its agent already holds."""
    if applied > cluster.desired_revision:
        cluster.desired_revision = cluster.bound_revision = applied + 1


def _segment_name(record: UsageRecord) -> str:
    return f"usage of job {record.job}, attempt {record.attempt}, from {record.start.isoformat()}"


def _new_segments(
    cluster: Cluster, report: Report, pools: dict[str, Pool], closed: datetime | None
) -> tuple[list[UsageSegment], list[Drift]]:
    """The segments not known yet, and those that are known with other content."""
    if not report.usage:
        return [], []
    starts = [record.start for record in report.usage]
    known = {
        (job, attempt, start): (end, accelerators)
        for job, attempt, start, end, accelerators in UsageSegment.objects.filter(
            cluster=cluster, starts_at__range=(min(starts), max(starts))
        ).values_list("job", "attempt", "starts_at", "ends_at", "accelerators")
    }
    names = _Names.of(cluster, report, pools)
    fresh: dict[tuple[str, int, datetime], UsageSegment] = {}
    differing: list[Drift] = []
    for record in report.usage:
        key = (record.job, record.attempt, record.start)
        if key in known:
            differing += _difference(record, known[key])
        elif key not in fresh:
            _in_an_open_month(_segment_name(record), record.start, closed)
            fresh[key] = _segment(cluster, record, names)
    return list(fresh.values()), differing


def _in_an_open_month(name: str, start: datetime, closed: datetime | None) -> None:
    if closed is not None and start < closed:
        raise ReportRefused(name, "its month is closed")


def _difference(record: UsageRecord, known: tuple[datetime, int]) -> list[Drift]:
    """A known segment never changes; said with other content, it is shown and not taken."""
    said = (record.end, record.accelerators)
    if said == known:
        return []
    return [
        Drift(
            subject=_segment_name(record),
            expected=f"{known[1]} accelerators until {known[0].isoformat()}, as first said",
            found=f"{said[1]} accelerators until {said[0].isoformat()}",
        )
    ]


@dataclass(frozen=True, slots=True)
class _Names:
    """What a record may name."""

    pools: dict[str, Pool]
    allocations: dict[str, Allocation]
    projects: dict[str, Project]

    @classmethod
    def of(cls, cluster: Cluster, report: Report, pools: dict[str, Pool]) -> _Names:
        allocations = Allocation.objects.filter(pool__cluster=cluster).only(
            "key", "pool", "project"
        )
        projects = Project.objects.filter(key__in={r.project for r in report.usage}).only("key")
        return cls(pools, {a.key: a for a in allocations}, {p.key: p for p in projects})


def _segment(cluster: Cluster, record: UsageRecord, names: _Names) -> UsageSegment:
    name = _segment_name(record)
    if record.pool not in names.pools:
        raise ReportRefused(name, f"cluster {cluster.key} has no pool {record.pool}")
    if record.project not in names.projects:
        raise ReportRefused(name, f"there is no project {record.project}")
    allocation = names.allocations.get(record.allocation) if record.allocation else None
    if record.allocation and allocation is None:
        raise ReportRefused(name, f"this cluster holds no allocation {record.allocation}")
    if allocation is not None:
        _agrees(name, record, allocation, names)
    return UsageSegment(
        cluster=cluster,
        pool=names.pools[record.pool],
        job=record.job,
        attempt=record.attempt,
        kind=record.kind,
        allocation=allocation,
        project=names.projects[record.project],
        username=record.username,
        accelerators=record.accelerators,
        starts_at=record.start,
        ends_at=record.end,
        outcome=record.outcome,
        busy_permille=record.busy_permille,
        energy_j=record.energy_j,
    )


def _agrees(name: str, record: UsageRecord, allocation: Allocation, names: _Names) -> None:
    """An allocation's use is its project's, on its pool; else no month could account for it."""
    if allocation.project_id != names.projects[record.project].pk:
        raise ReportRefused(name, f"allocation {allocation.key} is not of project {record.project}")
    if allocation.pool_id != names.pools[record.pool].pk:
        raise ReportRefused(name, f"allocation {allocation.key} is not of pool {record.pool}")


def _outage_name(record: NodeRecord) -> str:
    return f"outage of {record.node} from {record.start.isoformat()}"


def _new_outages(
    cluster: Cluster, report: Report, pools: dict[str, Pool], closed: datetime | None
) -> list[NodeOutage]:
    known = set(
        NodeOutage.objects.filter(
            cluster=cluster, node__in={record.node for record in report.nodes}
        ).values_list("node", "starts_at")
    )
    fresh: dict[tuple[str, datetime], NodeOutage] = {}
    for record in report.nodes:
        key = (record.node, record.start)
        if key not in known and key not in fresh:
            _in_an_open_month(_outage_name(record), record.start, closed)
            fresh[key] = _outage(cluster, record, pools)
    return list(fresh.values())


def _outage(cluster: Cluster, record: NodeRecord, pools: dict[str, Pool]) -> NodeOutage:
    if record.pool not in pools:
        raise ReportRefused(
            _outage_name(record), f"cluster {cluster.key} has no pool {record.pool}"
        )
    return NodeOutage(
        cluster=cluster,
        pool=pools[record.pool],
        node=record.node,
        accelerators=record.accelerators,
        starts_at=record.start,
        ends_at=record.end,
        reason=record.reason[:200],
    )
