"""Promising and freeing servers: the only code that changes what a pool has promised.

- Every change happens under the pool's row lock; the named constraint `pool_never_over_promised`
  refuses whatever slips past.
- What a pool has promised changes here at once; what a site holds follows (see `binding`).
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from dure.hub.allocations.models import Allocation, Decision, Project
from dure.hub.audit import operations as audit
from dure.hub.people.gate import Actor
from dure.hub.supply.models import Pool
from dure.vocabulary.plans import Reason


class NoRoom(Exception):
    """The pool has fewer free servers than asked for."""

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
) -> Allocation:
    """A new allocation; from now on its servers are nobody else's. Raises NoRoom."""
    locked = Pool.objects.select_for_update(no_key=True).get(pk=pool.pk)
    if servers > locked.free_servers:
        raise NoRoom(locked.key, servers, locked.free_servers)
    Pool.objects.filter(pk=pool.pk).update(promised_servers=F("promised_servers") + servers)
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
    Pool.objects.filter(pk=pool.pk).update(promised_servers=F("promised_servers") - freed)
    locked.servers = to
    locked.generation += 1
    if to == 0:
        locked.state = ended_as
    locked.save(update_fields=["servers", "generation", "state"])
    audit.record(
        by=by,
        what="allocation.ended" if to == 0 else "allocation.shrunk",
        subject=locked.key,
        at=now,
        reason=reason,
        detail={"to_servers": to, "freed_servers": freed},
    )
    return locked
