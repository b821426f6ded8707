"""Who may run preemptible work on idle capacity now.

- Idle is what is up and not used by an owner, inside allocations or outside: the site's own engine
  takes lent capacity back in seconds, so a right says how much at most and promises nothing.
- Capacity is divided in waitlist order; rights on a pool never add up to more than its idle
  capacity, and no borrower holds more than it asked for.
- A borrower stays on a pool where it borrows already, then goes where most is idle.
- After a take-back a project is not lent to on that pool again before a pause that doubles with
  each take-back, up to a cap: without it, engines evict and re-admit the same job for ever.
- The plan is level-triggered: it lists every right that holds now, and stops every other.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from dure.vocabulary.distinct import require_distinct
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Header, Intent, Plan, Reason
from dure.vocabulary.programme.money import Lending

_MAX_DOUBLINGS = 30
"""60 s doubled 30 times is two thousand years: past any cap, and the arithmetic stays small."""


class PoolState(Frozen):
    """Accelerators of one pool's programme part now. `used` is by owners, not by borrowers."""

    pool: str
    cluster: str
    model: str
    up: int = Field(ge=0)
    entitled: int = Field(ge=0)
    used: int = Field(ge=0)

    @property
    def idle(self) -> int:
        return max(0, self.up - self.used)


class Borrower(Frozen):
    """One waiting application. `position` is its place on the waitlist, `models` what it can use.

    `taken_back_at` and `take_backs` are its last take-back and how many came in a row;
    `taken_back_pool` names the pool, None means wherever it asks.
    """

    project: str
    application: str
    position: int
    models: tuple[str, ...]
    accelerators: int = Field(gt=0)
    taken_back_at: AwareDatetime | None = None
    take_backs: int = Field(default=0, ge=0)
    taken_back_pool: str | None = None


class LendingSnapshot(Frozen):
    """`lent` holds (project, pool) of every right that stands now."""

    pools: tuple[PoolState, ...]
    borrowers: tuple[Borrower, ...]
    lent: tuple[tuple[str, str], ...] = ()

    @model_validator(mode="after")
    def _named_once(self) -> LendingSnapshot:
        require_distinct("pool", (pool.pool for pool in self.pools))
        require_distinct("borrowing project", (one.project for one in self.borrowers))
        return self


class Lend(Intent):
    """The project may run preemptible work on the pool. `order`: lower starts first."""

    act: Literal["lend"] = "lend"
    project: str
    pool: str
    order: int = Field(ge=0)
    max_accelerators: int = Field(gt=0)


class StopLending(Intent):
    """The project's right on the pool ends; its lent work gets the grace period."""

    act: Literal["stop"] = "stop"
    project: str
    pool: str


LendingIntent = Annotated[Lend | StopLending, Field(discriminator="act")]


class LendingPlan(Plan):
    kind: Literal["lending"] = "lending"
    intents: tuple[LendingIntent, ...]


def plan(snapshot: LendingSnapshot, policy: Lending, header: Header) -> LendingPlan:
    """Every lending right that should stand at `header.now`, and the end of every other."""
    lends = tuple(_lends(snapshot, policy, header.now)) if policy.enabled else ()
    standing = {(lend.project, lend.pool) for lend in lends}
    stops = tuple(
        StopLending(
            project=project,
            pool=pool,
            reason=_why_stopped(project, pool, snapshot, policy, header.now),
        )
        for project, pool in sorted(set(snapshot.lent) - standing)
    )
    return LendingPlan(header=header, intents=stops + lends)


def backed_off_until(borrower: Borrower, pool: str, policy: Lending) -> datetime | None:
    """The end of the borrower's pause on `pool`, or None where nothing was taken back."""
    if borrower.taken_back_at is None or borrower.taken_back_pool not in (None, pool):
        return None
    doublings = min(max(borrower.take_backs - 1, 0), _MAX_DOUBLINGS)
    pause_s = min(policy.backoff_s * 2**doublings, policy.backoff_cap_s)
    return borrower.taken_back_at + timedelta(seconds=pause_s)


def _lends(snapshot: LendingSnapshot, policy: Lending, now: datetime) -> Iterator[Lend]:
    left = {pool.pool: pool.idle for pool in snapshot.pools}
    for order, borrower in enumerate(_waitlist(snapshot)):
        wish = borrower.accelerators
        for pool in _chosen(borrower, snapshot, left, policy, now):
            offered = min(wish, left[pool.pool])
            left[pool.pool] -= offered
            wish -= offered
            yield Lend(
                project=borrower.project,
                pool=pool.pool,
                order=order,
                max_accelerators=offered,
                reason=Reason(
                    code="lending.idle_capacity",
                    params={
                        "idle": pool.idle,
                        "pool": pool.pool,
                        "position": borrower.position,
                        "offered": offered,
                    },
                ),
            )


def _waitlist(snapshot: LendingSnapshot) -> list[Borrower]:
    return sorted(snapshot.borrowers, key=lambda one: (one.position, one.application))


def _chosen(
    borrower: Borrower,
    snapshot: LendingSnapshot,
    left: dict[str, int],
    policy: Lending,
    now: datetime,
) -> list[PoolState]:
    """The pools that together meet the wish, or all that are open; filled from the scarcest.

    Filling from the scarcest leaves no chosen pool without a share, so that the same facts choose
    the same pools again and nobody's work is moved for nothing.
    """
    standing = {pool for project, pool in snapshot.lent if project == borrower.project}
    open_now = [
        pool
        for pool in snapshot.pools
        if pool.model in borrower.models
        and left[pool.pool]
        and not _is_backing_off(borrower, pool.pool, policy, now)
    ]
    stays = sorted(
        (p for p in open_now if p.pool in standing), key=lambda p: (left[p.pool], p.pool)
    )
    comes = sorted(
        (p for p in open_now if p.pool not in standing), key=lambda p: (-left[p.pool], p.pool)
    )
    chosen: list[PoolState] = []
    for pool in stays + comes:
        if sum(left[one.pool] for one in chosen) >= borrower.accelerators:
            break
        chosen.append(pool)
    return sorted(chosen, key=lambda p: (left[p.pool], p.pool))


def _is_backing_off(borrower: Borrower, pool: str, policy: Lending, now: datetime) -> bool:
    until = backed_off_until(borrower, pool, policy)
    return until is not None and now < until


def _why_stopped(
    project: str, pool: str, snapshot: LendingSnapshot, policy: Lending, now: datetime
) -> Reason:
    if not policy.enabled:
        return Reason(code="lending.disabled")
    borrower = next((one for one in snapshot.borrowers if one.project == project), None)
    if borrower is None:
        return Reason(code="lending.left_waitlist")
    state = next((one for one in snapshot.pools if one.pool == pool), None)
    if state is None or state.model not in borrower.models:
        return Reason(code="lending.unsuitable", params={"pool": pool})
    until = backed_off_until(borrower, pool, policy)
    if until is not None and now < until:
        return Reason(code="lending.backing_off", params={"pool": pool, "until": until.isoformat()})
    if state.idle == 0:
        return Reason(code="lending.no_idle", params={"pool": pool})
    return Reason(code="lending.lent_elsewhere", params={"pool": pool})
