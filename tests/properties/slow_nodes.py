"""What stands where in the slow twin of the scheduling kernel: jobs on nodes, starts and ends.

- One object a job, one dict of what it has on which node; whatever the kernel keeps up to date is
  counted here from these when it is asked for.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling.facts import Accounts, Jobs, NodeEvents, Policy, Pool

NEVER = cr.FOREVER


@dataclass
class Job:
    number: int
    submit: int
    work: int
    limit: int
    width: int
    account: int
    kind: int
    key: int
    user: int
    checkpoint: int
    save: int
    restart: int
    left: int
    status: int = jr.FUTURE
    mode: int = 0
    start: int = -1
    end: int = -1
    turn: int = -1
    asked: int = -1
    held: int = -1
    lost: int = 0
    taken: int = 0
    failed: int = 0
    since: int = 0
    segment: int = 0
    overhead: int = 0
    notice: int = 0
    due: int = 0
    wake: int = NEVER
    sequence: int = 0
    place: dict[int, int] = field(default_factory=dict)  # node -> accelerators
    short: dict[int, int] = field(default_factory=dict)  # node -> of these, still others'

    @property
    def limit_left(self) -> int:
        restore = self.restart if self.start >= 0 else 0
        return self.limit - (self.work - self.left) + restore

    def progress(self, now: int) -> int:
        return max(0, now - self.since - self.overhead)

    def kept(self, now: int) -> int:
        return self.progress(now) // self.checkpoint * self.checkpoint if self.checkpoint else 0

    def guaranteed(self) -> bool:
        return self.mode == jr.GUARANTEED and self.status in (jr.RUNNING, jr.HOLDING)


@dataclass
class Reservation:
    owner: int
    at: int
    spare: dict[int, int]


class SlowNodes:
    """Jobs, nodes and who has what of which; nothing here decides who is served."""

    def __init__(
        self, pool: Pool, jobs: Jobs, accounts: Accounts, policy: Policy, events: NodeEvents,
        node_home: list[int] | None = None,
    ) -> None:  # fmt: skip
        self.size, self.policy = pool.per_node, policy
        self.block, self.blocks = pool.block.tolist(), policy.placement == cr.BLOCKS
        self.home = node_home or [0] * pool.nodes
        self.up = [True] * pool.nodes
        self.parked = [False] * pool.nodes
        for home in set(self.home):
            mine = [on for on in range(pool.nodes) if self.home[on] == home]
            for on in mine[len(mine) - min(policy.spares, len(mine)) :]:
                self.up[on], self.parked[on] = False, True
        self.jobs = [
            Job(
                number=number,
                submit=int(jobs.submit_s[number]),
                work=int(jobs.work_s[number]),
                limit=int(jobs.limit_s[number]),
                width=int(jobs.width[number]),
                account=int(jobs.account[number]),
                kind=int(jobs.kind[number]),
                key=int(jobs.key[number]),
                user=int(jobs.user[number]),
                checkpoint=int(jobs.checkpoint_s[number]),
                save=int(jobs.save_s[number]),
                restart=int(jobs.restart_s[number]),
                left=int(jobs.work_s[number]),
            )
            for number in range(len(jobs.submit_s))
        ]
        self.accounts = accounts
        self.events = list(zip(*(x.tolist() for x in events), strict=True))
        self.queues: list[list[Job]] = [[] for _ in accounts.entitled]
        self.backoff = [0] * len(self.queues)
        self.wakes = [NEVER] * len(self.queues)
        self.take_backs = [0] * len(self.queues)
        self.taken_at = [-1] * len(self.queues)
        self.reserved: dict[int, Reservation] = {}
        self.promised: dict[int, int] = {}  # the time that a job was given first
        self.clock = 0
        self.holds = 0
        self.log: list[tuple[int, int, int, int, int]] = []
        self.owner_as = self.lent_as = self.idle_as = self.held_as = self.down_as = 0
        self.levels: dict[int, int] = {}
        self.use = {job.user: 0.0 for job in self.jobs}
        self.new_use = dict.fromkeys(self.use, 0)
        self.shares = [0.0] * len(self.queues)
        self.lent_by_account = [0] * len(self.queues)
        self.counted = [0] * len(self.queues)
        self.order = list(range(len(self.queues)))
        self.share_at = NEVER
        self.stepped = False

    # what is

    def free(self, on: int) -> int:
        has = sum(j.place.get(on, 0) - j.short.get(on, 0) for j in self.jobs)
        return self.size - has

    def claimable(self, on: int) -> int:
        return self.size - sum(j.place.get(on, 0) for j in self.jobs if j.guaranteed())

    def nodes(self, home: int) -> list[int]:
        return [on for on, at in enumerate(self.home) if at == home and self.up[on]]

    def on_node(self, on: int) -> list[Job]:
        return [j for j in self.jobs if on in j.place]

    def used(self, of: int) -> int:
        return sum(j.width for j in self.jobs if j.account == of and j.guaranteed())

    def lent(self, of: int) -> int:
        return sum(
            j.width for j in self.jobs
            if j.account == of and j.mode == jr.LENT and j.status in (jr.RUNNING, jr.LEAVING)
        )  # fmt: skip

    def dues(self, home: int) -> list[Job]:
        mine = [j for j in self.jobs if j.guaranteed() and self.home_of(j.account) == home]
        return sorted(mine, key=lambda j: (j.due, j.number))

    def home_of(self, of: int) -> int:
        return int(self.accounts.home[of])

    def capacity(self, of: int) -> int:
        return self.home.count(self.home_of(of)) * self.size

    def has_all(self, of: int) -> bool:
        return bool(self.accounts.entitled[of] >= self.capacity(of))

    def within(self, job: Job) -> bool:
        used = self.used(job.account) + job.width
        return bool(used <= self.accounts.entitled[job.account]) or self.has_all(job.account)

    def asks(self, job: Job) -> bool:
        return bool(
            job.kind != jr.LENT
            and job.width <= self.accounts.entitled[job.account]
            and job.width <= self.capacity(job.account)
        )

    # running

    def enqueue(self, job: Job) -> None:
        job.status, job.wake = jr.WAITING, NEVER
        queue = self.queues[job.account]
        queue.append(job)
        queue.sort(key=self.rank)

    def rank(self, job: Job) -> tuple[int, int, int]:
        return self.levels.get(job.user, 0), job.key, job.number

    def begin(self, job: Job, now: int) -> None:
        job.due = now + job.limit_left
        job.overhead = job.restart if job.start >= 0 else 0
        if job.start < 0:
            job.start = now
        if job.mode == jr.GUARANTEED and job.held < 0:
            job.held = now
        job.status, job.since, job.segment, job.short = jr.RUNNING, now, now, {}
        job.wake = now + job.overhead + job.left

    def occupy(self, job: Job, mode: int, plan: dict[int, int]) -> None:
        job.mode = mode
        job.place = dict(plan)
        self.use_reserved(job, plan)

    def use_reserved(self, job: Job, plan: dict[int, int]) -> None:
        held = self.reserved.get(self.home_of(job.account))
        if job.mode == jr.GUARANTEED and held and held.owner != job.number and job.due > held.at:
            for on, amount in plan.items():
                if on in held.spare:
                    held.spare[on] -= amount

    def stop(self, job: Job, now: int, how: int) -> None:
        self.log.append((job.number, job.segment, now, job.mode, how))
        if job in self.queues[job.account]:
            self.queues[job.account].remove(job)
        self.vacate(job, now)

    def vacate(self, job: Job, now: int) -> None:
        place, short = job.place, job.short
        job.place, job.short, job.wake = {}, {}, NEVER
        for on in reversed(place):  # what was taken last is given up first
            freed = place[on] - short.get(on, 0)
            while freed and self.up[on]:
                waiting = [j for j in self.on_node(on) if j.short.get(on, 0) > 0]
                if not waiting:
                    break
                to = min(waiting, key=lambda j: j.sequence)
                given = min(freed, to.short[on])
                to.short[on] -= given
                freed -= given
                if not any(to.short.values()):
                    self.begin(to, now)

    def finish(self, job: Job, now: int) -> None:
        job.status, job.left, job.end = jr.DONE, 0, now
        self.stop(job, now, jr.FINISHED)
        if job.mode == jr.LENT:
            self.take_backs[job.account] = 0

    def cut(self, job: Job, now: int, how: int, saved: int | None, again: int) -> None:
        if saved is None:
            saved = job.kept(now)
            job.lost += job.progress(now) - saved
        job.left -= saved
        job.status = jr.PAUSED
        self.stop(job, now, how)
        job.wake = again

    # placing

    def allows(self, home: int, on: int, amount: int, bound: bool) -> bool:
        if not bound:
            return True
        return self.reserved[home].spare.get(on, amount) >= amount

    def bound(self, job: Job, due: int) -> bool:
        held = self.reserved.get(self.home_of(job.account))
        return held is not None and held.owner != job.number and due > held.at

    def best_fit(self, home: int, amount: int, top: int, bound: bool) -> int | None:
        fitting = [
            (self.free(on), on) for on in self.nodes(home)
            if amount <= self.free(on) <= top and self.allows(home, on, amount, bound)
        ]  # fmt: skip
        return min(fitting)[1] if fitting else None

    def find(self, home: int, width: int, bound: bool) -> dict[int, int]:
        whole, rest = divmod(width, self.size)
        empty = [on for on in self.nodes(home) if self.free(on) == self.size]
        full = [on for on in empty if self.allows(home, on, self.size, bound)]
        full = self.by_block(full, whole) if self.blocks else full[:whole]
        if len(full) < whole:
            return {}
        plan = dict.fromkeys(full, self.size)
        if rest:
            part = self.best_fit(home, rest, self.size - 1, bound)
            last = full[-1] if full else -1
            after = [on for on in empty if on not in full and self.allows(home, on, rest, bound)]
            if part is None and self.blocks:
                after = self.by_block(after, 1)
                part = after[0] if after else None
            elif part is None:
                part = next((on for on in after if on > last), None)
            if part is None:
                return {}
            plan[part] = rest
        return plan

    def by_block(self, empty: list[int], whole: int) -> list[int]:
        """So many of the empty nodes, from as few blocks as can be; fewer if there are not."""
        empties = Counter(self.block[on] for on in empty)
        enough = [(count, block) for block, count in empties.items() if count >= whole]
        if whole == 0 or not empties:
            return []
        most = min((-count, block) for block, count in empties.items())
        block = min(enough)[1] if enough else most[1]
        taken = [on for on in empty if self.block[on] == block][:whole]
        rest = [on for on in empty if self.block[on] != block]
        return taken + self.by_block(rest, whole - len(taken))
