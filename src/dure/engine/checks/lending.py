"""What must be true of every lending plan, checked from the snapshot alone.

- Nothing stands idle while someone asks who could use it: each borrower has, on each pool that it
  can use, a right to all of the pool; and no right reaches beyond the pool.
- Nobody else gets a right, and none while lending is off.
- Rights of one pool are used in turn: each turn is one right's. Who pauses after a take-back comes
  after who does not; who waits before who holds; then who borrowed less for what was asked.
- Each right that stands is either said again or stopped, and only what stands is stopped.

It does not keep the rights of a pool within the pool: that the same accelerator is not lent twice,
and not while its owner uses it, is kept by the site's engine at every instant.
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
        *_reach(lends, snapshot),
        *_suitability(lends, snapshot),
        *_turns(lends, snapshot, policy, plan.header.now),
        *_completeness(lends, stops, snapshot),
        *_switched_off(lends, policy),
        *_idleness(lends, snapshot, policy),
    )


def _reach(lends: list[Lend], snapshot: LendingSnapshot) -> Iterator[Violation]:
    size = {pool.pool: pool.accelerators for pool in snapshot.pools}
    for lend in lends:
        if lend.max_accelerators > size.get(lend.pool, 0):
            yield _found("reach", f"{lend.project} up to {lend.max_accelerators} on {lend.pool}")


def _suitability(lends: list[Lend], snapshot: LendingSnapshot) -> Iterator[Violation]:
    models = {pool.pool: pool.model for pool in snapshot.pools}
    usable = {one.project: one.models for one in snapshot.borrowers}
    for lend in lends:
        if models.get(lend.pool) not in usable.get(lend.project, ()):
            yield _found("suitable", f"{lend.project} on {lend.pool}")


def _turns(
    lends: list[Lend], snapshot: LendingSnapshot, policy: Lending, now: datetime
) -> Iterator[Violation]:
    borrowers = {one.project: one for one in snapshot.borrowers}
    for pool in snapshot.pools:
        here = sorted((one for one in lends if one.pool == pool.pool), key=lambda one: one.order)
        for first, second in pairwise(here):
            one, two = borrowers.get(first.project), borrowers.get(second.project)
            if first.order == second.order:
                yield _found("turn", f"{first.project} and {second.project} on {pool.pool}")
            elif one and two and _is_before(two, one, pool.pool, policy, now):
                yield _found("order", f"{first.project} before {second.project} on {pool.pool}")


def _is_before(one: Borrower, two: Borrower, pool: str, policy: Lending, now: datetime) -> bool:
    """Whether it must start before the other."""
    pauses, also = _pauses_on(one, pool, policy, now), _pauses_on(two, pool, policy, now)
    if pauses != also:
        return also
    if (one.position is None) != (two.position is None):
        return two.position is None
    mine, theirs = one.borrowed // one.asked, two.borrowed // two.asked
    return mine < theirs or (mine == theirs and (one.position or 0) < (two.position or 0))


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


def _idleness(lends: list[Lend], snapshot: LendingSnapshot, policy: Lending) -> Iterator[Violation]:
    if not policy.enabled:
        return
    reach = {(lend.project, lend.pool): lend.max_accelerators for lend in lends}
    for borrower in snapshot.borrowers:
        for pool in snapshot.pools:
            if _could_use(borrower, pool, reach.get((borrower.project, pool.pool), 0)):
                yield _found("idle", f"{pool.pool} stands idle while {borrower.project} asks")


def _could_use(borrower: Borrower, pool: PoolState, reach: int) -> bool:
    """Whether some of the pool could be idle that the borrower could use and may not."""
    return pool.model in borrower.models and reach < pool.accelerators


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


def _found(rule: str, detail: str) -> Violation:
    return Violation(rule=f"lending.{rule}", detail=detail)
