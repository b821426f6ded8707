"""One simulated pool between two instants: generated work, submitted jobs, outages.

- Time is whole seconds since the simulation's start and passes only in `run_to`.
- An interval of generated work ends with the day, at a binding's start or end, and when something
  was changed; what was recorded by then never changes.
- A submitted job keeps its progress when it is preempted, as one with checkpoints does.
- A job that is told to stop holds its accelerators for at least a second, so that an instant
  that was reported as lived through stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from dure.backends import gangs
from dure.backends.contract import FINISHED, JobRequest, JobState
from dure.backends.segments import Holding
from dure.backends.simulated.background import Interval, Span, plan
from dure.backends.simulated.profiles import DAY_S, Activity, Outage, outages
from dure.protocol import Binding, LentShare, WorkKind
from dure.protocol.report import Outcome
from dure.vocabulary.plans import Reason

STOPS_AFTER_S = 1  # what a well-behaved job needs between SIGTERM and its end; our assumption


@dataclass(slots=True)
class Job:
    """A submitted job and what is left of its work."""

    job: str
    sequence: int
    request: JobRequest
    submitted_s: int
    left_s: int
    state: JobState = "pending"
    attempt: int = 1
    started_s: int | None = None
    ended_s: int | None = None
    gone_s: int | None = None  # when it will have stopped
    cancelled: bool = False
    waits: Reason | None = None


@dataclass(kw_only=True)
class Pool:
    """The state of one pool; `instant` turns its seconds into times."""

    name: str
    nodes: list[str]
    per_node: int
    seed: str
    failure_rate: float
    lent_work: bool
    activity: Mapping[str, Activity]
    instant: Callable[[int], datetime]
    now_s: int = 0
    bindings: dict[str, Binding] = field(default_factory=dict)
    lent: dict[str, LentShare] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    spans: list[Span] | None = None
    since_s: int = 0
    recorded: list[Span] = field(default_factory=list)
    ended: list[Holding] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    drawn_days: int = 0

    @property
    def accelerators(self) -> int:
        return len(self.nodes) * self.per_node

    def down(self) -> int:
        """Nodes down at this instant."""
        return sum(o.start_s <= self.now_s < o.end_s for o in self.outages)

    def busy(self, kind: WorkKind) -> int:
        """Accelerators that work of this kind holds at this instant."""
        generated = sum(
            span.accelerators
            for span in self.spans or ()
            if span.kind == kind and span.start_s <= self.now_s < span.end_s
        )
        submitted = sum(
            job.request.accelerators
            for job in self.jobs
            if job.state in ("running", "stopping")
            and (job.request.allocation is None) == (kind == "lent")
        )
        return generated + submitted

    def change(self) -> None:
        """Call before any change: what was generated until now is recorded as it was."""
        for span in self.spans or ():
            end = min(span.end_s, self.now_s)
            if end > span.start_s:
                self.recorded.append(_until(span, end))
        self.spans = None

    def run_to(self, to_s: int, grace_s: int) -> None:
        """Let time pass."""
        self._settle(grace_s)
        while self.now_s < to_s:
            edge = self._interval_end()
            self.now_s = min([to_s, edge, *self._job_instants()])
            if self.now_s == edge:
                self.change()
            self._settle(grace_s)

    def cancel(self, job: Job, grace_s: int) -> None:
        if job.state == "pending":
            job.state, job.ended_s, job.waits = "cancelled", self.now_s, None
        elif job.state not in FINISHED:
            job.cancelled = True
            self._stop(job, grace_s)

    def holding(self, job: Job, *, end_s: int | None, outcome: Outcome) -> Holding:
        """What the job's attempt holds, without an end while it runs."""
        request, started = job.request, job.started_s or 0
        return Holding(
            job=job.job,
            attempt=job.attempt,
            allocation=request.allocation,
            project=request.project,
            pool=request.pool,
            username=request.username,
            accelerators=request.accelerators,
            start_s=started,
            end_s=end_s,
            outcome=outcome,
        )

    def _settle(self, grace_s: int) -> None:
        """Do all that is due at this instant."""
        for job in self.jobs:
            if job.gone_s is not None and job.gone_s <= self.now_s:
                self._gone(job)
            elif job.state == "running" and self._done_s(job) <= self.now_s:
                self._finish(job)
        if self.spans is None:
            self._generate()
        self._decide(grace_s)

    def _generate(self) -> None:
        self.since_s, end = self.now_s, self._interval_end()
        day = self.now_s // DAY_S
        while self.drawn_days <= day:
            self.outages += outages(self.seed, self.nodes, self.drawn_days, rate=self.failure_rate)
            self.drawn_days += 1
        now = self.instant(self.now_s)
        self.spans = plan(
            Interval(
                seed=self.seed,
                day=day,
                start_s=self.now_s,
                end_s=end,
                up=self._up_at_worst(self.now_s, end),
                per_node=self.per_node,
            ),
            bindings=[b for b in self.bindings.values() if gangs.in_force(b, now)],
            activity=self.activity,
            lent=self.lent.values() if self.lent_work else (),
        )

    def _up_at_worst(self, start_s: int, end_s: int) -> int:
        hit = [o for o in self.outages if o.start_s < end_s and start_s < o.end_s]
        worst = max((sum(o.start_s <= p.start_s < o.end_s for o in hit) for p in hit), default=0)
        before = sum(o.start_s <= start_s < o.end_s for o in hit)
        return self.accelerators - max(worst, before) * self.per_node

    def _interval_end(self) -> int:
        """The end of the day, or a binding's start or end before it."""
        edges = [(self.now_s // DAY_S + 1) * DAY_S]
        zero = self.instant(0)
        for binding in self.bindings.values():
            for edge in (binding.starts, binding.ends):
                second = -int(-(edge - zero).total_seconds() // 1)
                if second > self.now_s:
                    edges.append(second)
        return min(edges)

    def _job_instants(self) -> list[int]:
        stops = [j.gone_s for j in self.jobs if j.gone_s is not None]
        return stops + [self._done_s(j) for j in self.jobs if j.state == "running"]

    def _done_s(self, job: Job) -> int:
        return (job.started_s or 0) + job.left_s

    def _decide(self, grace_s: int) -> None:
        open_jobs = {j.job: j for j in self.jobs if j.state not in FINISHED}
        if not open_jobs:
            return
        decision = gangs.decide(
            capacity=self._up_at_worst(self.now_s, self._interval_end())
            - sum(span.accelerators for span in self.spans or ()),
            now=self.instant(self.now_s),
            bindings=self.bindings.values(),
            lent=self.lent.values(),
            work=[_work(job) for job in open_jobs.values()],
        )
        for name in decision.ends:
            open_jobs[name].cancelled = True
        for name in (*decision.ends, *decision.preempts):
            self._stop(open_jobs[name], grace_s)
        for name in decision.starts:
            job = open_jobs[name]
            job.state, job.started_s = "running", self.now_s
        for job in open_jobs.values():
            job.waits = decision.waits.get(job.job) if job.state == "pending" else None

    def _stop(self, job: Job, grace_s: int) -> None:
        if job.gone_s is None:
            job.state = "stopping"
            job.gone_s = self.now_s + max(1, min(grace_s, STOPS_AFTER_S))

    def _gone(self, job: Job) -> None:
        ran = self.now_s - (job.started_s or 0)
        job.left_s = max(1, job.left_s - ran)
        self._record(job, "cancelled" if job.cancelled else "preempted")
        job.gone_s = None
        if job.cancelled:
            job.state, job.ended_s = "cancelled", self.now_s
        else:
            job.state, job.attempt = "pending", job.attempt + 1

    def _finish(self, job: Job) -> None:
        self._record(job, "completed")
        job.state, job.ended_s = "completed", self.now_s

    def _record(self, job: Job, outcome: Outcome) -> None:
        self.ended.append(self.holding(job, end_s=self.now_s, outcome=outcome))


def _until(span: Span, end_s: int) -> Span:
    return span if span.end_s == end_s else replace(span, end_s=end_s)


def _work(job: Job) -> gangs.Work:
    if job.state not in ("pending", "running", "stopping"):
        raise ValueError(f"{job.job} is {job.state}: not unfinished")
    return gangs.Work(
        job=job.job,
        sequence=job.sequence,
        project=job.request.project,
        allocation=job.request.allocation,
        accelerators=job.request.accelerators,
        state=job.state,
        started=job.started_s or 0,
    )
