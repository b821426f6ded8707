"""Who may run preemptible work on idle capacity: rights that stand until the facts change.

- Who has demand may borrow whatever stands idle: who waits, and beyond its allocation who holds
  one. A right reaches over the whole pool and is used up by nobody: rights of a pool add up to far
  more than it has. What is idle at an instant, and that it is lent once, is known to the site's own
  engine alone, which takes it back within seconds.
- So a right does not age between two steps: it depends on who waits and who holds, not on what is
  idle or queued at the moment.
- In turn: who waits comes before who holds; among these, who borrowed least of late, in whole
  seconds for each accelerator asked; then the place on the waitlist. An order for new work only:
  nobody's lent work is stopped for another's.
- After a take-back a project comes last on that pool for a pause that doubles with each take-back,
  up to a cap: without it, engines evict and re-admit the same job for ever. It keeps its right,
  because a right that ends stops all the project's lent work there.
- The plan is level-triggered: it lists every right that holds now, and stops every other.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from dure.vocabulary.distinct import require_distinct
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Header, Intent, Plan, Reason
from dure.vocabulary.programme.money import Lending

_MAX_DOUBLINGS = 30
"""60 s doubled 30 times is two thousand years: past any cap, and the arithmetic stays small."""


class PoolState(Frozen):
    """One pool's programme part, in accelerators, whether up or not: nodes that come back are
    lent without a new right."""

    pool: str
    model: str
    accelerators: int = Field(ge=0)


class Borrower(Frozen):
    """One project that may borrow. `position` is its place on the waitlist, None: it only holds.

    `models`: what it can use. `asked`: the accelerators it applied for, or holds. `borrowed`:
    accelerator-seconds it had on loan of late. `taken_back_at` and `take_backs` are its last
    take-back and how many came in a row; `taken_back_pool` names the pool, None means everywhere.
    """

    project: str
    position: int | None
    models: tuple[str, ...]
    asked: int = Field(gt=0)
    borrowed: int = Field(default=0, ge=0)
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
            project=project, pool=pool, reason=_why_stopped(project, pool, snapshot, policy)
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
    for pool in sorted(snapshot.pools, key=lambda one: one.pool):
        if not pool.accelerators:
            continue
        able = [one for one in snapshot.borrowers if pool.model in one.models]
        able.sort(key=lambda one: _turn(one, pool.pool, policy, now))
        for order, borrower in enumerate(able):
            yield Lend(
                project=borrower.project,
                pool=pool.pool,
                order=order,
                max_accelerators=pool.accelerators,
                reason=_why_lent(borrower, pool.pool, order + 1, policy, now),
            )


def _turn(
    borrower: Borrower, pool: str, policy: Lending, now: datetime
) -> tuple[bool, bool, int, int, str]:
    return (
        _is_backing_off(borrower, pool, policy, now),
        borrower.position is None,
        borrower.borrowed // borrower.asked,
        borrower.position or 0,
        borrower.project,
    )


def _is_backing_off(borrower: Borrower, pool: str, policy: Lending, now: datetime) -> bool:
    until = backed_off_until(borrower, pool, policy)
    return until is not None and now < until


def _why_lent(borrower: Borrower, pool: str, turn: int, policy: Lending, now: datetime) -> Reason:
    until = backed_off_until(borrower, pool, policy)
    if until is not None and now < until:
        params: dict[str, str | int] = {"pool": pool, "turn": turn, "until": until.isoformat()}
        return Reason(code="lending.after_take_back", params=params)
    return _standing_reason(pool, turn, borrower.position)


@lru_cache(maxsize=8192)
def _standing_reason(pool: str, turn: int, position: int | None) -> Reason:
    """The same for whoever has this turn, today and tomorrow."""
    if position is None:
        return Reason(code="lending.beyond_allocation", params={"pool": pool, "turn": turn})
    params = {"pool": pool, "turn": turn, "position": position}
    return Reason(code="lending.while_waiting", params={**params})


def _why_stopped(project: str, pool: str, snapshot: LendingSnapshot, policy: Lending) -> Reason:
    if not policy.enabled:
        return Reason(code="lending.disabled")
    if all(one.project != project for one in snapshot.borrowers):
        return Reason(code="lending.left")
    return Reason(code="lending.unsuitable", params={"pool": pool})
