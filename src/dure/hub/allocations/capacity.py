"""Promising and freeing servers: the only code that changes what a pool has promised.

- Every change happens under the pool's row lock; the named constraint `pool_never_over_promised`
  refuses whatever slips past.
- What a pool has promised is the most that its live allocations hold at any one instant: one that
  begins when another ends takes nothing from it.
- What a pool has promised changes here at once; what a site holds follows (see `binding`).
- A shrunken allocation gives up its smallest shares of blocks first, which frees blocks soonest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import accumulate

from django.db import transaction
from django.db.models import QuerySet

from dure.hub.allocations.models import Allocation, Decision, Project
from dure.hub.audit import operations as audit
from dure.hub.people.gate import Actor
from dure.hub.supply.models import Pool
from dure.vocabulary.plans import Reason


class NoRoom(Exception):
    """The pool has fewer servers free for that time than asked for."""

    def __init__(self, pool: str, wanted: int, free: int) -> None:
        super().__init__(f"pool {pool} has {free} servers free, {wanted} were to be promised")


@transaction.atomic
def promise(
    *,
    project: Project,
    pool: Pool,
    servers: int,
    starts_at: datetime,
    ends_at: datetime,
    reason: Reason,
    by: Actor,
    now: datetime,
    decision: Decision | None = None,
    state: Allocation.State = Allocation.State.OFFERED,
    blocks: Sequence[tuple[int, int]] = (),
) -> Allocation:
    """A new allocation; from now on its servers are nobody else's then. Raises NoRoom."""
    locked = Pool.objects.select_for_update(no_key=True).get(pk=pool.pk)
    live = _live(locked).filter(starts_at__lt=ends_at, ends_at__gt=starts_at)
    held = _peak((max(starts_at, s), min(ends_at, e), n) for s, e, n in live)
    if held + servers > locked.awardable_servers:
        raise NoRoom(locked.key, servers, locked.awardable_servers - held)
    Pool.objects.filter(pk=pool.pk).update(
        promised_servers=max(locked.promised_servers, held + servers)
    )
    count = project.allocations.count()
    allocation = Allocation.objects.create(
        key=f"{project.key}-a{count + 1}",
        project=project,
        pool=pool,
        servers=servers,
        starts_at=starts_at,
        ends_at=ends_at,
        state=state,
        decision=decision,
        blocks=[list(share) for share in blocks],
    )
    audit.record(
        by=by,
        what="allocation.promised",
        subject=allocation.key,
        at=now,
        reason=reason,
        detail={"pool": pool.key, "servers": servers, "state": state.value},
    )
    return allocation


@transaction.atomic
def shrink(
    *,
    allocation: Allocation,
    to: int,
    reason: Reason,
    by: Actor,
    now: datetime,
    ended_as: Allocation.State = Allocation.State.ENDED,
) -> Allocation:
    """Lowers an allocation to `to` servers from now on; to none ends it. Already there: nothing."""
    locked = Allocation.objects.select_for_update(no_key=True).get(pk=allocation.pk)
    if locked.state in {Allocation.State.ENDED, Allocation.State.DECLINED} or to >= locked.servers:
        return locked
    freed = locked.servers - to
    pool = Pool.objects.select_for_update(no_key=True).get(pk=locked.pool_id)
    locked.servers = to
    locked.generation += 1
    locked.blocks = _kept(locked.blocks, to)
    if to == 0:
        locked.state = ended_as
    locked.save(update_fields=["servers", "generation", "state", "blocks"])
    Pool.objects.filter(pk=pool.pk).update(promised_servers=_peak(_live(pool)))
    audit.record(
        by=by,
        what="allocation.ended" if to == 0 else "allocation.shrunk",
        subject=locked.key,
        at=now,
        reason=reason,
        detail={"to_servers": to, "freed_servers": freed},
    )
    return locked


def _live(pool: Pool) -> QuerySet[Allocation, tuple[datetime, datetime, int]]:
    """What is promised of the pool: from, until, servers."""
    ended = [Allocation.State.ENDED, Allocation.State.DECLINED]
    live = Allocation.objects.filter(pool=pool).exclude(state__in=ended)
    return live.values_list("starts_at", "ends_at", "servers")


def _peak(held: Iterable[tuple[datetime, datetime, int]]) -> int:
    """The most servers held at one instant; the periods are half-open."""
    changes: dict[datetime, int] = {}
    for starts, ends, servers in held:
        changes[starts] = changes.get(starts, 0) + servers
        changes[ends] = changes.get(ends, 0) - servers
    return max(accumulate((changes[at] for at in sorted(changes)), initial=0))


def _kept(blocks: Sequence[Sequence[int]], to: int) -> list[list[int]]:
    """What stays of the placement of an allocation with `to` servers."""
    kept: list[list[int]] = []
    for block, servers in sorted(blocks, key=lambda share: (-share[1], share[0])):
        taken = min(servers, to - sum(n for _, n in kept))
        if taken > 0:
            kept.append([block, taken])
    return sorted(kept)
