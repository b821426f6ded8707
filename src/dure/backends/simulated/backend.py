"""A cluster of many nodes that is not there, as the agent and the submitters see it.

- The same start, seed, profiles, changes and advances give the same records, in any process.
- An allocation with an activity has generated work; one without has only what is submitted to it.
  With `lent_work`, every lent share of who holds nothing here always has work for all that it
  may hold.
- Nothing happens but in `advance`: a change or a job takes effect there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from dure.backends import admission, segments
from dure.backends.contract import (
    Change,
    ChangeRefused,
    JobRefused,
    JobRequest,
    JobStatus,
    Observed,
    RemoveBinding,
    RemoveLent,
    SetBinding,
    SetGrace,
    SetLent,
    UnknownJob,
    UsageBatch,
)
from dure.backends.segments import Holding
from dure.backends.simulated.background import Span
from dure.backends.simulated.pool import Job, Pool
from dure.backends.simulated.profiles import DAY_S, FAILURES_PER_SERVER_DAY, Activity, Outage
from dure.protocol import Capabilities, NodeRecord, PoolInventory, UsageRecord
from dure.vocabulary.frozen import Frozen


class SimulatedPool(Frozen):
    """What a pool is made of."""

    pool: str
    model: str
    nodes: int
    accelerators_per_node: int = 8


def sleep_seconds(request: JobRequest) -> int:
    """How long `("sleep", "90")` works: a simulated job's command says it."""
    if len(request.command) != 2 or request.command[0] != "sleep":  # noqa: PLR2004 - sleep and how long
        raise JobRefused("a simulated cluster only knows the command: sleep SECONDS")
    return int(request.command[1])


