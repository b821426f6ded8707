"""One pool of the twin: the kernel's world, and which project each of its accounts is.

- One account a project, and one more that owns the nodes nobody is promised (islands need a home
  for them); it has no jobs and no entitlement.
- Under islands every project sees its own nodes only. When entitlements change, nodes move as they
  fall empty: asked again at every control step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from dure.engine import scheduling as sched
from dure.engine.scheduling import counters as cr
from dure.engine.scheduling import job_rows as jr
from dure.twin.policies.facts import Ints, TwinPolicy
from dure.twin.profiles import Profile
from dure.twin.scenario import Demand, SitePool
from dure.twin.work import Work
from dure.vocabulary.programme.money import Lending

SERIES: Final = ("owner", "lent", "idle", "held", "down")


@dataclass(slots=True)
class Site:
    """`projects`: the project of each account. `rows`: its jobs' places in the play's work."""

    pool: SitePool
    projects: list[int]
    rows: Ints
    world: sched.World
    islands: bool
    series: list[tuple[int, ...]] = field(default_factory=list)
    _before: tuple[int, ...] = (0, 0, 0, 0, 0)

    def advance(self, until_s: int) -> None:
        """Lets the pool run to `until_s` and notes where the accelerator-seconds went."""
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

    def entitle(self, servers: list[int]) -> None:
        """From now on the accounts are promised so many servers."""
        self.world.accounts.entitled[:-1] = np.array(servers, np.int64) * (
            self.pool.accelerators_per_node
        )
        if self.islands:
            sched.rehome(self.world, homes(self.world.state.node_home, servers))

    def lend(self, rights: dict[int, tuple[int, int]]) -> None:
        """From now on lent work may run so: account -> (order, most accelerators)."""
        accounts = self.world.accounts
        accounts.lent_ceiling[:] = 0
        accounts.lent_order[:] = len(self.projects)
        for account, (order, most) in rights.items():
            accounts.lent_order[account] = order
            accounts.lent_ceiling[account] = most


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
    servers: list[int],
    demand: Demand,
    policy: TwinPolicy,
    profile: Profile,
    lending: Lending,
    events: sched.NodeEvents,
) -> Site:
    """The pool at the first second, with all the jobs that will come to it."""
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
    entitled = np.array([*servers, 0], np.int64) * pool.accelerators_per_node
    accounts = sched.Accounts(
        entitled=entitled,
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
        _rules(pool, policy, profile, lending),
        events=events,
        node_home=homes(nobody, servers) if policy.islands else None,
    )
    return Site(pool=pool, projects=projects, rows=rows, world=world, islands=policy.islands)


def _rules(pool: SitePool, policy: TwinPolicy, profile: Profile, lending: Lending) -> sched.Policy:
    victims = sched.LEAST_LOST if policy.victims == "least_lost" else sched.YOUNGEST
    return sched.Policy(
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
