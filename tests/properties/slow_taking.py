"""Who gives way in the slow twin of the scheduling kernel, and what is held for whom."""

from __future__ import annotations

from tests.properties.slow_nodes import NEVER, Job, SlowNodes

from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr


class SlowTaking(SlowNodes):
    """Lent work is taken back: the node first, then its victims."""

    def saves(self, job: Job) -> bool:
        return 0 <= job.save <= self.policy.grace_s

    def cost(self, job: Job, now: int) -> int:
        if self.policy.victims == cr.YOUNGEST:
            return now - job.since
        if self.policy.victims == cr.GIVEN_KEY:
            return job.key
        lost = 0 if self.saves(job) else job.progress(now) - job.kept(now)
        return (lost + job.restart) * job.width

    def missing(self, on: int, amount: int) -> int:
        leaving = sum(j.place[on] for j in self.on_node(on) if j.status == jr.LEAVING)
        owed = sum(j.short.get(on, 0) for j in self.on_node(on))
        return amount - self.free(on) - (leaving - owed)

    def victims(self, on: int, amount: int, now: int) -> list[Job]:
        lent = [j for j in self.on_node(on) if j.mode == jr.LENT and j.status == jr.RUNNING]
        missing, chosen = self.missing(on, amount), []
        for job in sorted(lent, key=lambda j: (self.cost(j, now), j.number)):
            if missing > 0:
                chosen.append(job)
                missing -= job.place[on]
        for job in reversed(list(chosen)):
            if missing + job.place[on] <= 0:
                chosen.remove(job)
                missing += job.place[on]
        return chosen

    def tell(self, job: Job, now: int) -> None:
        policy, of = self.policy, job.account
        if job in self.queues[of]:
            self.queues[of].remove(job)
        if policy.backoff_s and self.taken_at[of] != now:
            self.taken_at[of] = now
            self.take_backs[of] += 1
            pause = policy.backoff_s * 2 ** (self.take_backs[of] - 1)
            self.backoff[of] = self.wakes[of] = now + min(pause, policy.backoff_cap_s)
        job.status, job.notice = jr.LEAVING, now
        job.taken += 1
        leaves = now + policy.grace_s
        if self.saves(job):
            leaves = now + job.save
        elif policy.sweep_s and policy.grace_s:
            leaves = -(-leaves // policy.sweep_s) * policy.sweep_s
        job.wake = min(job.wake, leaves)

    def leave(self, job: Job, now: int) -> None:
        if now - job.since >= job.overhead + job.left:
            return self.finish(job, now)
        saved = 0 <= job.save <= now - job.notice
        kept = job.progress(job.notice) if saved else None
        self.cut(job, now, jr.TAKEN_BACK, kept, now + self.policy.requeue_delay_s)
        if saved and self.policy.saved_are_lost:
            job.status, job.wake = jr.GONE, NEVER
        return None

    def take_back(self, job: Job, now: int, *, bound: bool) -> bool:
        home = self.home_of(job.account)
        whole, rest = divmod(job.width, self.size)
        room = {on: self.claimable(on) for on in self.nodes(home)}
        full = sorted(
            (on for on in room if room[on] == self.size
             and self.allows(home, on, self.size, bound)),
            key=lambda on: (self.whole_price(on, now), on),
        )  # fmt: skip
        full = self.cheapest_by_block(full, whole, now) if self.blocks else full[:whole]
        parts = [
            on for on in room
            if on not in full and room[on] >= rest and self.allows(home, on, rest, bound)
        ]  # fmt: skip
        if len(full) < whole or (rest and not parts):
            return False
        plan = dict.fromkeys(full, self.size)
        for on in full:
            for victim in self.victims(on, self.size, now):
                self.tell(victim, now)
        if rest:
            on = min(parts, key=lambda on: self.price(on, rest, now))
            for victim in self.victims(on, rest, now):
                self.tell(victim, now)
            plan[on] = rest
        self.hold(job, plan, now)
        return True

    def whole_price(self, on: int, now: int) -> int:
        return sum(self.cost(j, now) for j in self.on_node(on) if j.status == jr.RUNNING)

    def cheapest_by_block(self, nodes: list[int], whole: int, now: int) -> list[int]:
        """So many of the nodes, which are sorted by price, from as few blocks as can be."""
        if whole == 0 or not nodes:
            return []
        of_block = {b: [on for on in nodes if self.block[on] == b][:whole] for b in self.block}

        def rank(block: int) -> tuple[int, int, int]:
            has = of_block[block]
            price = sum(self.whole_price(on, now) for on in has) if len(has) == whole else 0
            return -len(has), price, block

        best = min(of_block, key=rank)
        rest = [on for on in nodes if self.block[on] != best]
        return of_block[best] + self.cheapest_by_block(rest, whole - len(of_block[best]), now)

    def price(self, on: int, amount: int, now: int) -> tuple[int, int, int]:
        chosen = self.victims(on, amount, now)
        return sum(self.cost(j, now) for j in chosen), len(chosen), on

    def hold(self, job: Job, plan: dict[int, int], now: int) -> None:
        leaving = [j for on in plan for j in self.on_node(on) if j.status == jr.LEAVING]
        job.due = max([now, *(j.wake for j in leaving)]) + job.limit_left
        short = {on: max(0, amount - self.free(on)) for on, amount in plan.items()}
        job.asked, job.sequence = now, self.holds
        self.holds += 1
        self.occupy(job, jr.GUARANTEED, plan)
        job.short, job.status = short, jr.HOLDING
        if not any(short.values()):
            self.begin(job, now)
