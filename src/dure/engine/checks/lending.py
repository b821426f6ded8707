"""What must be true of every lending plan, checked from the snapshot alone.

- Rights on a pool fit its idle capacity; a project's rights fit its wish.
- Only waiting projects get rights, only on a model they can use, none while it pauses.
- Who is further up the waitlist starts first.
- Each right that stands is either said again or stopped, and only what stands is stopped.
- Nothing stands idle while someone waits who could use it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from dure.engine.lending import (
    Borrower,
    Lend,
    LendingPlan,
    LendingSnapshot,
    PoolState,
    StopLending,
)
from dure.vocabulary.plans import Violation
from dure.vocabulary.programme.money import Lending


def violations(
    snapshot: LendingSnapshot, policy: Lending, plan: LendingPlan
) -> tuple[Violation, ...]:
    """Every violation of the rules above; none, and the plan may be applied."""
    lends = [intent for intent in plan.intents if isinstance(intent, Lend)]
    stops = [intent for intent in plan.intents if isinstance(intent, StopLending)]
    return (
        *_amounts(lends, snapshot),
        *_suitability(lends, snapshot),
        *_order(lends, snapshot),
        *_completeness(lends, stops, snapshot),
        *_switched_off(lends, policy),
        *_pauses(lends, snapshot, policy, plan.header.now),
        *_idleness(lends, snapshot, policy, plan.header.now),
    )


def _amounts(lends: list[Lend], snapshot: LendingSnapshot) -> Iterator[Violation]:
    by_pool, by_project = _sums(lends)
    for pool in snapshot.pools:
        if by_pool[pool.pool] > max(0, pool.up - pool.used):
            yield _found("pool", f"{by_pool[pool.pool]} lent of {pool.up} up, {pool.used} used")
    for borrower in snapshot.borrowers:
        if by_project[borrower.project] > borrower.accelerators:
            yield _found("wish", f"{borrower.project} gets {by_project[borrower.project]}")


def _suitability(lends: list[Lend], snapshot: LendingSnapshot) -> Iterator[Violation]:
    models = {pool.pool: pool.model for pool in snapshot.pools}
    usable = {one.project: one.models for one in snapshot.borrowers}
    for lend in lends:
        if models.get(lend.pool) not in usable.get(lend.project, ()):
            yield _found("suitable", f"{lend.project} on {lend.pool}")


def _order(lends: list[Lend], snapshot: LendingSnapshot) -> Iterator[Violation]:
    position = {one.project: one.position for one in snapshot.borrowers}
    ordered = sorted(lends, key=lambda lend: lend.order)
    for first, second in pairwise(ordered):
        if position.get(first.project, 0) > position.get(second.project, 0):
            yield _found("order", f"{first.project} starts before {second.project}")


def _completeness(
    lends: list[Lend], stops: list[StopLending], snapshot: LendingSnapshot
) -> Iterator[Violation]:
    said = Counter((lend.project, lend.pool) for lend in lends)
    said.update((stop.project, stop.pool) for stop in stops)
    for pair, times in said.items():
        if times > 1:
            yield _found("once", f"{pair} is decided {times} times")
    standing = set(snapshot.lent)
    for pair in standing - said.keys():
        yield _found("undecided", f"{pair} is lent and neither kept nor stopped")
    for stop in stops:
        if (stop.project, stop.pool) not in standing:
            yield _found("stop", f"{stop.project} on {stop.pool} is not lent")


def _switched_off(lends: list[Lend], policy: Lending) -> Iterator[Violation]:
    if lends and not policy.enabled:
        yield _found("disabled", f"{len(lends)} rights while lending is off")


def _pauses(
    lends: list[Lend], snapshot: LendingSnapshot, policy: Lending, now: datetime
) -> Iterator[Violation]:
    borrowers = {one.project: one for one in snapshot.borrowers}
    for lend in lends:
        borrower = borrowers.get(lend.project)
        if borrower is not None and _pauses_on(borrower, lend.pool, policy, now):
            yield _found("back_off", f"{lend.project} on {lend.pool}")


def _idleness(
    lends: list[Lend], snapshot: LendingSnapshot, policy: Lending, now: datetime
) -> Iterator[Violation]:
    if not policy.enabled:
        return
    by_pool, by_project = _sums(lends)
    for borrower in snapshot.borrowers:
        if by_project[borrower.project] >= borrower.accelerators:
            continue
        for pool in snapshot.pools:
            if _could_use(borrower, pool, by_pool, policy, now):
                yield _found("idle", f"{pool.pool} stands idle while {borrower.project} waits")


def _could_use(
    borrower: Borrower, pool: PoolState, lent: Counter[str], policy: Lending, now: datetime
) -> bool:
    return (
        pool.model in borrower.models
        and lent[pool.pool] < pool.up - pool.used
        and not _pauses_on(borrower, pool.pool, policy, now)
    )


def _pauses_on(borrower: Borrower, pool: str, policy: Lending, now: datetime) -> bool:
    """Counts the pause up, doubling by doubling, as the rule is written."""
    if borrower.taken_back_at is None or borrower.taken_back_pool not in (None, pool):
        return False
    pause_s = policy.backoff_s
    for _ in range(borrower.take_backs - 1):
        if not 0 < pause_s < policy.backoff_cap_s:
            break
        pause_s *= 2
    return now < borrower.taken_back_at + timedelta(seconds=min(pause_s, policy.backoff_cap_s))


def _sums(lends: list[Lend]) -> tuple[Counter[str], Counter[str]]:
    by_pool: Counter[str] = Counter()
    by_project: Counter[str] = Counter()
    for lend in lends:
        by_pool[lend.pool] += lend.max_accelerators
        by_project[lend.project] += lend.max_accelerators
    return by_pool, by_project


def _found(rule: str, detail: str) -> Violation:
    return Violation(rule=f"lending.{rule}", detail=detail)
