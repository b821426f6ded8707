"""One pool of the twin: the kernel's world, and which project each of its accounts is.

- One account a project, and one more that owns the nodes nobody is promised (islands need a home
  for them); it has no jobs and no entitlement.
- It is told by `apply` what to hold and says by `observed` what it holds, as an engine tells and is
  told by its agent (`backends.contract`). It begins with nothing.
- It ends nobody's work: what runs beyond a lowered entitlement is lent from then on, or runs out
  where nothing is lent. Periods of bindings begin and end at control steps.
- The kernel freezes a project, not one binding: while one of its bindings starts nothing new, the
  project starts nothing, lent work included.
- Under islands every project sees its own nodes only. When entitlements change, nodes move as they
  fall empty: asked again at every control step, until all are where they should be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from dure.backends.admission import check_binding
from dure.backends.contract import (
    Change,
    ChangeRefused,
    Observed,
    RemoveBinding,
    RemoveLent,
    SetBinding,
    SetGrace,
    SetLent,
)
from dure.engine import scheduling as sched
from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.protocol import Binding, LentShare
from dure.twin.desired import instant
from dure.twin.fragments import Free, look
from dure.twin.policies.facts import Ints, TwinPolicy
from dure.twin.profiles import Profile
from dure.twin.scenario import Backfill, Demand, SitePool
from dure.twin.work import Work
from dure.vocabulary.programme.money import Lending

SERIES: Final = ("owner", "lent", "idle", "held", "down")


@dataclass(slots=True)
class Site:
    """`projects`: the project of each account, `account` its place by key. `rows`: its jobs' places
    in the play's work. `entitlements`: from when on which account had how much.
    """

    pool: SitePool
    projects: list[int]
    account: dict[str, int]
    rows: Ints
    world: sched.World
    islands: bool
    start: datetime
    series: list[tuple[int, ...]] = field(default_factory=list)
    looks: list[Free] = field(default_factory=list)
    entitlements: list[tuple[int, int, int]] = field(default_factory=list)
    bindings: dict[str, Binding] = field(default_factory=dict)
    shares: dict[str, LentShare] = field(default_factory=dict)
    _said: Observed | None = None
    _turns: dict[str, int] = field(default_factory=dict)
    _moving: bool = False
    _before: tuple[int, ...] = (0, 0, 0, 0, 0)

    def advance(self, until_s: int) -> None:
        """Lets the pool run to `until_s` and notes where the accelerator-seconds went, and what of
        the pool is free in the end.
        """
        self._settle()
        self.world = sched.advance(self.world, until_s)
        state = self.world.state
        now = (
            int(state.owner_as.sum()),
            int(state.lent_as.sum()),
            int(state.counter[cr.IDLE_AS]),
            int(state.counter[cr.HELD_AS]),
            int(state.counter[cr.DOWN_AS]),
        )
        self.series.append(tuple(a - b for a, b in zip(now, self._before, strict=True)))
        self._before = now
        size = self.pool.accelerators_per_node
        self.looks.append(look(state.free, state.node_up, state.node_home, size))

    @property
    def up(self) -> int:
        """Accelerators that are up, parked spares not among them."""
        whole = self.pool.nodes * self.pool.accelerators_per_node
        return whole - int(self.world.state.counter[cr.DOWN])

    @property
    def owners_use(self) -> int:
        """Accelerators under guarantees now, running or held."""
        return int(self.world.state.used.sum())

    def queued(self) -> Ints:
        """By account: accelerators that its waiting jobs ask for, and those it has on loan."""
        arrived = int(self.world.state.counter[cr.ARRIVALS])
        status = self.world.state.status[:arrived]
        rows = np.flatnonzero((status == jr.WAITING) | (status == jr.PAUSED))
        wide = np.bincount(
            self.world.jobs.account[rows],
            weights=self.world.jobs.width[rows],
            minlength=len(self.projects) + 1,
        )
        asked: Ints = wide.astype(np.int64) + self.world.state.lent
        return asked

    def observed(self) -> Observed:
        """The bindings and shares, each as last applied, in a stable order."""
        if self._said is None:
            self._said = Observed(
                bindings=tuple(self.bindings[key] for key in sorted(self.bindings)),
                lent=tuple(self.shares[key] for key in sorted(self.shares)),
                grace_s=self.world.policy.grace_s,
            )
        return self._said

    def apply(self, change: Change) -> None:
        """Makes one change; it governs every later start. Applied twice is applied once.

        Raises ChangeRefused for what this pool does not know or cannot hold.
        """
        match change:
            case SetBinding(binding=binding):
                self._bind(binding)
            case RemoveBinding(allocation=allocation):
                gone = self.bindings.pop(allocation, None)
                if gone is not None:
                    self._turns.pop(allocation, None)
                    self._entitle(gone.project)
            case SetLent(share=share):
                account = self._account(share.project, share.pool)
                self.shares[share.project] = share
                self._lend(account, share.order, share.max_accelerators)
            case RemoveLent(project=project):
                if self.shares.pop(project, None) is not None:
                    self._lend(self.account[project], len(self.projects), 0)
            case SetGrace(grace_s=grace_s):
                policy = self.world.policy._replace(grace_s=grace_s)
                self.world = self.world._replace(policy=policy)
        self._said = None

    def _account(self, project: str, pool: str) -> int:
        if pool != self.pool.id:
            msg = f"there is no pool {pool} here, only {self.pool.id}"
            raise ChangeRefused(msg)
        if project not in self.account:
            msg = f"no project {project} has its home on {pool}"
            raise ChangeRefused(msg)
        return self.account[project]

    def _bind(self, binding: Binding) -> None:
        self._account(binding.project, binding.pool)
        size = self.pool.nodes * self.pool.accelerators_per_node
        check_binding(binding, held=self.bindings.values(), capacity=size)
        self.bindings[binding.allocation] = binding
        self._entitle(binding.project)

    def _entitle(self, project: str) -> None:
        """The account is promised what its bindings say that are in force now."""
        now_s = self.world.clock_s
        now = instant(self.start, now_s)
        held = [one for one in self.bindings.values() if one.project == project]
        live = [one for one in held if one.state != "ended" and one.starts <= now < one.ends]
        promised = sum(one.accelerators for one in live)
        account, controls = self.account[project], self.world.accounts
        controls.frozen[account] = any(one.state != "active" for one in live)
        if promised != controls.entitled[account]:
            controls.entitled[account] = promised
            self.entitlements.append((now_s, account, promised))
            self._moving = self.islands
        for one in held:
            edges = [edge for edge in (one.starts, one.ends) if edge > now]
            if edges:
                self._turns[one.allocation] = now_s + (min(edges) - now) // timedelta(seconds=1)
            else:
                self._turns.pop(one.allocation, None)

    def _lend(self, account: int, order: int, most: int) -> None:
        self.world.accounts.lent_order[account] = order
        self.world.accounts.lent_ceiling[account] = most

    def _settle(self) -> None:
        """Periods begin and end, and nodes that fell empty go to whom they are for."""
        now_s = self.world.clock_s
        for allocation in [name for name, turn_s in self._turns.items() if turn_s <= now_s]:
            self._entitle(self.bindings[allocation].project)
        if self._moving:
            present = self.world.state.node_home
            servers = self.world.accounts.entitled[:-1] // self.pool.accelerators_per_node
            wanted = homes(present, servers.tolist())
            sched.rehome(self.world, wanted)
            self._moving = not np.array_equal(self.world.state.node_home, wanted)


def homes(present: Ints, servers: list[int]) -> Ints:
    """Whose each node should be: everybody keeps own nodes first, the rest is nobody's."""
    nobody = len(servers)
    wanted = np.full_like(present, nobody)
    for account, count in enumerate(servers):
        wanted[np.flatnonzero(present == account)[:count]] = account
    spare = np.flatnonzero(wanted == nobody).tolist()
    spare.sort(key=lambda node: present[node] != nobody)  # nobody's first: they can move at once
    for account, count in enumerate(servers):
        lacking = count - int((wanted == account).sum())
        for node in spare[:lacking]:
            wanted[node] = account
        del spare[:lacking]
    return wanted


