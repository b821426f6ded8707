"""What the kernel is given and what it gives back: arrays, int64 unless said otherwise.

- Times are seconds on one axis of the caller's, amounts are accelerators.
- A `World` is one pool on one cluster. Its arrays are the state: a step changes them in place, and
  `fork` copies them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Pool(NamedTuple):
    """Nodes alike. `block` names each node's fabric domain, equal numbers being one domain."""

    nodes: int
    per_node: int
    block: Ints


class NodeEvents(NamedTuple):
    """Failures (`up` 0) and repairs (`up` 1), in the order of `at_s`."""

    at_s: Ints
    node: Ints
    up: Ints


class Jobs(NamedTuple):
    """In the order of `submit_s`; a job's place is its number."""

    submit_s: Ints
    work_s: Ints  # true run time, > 0
    limit_s: Ints  # requested, >= work_s
    width: Ints  # accelerators, all at once, > 0
    account: Ints
    kind: Ints  # job_rows.GUARANTEED, LENT or EITHER
    key: Ints  # the order in its account, lowest first: submit_s is FIFO, limit_s shortest first
    user: Ints  # whose use counts, where fair share orders the queue; from 0
    checkpoint_s: Ints  # progress between checkpoints; 0 none
    save_s: Ints  # how long it takes to save on notice; -1 it cannot
    restart_s: Ints  # added to each run after the first


class Accounts(NamedTuple):
    """One project's claims on the pool: what a control step may change."""

    entitled: Ints  # guaranteed accelerators
    lent_ceiling: Ints  # accelerators that may be lent to it
    lent_order: Ints  # lowest is lent to first
    frozen: Ints  # 1: nothing new starts
    home: Ints  # the nodes it may use: those with this home
    weight: Floats  # its share of what is lent, where fair share orders lending


class Policy(NamedTuple):
    """The pool's rules; see `counters` for the codes."""

    backfill: int = 1  # EASY; NONE, or CONSERVATIVE: see `conservative`
    depth: int = 0  # jobs looked at behind a blocked one; 0 all
    placement: int = 0  # LOWEST
    lending: int = 0  # 1: idle accelerators are lent, and taken back
    lent_by: int = 0  # GIVEN
    headroom: int = 0  # accelerators of each home that are never lent
    victims: int = 1  # LEAST_LOST
    grace_s: int = 0
    sweep_s: int = 0  # grace ends at multiples of this; 0 to the second
    requeue_delay_s: int = 0
    saved_are_lost: int = 0  # 1: a victim that saves and leaves counts as completed, and is gone
    backoff_s: int = 0  # nothing is lent to an account so long after a take-back, doubling
    backoff_cap_s: int = 3600
    fail_requeue_s: int = 0
    spares: int = 0  # nodes of each home parked until another fails
    fair_share: int = 0  # 1: users with the least decayed use come first in their account
    half_life_s: int = 604_800  # of use, in both kinds of fair share: a week, Slurm's default
    fair_every_s: int = 300  # how often shares are counted anew: Slurm's PriorityCalcPeriod


class Core(NamedTuple):
    """All that the kernel reads and writes; `*_rows` name the rows."""

    job: Ints
    account: Ints
    node: Ints
    slot: Ints
    home: Ints
    bits: Ints  # [family, home, level, word]: nodes by what is free
    level: Ints  # [family, home, level]: how many
    queue: Ints  # the jobs of each account's queue, in order
    asked: Ints  # beside each: [its width, the seconds it needs]
    want: Ints  # beside each: what it would borrow, 0 nothing
    busy: Ints  # bits by account: a pass may find something new in its queue
    timer: Ints  # [HEAP, PLACE, WHEN] by item: jobs, then accounts, then the count of shares
    due: Ints  # [home, 0]: guaranteed jobs in the order of [home, 1], when their limits end
    plan: Ints  # scratch: the nodes of a placement, accelerators on each; see `placing`
    reserved: Ints  # [home, word]: the nodes of its reservation; then scratch
    event: Ints  # [at, node, up]
    foreseen: Ints  # scratch: [when, accelerators left from then on]; see `conservative`
    log: Ints  # [job, from, to, mode, end]
    counter: Ints
    share: Floats  # [weight, decayed use] by account
    use: Floats  # [decayed, since the last count] by user
    standing: Ints  # [level, the user at this place] by user: the least use first


class State(NamedTuple):
    """What became of each job, account and node; views of the core."""

    status: Ints
    mode: Ints  # GUARANTEED or LENT, of a running job
    start_s: Ints  # first start, -1 never
    end_s: Ints  # completion, -1 not yet
    turn_s: Ints  # first within the entitlement at its turn, -1 never
    asked_s: Ints  # when lent work was told to leave for it, -1 never
    held_s: Ints  # first under the guarantee: started or promoted, -1 never
    left_s: Ints  # work still to do
    lost_s: Ints  # progress lost
    taken: Ints  # take-backs suffered
    failed: Ints  # node failures suffered
    used: Ints  # by account: guaranteed accelerators now, running or held for
    lent: Ints  # by account
    waiting: Ints  # by account: jobs
    owner_as: Ints  # by account: accelerator-seconds so far
    lent_as: Ints
    backoff_until_s: Ints  # by account
    take_backs: Ints  # by account, in a row
    free: Ints  # by node
    node_up: Ints
    node_home: Ints
    counter: Ints  # see `counters`


class World(NamedTuple):
    """One pool with its jobs and accounts, as a control step sees it."""

    pool: Pool
    jobs: Jobs
    accounts: Accounts
    policy: Policy
    state: State
    core: Core

    @property
    def clock_s(self) -> int:
        """Everything before this time has happened."""
        return int(self.state.counter[0])