class SimulatedBackend:
    """`Backend` and `JobQueue` for pools that exist on paper."""

    def __init__(
        self,
        cluster: str,
        *,
        pools: Iterable[SimulatedPool],
        start: datetime,
        seed: str,
        activity: Mapping[str, Activity] | None = None,
        lent_work: bool = True,
        failure_rate: float = FAILURES_PER_SERVER_DAY,
        lasts: Callable[[JobRequest], int] = sleep_seconds,
    ) -> None:
        """`start` is a whole second; its days are the simulation's days, so let it be midnight in
        the programme's zone. `failure_rate` is per server and day. `lasts` says how many seconds
        of work a submitted job is."""
        self._cluster, self._start = cluster, start
        self._epoch = int(start.timestamp())
        pools = tuple(pools)
        self._models = {p.pool: p.model for p in pools}
        self._activity = dict(activity or {})
        self._lent_work, self._lasts = lent_work, lasts
        self._now_s = 0
        self._grace_s = 30
        self._jobs: dict[str, tuple[Pool, Job]] = {}
        self._usage: dict[str, list[UsageRecord]] = {}  # as far as converted; only grows
        self._nodes: dict[str, list[NodeRecord]] = {}  # the same
        self._pools = {
            p.pool: Pool(
                name=p.pool,
                nodes=[f"{cluster}-{p.pool}-{number:04d}" for number in range(p.nodes)],
                per_node=p.accelerators_per_node,
                seed=seed,
                failure_rate=failure_rate,
                lent_work=lent_work,
                activity=self._activity,
                instant=self._instant,
            )
            for p in pools
        }

    @property
    def now(self) -> datetime:
        """How far `advance` has come."""
        return self._instant(self._now_s)

    def advance(self, to: datetime) -> None:
        """Let time pass up to `to`, a whole second; an earlier time changes nothing."""
        to_s = int((to - self._start).total_seconds())
        for pool in self._pools.values():
            pool.run_to(to_s, self._grace_s)
        self._now_s = max(self._now_s, to_s)

    def set_activity(self, allocation: str, activity: Activity) -> None:
        """From now on, the owner of the allocation behaves like this."""
        for pool in self._pools.values():
            pool.change()
        self._activity[allocation] = activity

    def capabilities(self) -> Capabilities:
        return Capabilities(
            engine="simulated",
            enforces_limits=True,
            preempts_lent=True,
            requeues_lent=True,
            grace_s=self._grace_s,
            notes=("No real hardware: nodes, failures and use are generated from a seed.",),
        )

    def inventory(self) -> tuple[PoolInventory, ...]:
        return tuple(
            PoolInventory(
                pool=name,
                model=self._models[name],
                nodes=len(pool.nodes),
                accelerators=pool.accelerators,
                nodes_down=pool.down(),
                owner_accelerators=pool.busy("owner"),
                lent_accelerators=pool.busy("lent"),
            )
            for name, pool in sorted(self._pools.items())
        )

    def observed(self) -> Observed:
        pools = [pool for _, pool in sorted(self._pools.items())]
        return Observed(
            bindings=tuple(pool.bindings[key] for pool in pools for key in sorted(pool.bindings)),
            lent=tuple(pool.lent[key] for pool in pools for key in sorted(pool.lent)),
            grace_s=self._grace_s,
        )

    def apply(self, change: Change) -> None:
        match change:
            case SetBinding(binding=binding):
                pool = self._pool(binding.pool)
                admission.check_binding(
                    binding, held=pool.bindings.values(), capacity=pool.accelerators
                )
                pool.change()
                pool.bindings[binding.allocation] = binding
            case RemoveBinding(allocation=allocation, pool=name):
                pool = self._pool(name)
                pool.change()
                pool.bindings.pop(allocation, None)
            case SetLent(share=share):
                pool = self._pool(share.pool)
                pool.change()
                pool.lent[share.project] = share
            case RemoveLent(project=project, pool=name):
                pool = self._pool(name)
                pool.change()
                pool.lent.pop(project, None)
            case SetGrace(grace_s=grace_s):
                self._grace_s = grace_s
            case _:
                assert_never(change)

    def usage(self, since: datetime | None, until: datetime) -> UsageBatch:
        usage: list[UsageRecord] = []
        nodes: list[NodeRecord] = []
        open_from: list[datetime] = []
        # All that is due at this instant has been done, and what stops from now on does so at
        # least a second later: so what runs is known to live past this instant.
        seen_s = self._epoch + self._now_s + 1
        for pool in self._pools.values():
            usage += self._generated(pool)
            if pool.spans:
                open_from.append(self._instant(pool.since_s))
            running = [j for j in pool.jobs if j.state in ("running", "stopping")]
            held = pool.ended + [pool.holding(j, end_s=None, outcome="running") for j in running]
            for one in (_since_1970(h, self._epoch) for h in held):
                grid = {"every_s": DAY_S, "origin_s": self._epoch, "seen_s": seen_s}
                usage += segments.cut(one, **grid)
                start = segments.open_since(one, **grid)
                if start is not None:
                    open_from.append(segments.instant(start))
            nodes += self._down(pool)
        return segments.batch(
            usage=usage,
            nodes=nodes,
            open_from=open_from,
            since=since,
            until=min(until, self.now),
        )

    def submit(self, request: JobRequest) -> str:
        pool = self._pools.get(request.pool)
        if pool is None:
            raise JobRefused(f"{self._cluster} has no pool {request.pool}")
        generated = (
            self._lent_work if request.allocation is None else request.allocation in self._activity
        )
        if generated:
            raise JobRefused("work of this kind is generated here; none can be submitted")
        admission.admit(request, bindings=pool.bindings.values(), lent=pool.lent.values())
        number = len(self._jobs) + 1
        job = Job(
            job=f"{self._cluster}-{number}",
            sequence=number,
            request=request,
            submitted_s=self._now_s,
            left_s=self._lasts(request),
        )
        pool.jobs.append(job)
        self._jobs[job.job] = pool, job
        return job.job

    def cancel(self, job: str) -> None:
        if job not in self._jobs:
            raise UnknownJob(job)
        pool, found = self._jobs[job]
        pool.cancel(found, self._grace_s)

    def jobs(self) -> tuple[JobStatus, ...]:
        return tuple(self._status(job) for _, job in self._jobs.values())

    def _status(self, job: Job) -> JobStatus:
        return JobStatus(
            job=job.job,
            request=job.request,
            state=job.state,
            attempt=job.attempt,
            submitted=self._instant(job.submitted_s),
            started=None if job.started_s is None else self._instant(job.started_s),
            ended=None if job.ended_s is None else self._instant(job.ended_s),
            exit_code=0 if job.state == "completed" else None,
            waits=job.waits,
        )

    def _pool(self, name: str) -> Pool:
        if name not in self._pools:
            raise ChangeRefused(f"{self._cluster} has no pool {name}")
        return self._pools[name]

    def _instant(self, second: int) -> datetime:
        return self._start + timedelta(seconds=second)

    def _generated(self, pool: Pool) -> list[UsageRecord]:
        known = self._usage.setdefault(pool.name, [])
        known += [self._usage_record(pool, span) for span in pool.recorded[len(known) :]]
        return known

    def _down(self, pool: Pool) -> list[NodeRecord]:
        known = self._nodes.setdefault(pool.name, [])
        known += [self._node_record(pool, outage) for outage in pool.outages[len(known) :]]
        return known

    def _usage_record(self, pool: Pool, span: Span) -> UsageRecord:
        return UsageRecord(
            start=self._instant(span.start_s),
            end=self._instant(span.end_s),
            job=f"{span.kind}/{pool.name}/{span.allocation or span.project}/{span.start_s}",
            attempt=1,
            kind=span.kind,
            allocation=span.allocation,
            project=span.project,
            pool=pool.name,
            username=span.username,
            accelerators=span.accelerators,
            outcome="completed",
            busy_permille=span.busy_permille,
        )

    def _node_record(self, pool: Pool, outage: Outage) -> NodeRecord:
        return NodeRecord(
            start=self._instant(outage.start_s),
            end=self._instant(outage.end_s),
            node=outage.node,
            pool=pool.name,
            accelerators=pool.per_node,
            reason="simulated failure",
        )


def _since_1970(holding: Holding, epoch: int) -> Holding:
    end = None if holding.end_s is None else epoch + holding.end_s
    return replace(holding, start_s=epoch + holding.start_s, end_s=end)
