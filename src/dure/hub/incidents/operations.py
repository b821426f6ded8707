"""What people do about outages: announce maintenance, declare an incident over, remove a node."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from dure.hub.allocations.models import Allocation
from dure.hub.audit import operations as audit
from dure.hub.incidents import upkeep
from dure.hub.incidents.models import Incident, MaintenanceWindow, NodeRemoval, NodeStatus
from dure.hub.notices import operations as notices
from dure.hub.people.gate import Action, require
from dure.hub.people.models import User
from dure.hub.supply.models import Cluster, Pool
from dure.vocabulary.plans import Reason

LONGEST: Final = timedelta(days=60)
"""A window beyond this is a pool that is not there (our choice)."""


TYPING: Final = timedelta(minutes=5)
"""A window may begin this long ago: the time between choosing "now" and sending it."""


class UnableToAnnounce(Exception):
    """The window cannot be; `words` say why in the reader's language."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class DecidedAlready(Exception):
    """The incident is over, the window begun, or the removal decided."""


@transaction.atomic
def announce_maintenance(
    *,
    pool: Pool,
    nodes: Sequence[str],
    starts_at: datetime,
    ends_at: datetime,
    why: str,
    by: User,
    now: datetime,
) -> MaintenanceWindow:
    """Nodes of the pool (none named: all) will be out: owners are told, the site keeps them free.

    Raises UnableToAnnounce.
    """
    cluster = Cluster.objects.select_related("provider").get(pk=pool.cluster_id)
    require(by, Action.ANNOUNCE_MAINTENANCE, cluster)
    if ends_at <= starts_at or ends_at <= now:
        raise UnableToAnnounce(gettext("The window ends before it begins, or is over."))
    if starts_at < now - TYPING:
        raise UnableToAnnounce(gettext("Maintenance is announced ahead: it cannot begin earlier."))
    if ends_at - starts_at > LONGEST:
        words = gettext("A window is at most %(days)s days long.") % {"days": LONGEST.days}
        raise UnableToAnnounce(words)
    _known(pool, nodes)
    window = MaintenanceWindow.objects.create(
        pool=pool,
        nodes=sorted(set(nodes)),
        starts_at=starts_at,
        ends_at=ends_at,
        why=why,
        announced_at=now,
        announced_by=by,
    )
    upkeep.touch([pool.cluster_id])
    reason = _announced(window, "incidents.maintenance_announced")
    audit.record(
        by=by, what="maintenance.announced", subject=f"pool:{pool.key}", at=now, reason=reason
    )
    _tell_owners(window, reason, now)
    return window


@transaction.atomic
def withdraw_maintenance(*, window: MaintenanceWindow, by: User, now: datetime) -> None:
    """The window will not be. Raises DecidedAlready where it has begun, is over or withdrawn."""
    pool = Pool.objects.select_related("cluster__provider").get(pk=window.pool_id)
    require(by, Action.ANNOUNCE_MAINTENANCE, pool.cluster)
    locked = MaintenanceWindow.objects.select_for_update(no_key=True).get(pk=window.pk)
    if locked.state != MaintenanceWindow.State.ANNOUNCED or locked.starts_at <= now:
        raise DecidedAlready(locked.key)
    locked.state = MaintenanceWindow.State.WITHDRAWN
    locked.save(update_fields=["state"])
    upkeep.touch([pool.cluster_id])
    reason = _announced(locked, "incidents.maintenance_withdrawn")
    audit.record(
        by=by, what="maintenance.withdrawn", subject=f"pool:{pool.key}", at=now, reason=reason
    )
    _tell_owners(locked, reason, now)


@transaction.atomic
def release_node(*, incident: Incident, by: User, now: datetime) -> None:
    """The fault is repaired without a new start: we no longer keep the node out.

    The incident ends as soon as the site says that the node is back, and its credit with it.
    Raises DecidedAlready where we do not keep it out.
    """
    pool = Pool.objects.select_related("cluster__provider").get(pk=incident.pool_id)
    require(by, Action.END_INCIDENT, pool.cluster)
    locked = Incident.objects.select_for_update(of=("self",), no_key=True).get(pk=incident.pk)
    if locked.state != Incident.State.LASTING or not locked.drains:
        raise DecidedAlready(locked.subject)
    locked.drains = False
    locked.save(update_fields=["drains"])
    upkeep.touch([pool.cluster_id])
    reason = Reason(
        code="incidents.released_by_hand", params={"who": by.username, "node": locked.node}
    )
    audit.record(by=by, what="incident.released", subject=locked.subject, at=now, reason=reason)


Verdict = Literal["approved", "dismissed", "returned"]

_FROM: Final[dict[Verdict, str]] = {
    "approved": NodeRemoval.State.PROPOSED,
    "dismissed": NodeRemoval.State.PROPOSED,
    "returned": NodeRemoval.State.APPROVED,
}
"""Verdict -> the state that it may be given in."""


def verdict_of(written: str) -> Verdict:
    """The verdict of that name. Raises ValueError."""
    for verdict in _FROM:
        if verdict == written:
            return verdict
    raise ValueError(written)


@transaction.atomic
def decide_removal(*, removal: NodeRemoval, verdict: Verdict, by: User, now: datetime) -> None:
    """Removes a node that failed too often, keeps it, or returns a removed one.

    Raises DecidedAlready where another verdict was given before.
    """
    require(by, Action.DECIDE_REMOVAL)
    locked = NodeRemoval.objects.select_for_update(of=("self",), no_key=True).get(pk=removal.pk)
    if locked.state != _FROM[verdict]:
        raise DecidedAlready(locked.key)
    locked.state, locked.decided_at, locked.decided_by = verdict, now, by
    locked.save(update_fields=["state", "decided_at", "decided_by"])
    pool = Pool.objects.get(pk=locked.pool_id)
    if verdict != "dismissed":
        upkeep.touch([pool.cluster_id])
    audit.record(
        by=by,
        what=f"removal.{verdict}",
        subject=f"{pool.key}/{locked.node}",
        at=now,
        reason=Reason.model_validate(locked.reason),
        detail={"removal": locked.pk},
    )


def _known(pool: Pool, nodes: Sequence[str]) -> None:
    if not nodes:
        return
    known = set(NodeStatus.objects.filter(pool=pool).values_list("node", flat=True))
    missing = sorted(set(nodes) - known)
    if missing:
        said = {"pool": pool.key, "names": ", ".join(missing)}
        words = gettext("Pool %(pool)s has no server of this name: %(names)s") % said
        raise UnableToAnnounce(words)


def _announced(window: MaintenanceWindow, code: str) -> Reason:
    pool = window.pool
    return Reason(
        code=code,
        params={
            "pool": pool.key,
            "starts": _written(window.starts_at),
            "ends": _written(window.ends_at),
            "servers": len(window.nodes) or pool.nodes,
            "of_servers": pool.nodes,
            "why": window.why,
        },
    )


def _written(at: datetime) -> str:
    """In the programme's zone, to the minute, with its offset: notices are read anywhere."""
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M %z")


def _tell_owners(window: MaintenanceWindow, reason: Reason, now: datetime) -> None:
    """Everybody who holds something of the pool in that time, once."""
    hit = Allocation.objects.filter(
        pool=window.pool,
        state__in=[Allocation.State.ACTIVE, Allocation.State.OFFERED],
        starts_at__lt=window.ends_at,
        ends_at__gt=window.starts_at,
    )
    people = User.objects.filter(projects__allocations__in=hit).distinct()
    notices.tell(people=people, subject=f"pool:{window.pool.key}", reason=reason, now=now)