def begin(
    pool: SitePool,
    work: Work,
    rows: Ints,
    *,
    projects: list[int],
    keys: list[str],
    start: datetime,
    demand: Demand,
    policy: TwinPolicy,
    profile: Profile,
    lending: Lending,
    backfill: Backfill,
    events: sched.NodeEvents,
) -> Site:
    """The pool at the first second, with all the jobs that will come to it; nobody has a promise.

    `keys` names the projects, `start` is the first second.
    """
    count, none = len(projects) + 1, np.zeros(len(rows), np.int64)
    place = np.full(int(work.project.max(initial=0)) + max(projects, default=0) + 1, -1, np.int64)
    place[projects] = np.arange(len(projects))
    jobs = sched.Jobs(
        submit_s=work.submit_s[rows],
        work_s=work.work_s[rows],
        limit_s=work.limit_s[rows],
        width=work.width[rows],
        account=place[work.project[rows]],
        kind=none + (sched.EITHER if policy.lends else sched.GUARANTEED),
        key=policy.order(work.submit_s[rows], work.work_s[rows], work.user[rows]),
        user=none,
        checkpoint_s=none + demand.checkpoint_minutes * 60,
        save_s=none + demand.save_s,
        restart_s=none + demand.restart_s,
    )
    zeros = np.zeros(count, np.int64)
    accounts = sched.Accounts(
        entitled=zeros.copy(),
        lent_ceiling=zeros.copy(),
        lent_order=zeros.copy(),
        frozen=zeros.copy(),
        home=np.arange(count) if policy.islands else zeros.copy(),
        weight=np.ones(count),
    )
    nobody = np.full(pool.nodes, len(projects), np.int64)
    world = sched.begin(
        sched.Pool(pool.nodes, pool.accelerators_per_node, np.zeros(pool.nodes, np.int64)),
        jobs,
        accounts,
        rules(pool, policy, profile, lending, backfill),
        events=events,
        node_home=nobody if policy.islands else None,
    )
    return Site(
        pool=pool,
        projects=projects,
        account={key: account for account, key in enumerate(keys)},
        rows=rows,
        world=world,
        islands=policy.islands,
        start=start,
    )


_BACKFILL: Final[dict[Backfill, int]] = {
    "none": sched.NONE,
    "easy": sched.EASY,
    "conservative": sched.CONSERVATIVE,
}


def rules(
    pool: SitePool,
    policy: TwinPolicy,
    profile: Profile,
    lending: Lending,
    backfill: Backfill = "easy",
) -> sched.Policy:
    """What the pool's engine goes by: the policy, and what the profile's engine does of its own."""
    passes = sched.PASS_OVER if profile.passes_over and backfill == "easy" else _BACKFILL[backfill]
    victims = sched.LEAST_LOST if policy.victims == "least_lost" else sched.YOUNGEST
    return sched.Policy(
        backfill=passes,
        lending=int(policy.lends and lending.enabled),
        headroom=int(pool.nodes * pool.accelerators_per_node * policy.headroom),
        victims=victims,
        grace_s=lending.grace_s,
        sweep_s=profile.sweep_s,
        requeue_delay_s=profile.requeue_delay_s,
        saved_are_lost=int(profile.saved_are_lost),
        backoff_s=lending.backoff_s,
        backoff_cap_s=lending.backoff_cap_s,
        fail_requeue_s=profile.requeue_delay_s,
        spares=0 if policy.islands else pool.spare_nodes,
    )
