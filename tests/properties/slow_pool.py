"""The obvious slow twin of the scheduling kernel: lists and dicts, everything looked at every time.

- A pass serves every account from its head, whether anything changed or not.
- What stands where is `slow_nodes`, who gives way is `slow_taking`; here is who is served, and what
  time brings.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.properties.slow_nodes import NEVER, Job, Reservation
from tests.properties.slow_taking import SlowTaking

from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr


class SlowPool(SlowTaking):
    """The same world, the same steps."""

    # serving

    def due_of(self, job: Job, now: int) -> int:
        return job.due if job.status == jr.RUNNING else now + job.limit_left

    def obtain(self, job: Job, now: int) -> bool:
        home, queue = self.home_of(job.account), self.queues[job.account]
        bound = self.bound(job, self.due_of(job, now))
        if job.status == jr.RUNNING:
            if not all(self.allows(home, on, c, bound) for on, c in job.place.items()):
                return False
            self.log.append((job.number, job.segment, now, job.mode, jr.PROMOTED))
            job.mode, job.segment = jr.GUARANTEED, now
            job.held = now if job.held < 0 else job.held
            self.use_reserved(job, job.place)
            queue.remove(job)
            return True
        plan = self.find(home, job.width, bound)
        if plan:
            queue.remove(job)
            job.due = now + job.limit_left
            self.occupy(job, jr.GUARANTEED, plan)
            self.begin(job, now)
            return True
        if self.policy.lending and self.take_back(job, now, bound=bound):
            queue.remove(job)
            return True
        return False

    def reserve(self, job: Job, now: int) -> None:
        home = self.home_of(job.account)
        whole, rest = divmod(job.width, self.size)
        dues, nodes = self.dues(home), self.nodes(home)
        self.reserved[home] = Reservation(job.number, NEVER, {})
        for at in [now, *(j.due for j in dues)]:
            room = {
                on: self.claimable(on) + sum(j.place.get(on, 0) for j in dues if j.due <= at)
                for on in nodes
            }
            least = sorted(nodes, key=lambda on: (self.claimable(on), on))
            full = [on for on in least if room[on] == self.size][:whole]
            part = [on for on in least if on not in full and room[on] >= rest][: bool(rest)]
            if len(full) == whole and len(part) == bool(rest):
                spare = dict.fromkeys(full, 0) | {on: room[on] - rest for on in part}
                self.reserved[home] = Reservation(job.number, at, spare)
                return

    def serve(self, of: int, now: int) -> None:
        home, policy, queue = self.home_of(of), self.policy, self.queues[of]
        held = self.reserved.get(home)
        if held and self.jobs[held.owner].account == of:
            del self.reserved[home]
        if self.accounts.frozen[of]:
            return
        blocked: Job | None = None
        by_nodes = False
        for job in list(queue):
            if job not in queue or not self.asks(job):
                continue
            if not self.within(job):
                blocked = job
                break
            job.turn = now if job.turn < 0 else job.turn
            if not self.obtain(job, now):
                blocked, by_nodes = job, True
                break
        if blocked is None or (policy.backfill == cr.NONE and len(self.queues) == 1):
            return
        if by_nodes and home not in self.reserved:
            self.reserve(blocked, now)
        if policy.backfill == cr.CONSERVATIVE:
            self.give_times(blocked, now)
        elif policy.backfill != cr.NONE:
            self.backfill(blocked, by_nodes, now)

    def foresee(self, head: Job, by_nodes: bool) -> tuple[int, int]:
        """When the blocked job is to start, and what its account may use beside it then."""
        if not by_nodes and self.policy.backfill == cr.PASS_OVER:
            return NEVER, NEVER
        home = self.home_of(head.account)
        mine = [j for j in self.dues(home) if j.account == head.account]
        room = int(self.accounts.entitled[head.account]) - head.width
        until = NEVER
        if by_nodes:
            held = self.reserved.get(home)
            until = held.at if held and held.owner == head.number else NEVER
        else:
            for at in sorted({j.due for j in mine}):
                if sum(j.width for j in mine if j.due > at) <= room:
                    until = at
                    break
        extra = room - sum(j.width for j in mine if j.due > until)
        return until, NEVER if self.has_all(head.account) else extra

    def backfill(self, head: Job, by_nodes: bool, now: int) -> None:
        until, extra = self.foresee(head, by_nodes)
        queue, looked = self.queues[head.account], 0
        for job in queue[queue.index(head) + 1 :]:
            if self.policy.depth and looked == self.policy.depth:
                return
            if job not in queue or not self.asks(job):
                continue
            late = self.due_of(job, now) > until
            if (late and job.width > extra) or not self.within(job) or not self.obtain(job, now):
                looked += 1
                continue
            job.turn = now if job.turn < 0 else job.turn
            extra -= job.width if late and extra < NEVER else 0

    def left(self, of: int, at: int, kept: list[tuple[int, int, int]]) -> int:
        """What the account has left at that time, by the limits of those who run."""
        home, then = self.home_of(of), [j for j in self.dues(self.home_of(of)) if j.due > at]
        mine = int(self.accounts.entitled[of]) - sum(j.width for j in then if j.account == of)
        nodes = len(self.nodes(home)) * self.size - sum(j.width for j in then)
        given = sum(width for begins, ends, width in kept if begins <= at < ends)
        return (nodes if self.has_all(of) else min(mine, nodes)) - given

    def earliest(
        self, job: Job, need: int, now: int, kept: list[tuple[int, int, int]]
    ) -> int:  # fmt: skip
        ends = [j.due for j in self.dues(self.home_of(job.account))] + [k[1] for k in kept]
        for at in sorted({now, *(end for end in ends if end > now)}):
            points = [at, *(begins for begins, _, _ in kept if at < begins < at + need)]
            if all(self.left(job.account, point, kept) >= job.width for point in points):
                return at
        return NEVER

    def give_times(self, head: Job, now: int) -> None:
        queue, looked = self.queues[head.account], 0
        kept: list[tuple[int, int, int]] = []
        for job in queue[queue.index(head) :]:
            if self.policy.depth and looked > self.policy.depth:
                return
            if job not in queue or not self.asks(job):
                continue
            need = self.due_of(job, now) - now
            at = self.earliest(job, need, now, kept)
            held = self.reserved.get(self.home_of(head.account))
            if job is head:
                at = held.at if held and held.owner == job.number else at
            elif at == now and self.obtain(job, now):
                job.turn = now if job.turn < 0 else job.turn
                continue
            looked += 1
            if at < NEVER:
                kept.append((at, at + need, job.width))
                self.promised.setdefault(job.number, at)

    # lending

    def lend(self, now: int) -> None:
        for of in self.order:
            looked = 0
            for job in list(self.queues[of]):
                if self.policy.depth and looked == self.policy.depth:
                    break
                if job.status != jr.WAITING or job.kind == jr.GUARANTEED:
                    continue
                looked += not self.lend_one(job, now)

    def lend_one(self, job: Job, now: int) -> bool:
        of, home = job.account, self.home_of(job.account)
        free = sum(self.free(on) for on in self.nodes(home))
        if self.accounts.frozen[of] or self.backoff[of] > now:
            return False
        if self.lent(of) + job.width > self.accounts.lent_ceiling[of]:
            return False
        if free - job.width < self.policy.headroom:
            return False
        plan = self.find(home, job.width, False)
        if not plan:
            return False
        if job.kind == jr.LENT:
            self.queues[of].remove(job)
        self.occupy(job, jr.LENT, plan)
        self.begin(job, now)
        return True

    def count_shares(self, now: int) -> None:
        policy = self.policy
        decay = 0.5 ** (policy.fair_every_s / policy.half_life_s)
        if policy.fair_share:
            self.use = {u: use * decay + self.new_use[u] for u, use in self.use.items()}
            self.new_use = dict.fromkeys(self.use, 0)
            order = sorted(set(self.use.values()))
            self.set_levels({u: order.index(use) for u, use in self.use.items()})
        for of in range(len(self.queues)):
            new = self.lent_by_account[of] - self.counted[of]
            self.shares[of] = self.shares[of] * decay + new
            self.counted[of] = self.lent_by_account[of]
        self.make_order()
        self.share_at = now + policy.fair_every_s

    def set_levels(self, levels: dict[int, int]) -> None:
        self.levels = levels
        for queue in self.queues:
            queue.sort(key=self.rank)

    def make_order(self) -> None:
        if self.policy.lent_by == cr.FAIR:
            self.order.sort(key=lambda of: (self.shares[of] / self.accounts.weight[of], of))
        else:
            self.order.sort(key=lambda of: (self.accounts.lent_order[of], of))

    # nodes

    def fail(self, on: int, now: int) -> None:
        if self.parked[on]:
            self.parked[on] = False
            return
        if not self.up[on]:
            return
        self.up[on] = False
        for job in self.on_node(on):
            if job.status == jr.HOLDING:
                self.vacate(job, now)
                self.enqueue(job)
        for job in self.on_node(on):
            job.failed += 1
            self.cut(job, now, jr.NODE_FAILED, None, now + self.policy.fail_requeue_s)
        spares = [s for s, parked in enumerate(self.parked) if parked]
        for spare in [s for s in spares if self.home[s] == self.home[on]][:1]:
            self.parked[spare], self.up[spare] = False, True

    def repair(self, on: int) -> None:
        if self.up[on] or self.parked[on]:
            return
        parked = sum(p for p, at in zip(self.parked, self.home, strict=True) if at == self.home[on])
        if parked < self.policy.spares:
            self.parked[on] = True
        else:
            self.up[on] = True

    # time

    def next_time(self) -> int:
        times = [j.wake for j in self.jobs]
        times += [j.submit for j in self.jobs if j.status == jr.FUTURE]
        times += [e[0] for e in self.events[:1]]
        times += self.wakes
        return min([*times, self.share_at])

    def pass_time(self, until: int) -> None:
        passed = until - self.clock
        for job in self.jobs:
            if job.status in (jr.RUNNING, jr.LEAVING):
                self.new_use[job.user] += job.width * passed
                if job.mode == jr.LENT:
                    self.lent_as += job.width * passed
                    self.lent_by_account[job.account] += job.width * passed
                else:
                    self.owner_as += job.width * passed
            elif job.status == jr.HOLDING:
                self.held_as += (job.width - sum(job.short.values())) * passed
        for on, up in enumerate(self.up):
            if up:
                self.idle_as += self.free(on) * passed
            else:
                self.down_as += self.size * passed
        self.clock = until

    def due_now(self, now: int) -> Iterator[Job]:
        while waking := [j for j in self.jobs if j.wake <= now]:
            yield min(waking, key=lambda j: j.number)

    def happen(self, now: int) -> None:
        for job in self.due_now(now):
            if job.status == jr.RUNNING:
                self.finish(job, now)
            elif job.status == jr.LEAVING:
                self.leave(job, now)
            else:
                self.enqueue(job)
        self.wakes = [NEVER if at <= now else at for at in self.wakes]
        if self.share_at <= now:
            self.count_shares(now)
        while self.events and self.events[0][0] <= now:
            _, on, up = self.events.pop(0)
            if up:
                self.repair(on)
            else:
                self.fail(on, now)
        for job in self.jobs:
            if job.status == jr.FUTURE and job.submit <= now:
                self.enqueue(job)

    def demote_surplus(self, of: int, now: int) -> None:
        while self.used(of) > self.accounts.entitled[of]:
            able = [
                j for j in self.jobs
                if j.account == of and j.guaranteed()
                and j.kind == jr.EITHER and j.status == jr.RUNNING
            ]  # fmt: skip
            if not able:
                return
            last = max(able, key=lambda j: (j.since, j.number))
            self.log.append((last.number, last.segment, now, last.mode, jr.DEMOTED))
            wake = last.wake
            self.enqueue(last)
            last.status, last.wake, last.mode, last.segment = jr.RUNNING, wake, jr.LENT, now

    def try_to_start(self, now: int) -> None:
        first = [self.jobs[self.reserved[home].owner].account for home in sorted(self.reserved)]
        for of in [*first, *(of for of in range(len(self.queues)) if of not in first)]:
            self.serve(of, now)
        if self.policy.lending:
            self.lend(now)

    def advance(self, until: int) -> None:
        self.stepped = False
        while self.clock < until:
            if self.stepped:
                now = self.next_time()
                if now >= until:
                    break
                self.pass_time(now)
                self.happen(now)
            else:
                now, self.stepped = self.clock, True
                self.happen(now)
                if self.policy.lending:
                    for of in range(len(self.queues)):
                        self.demote_surplus(of, now)
                self.make_order()
                if not self.policy.fair_share:
                    self.set_levels({})
                by_share = self.policy.lending and self.policy.lent_by == cr.FAIR
                if self.policy.fair_share or by_share:
                    if self.share_at == NEVER:
                        self.count_shares(now)
                else:
                    self.share_at = NEVER
            self.try_to_start(now)
        if self.clock < until < NEVER:
            self.pass_time(until)
