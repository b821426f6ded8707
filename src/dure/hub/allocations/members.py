"""Who may run jobs for a project: on its allocations, and on what is lent to it.

- Its own organisation's applicants decide, or an operator; the gate knows both.
- Each cluster that names the project hears of it at once, as its list of members is part of what
  the agent pulls.
- Said again, neither changes anything.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from dure.hub.allocations import desired
from dure.hub.allocations.models import Allocation, Project
from dure.hub.audit import operations as audit
from dure.hub.people.gate import Action, Actor, NotPermitted, may, require
from dure.hub.people.models import Role, User
from dure.hub.supply.models import Cluster


def a_project(*, key: str, by: Actor) -> Project:
    """The project whose members the person manages. Raises NotPermitted, also where none is."""
    found = Project.objects.select_related("organisation").filter(key=key).first()
    if found is None or not may(by, Action.MANAGE_MEMBERS, found):
        raise NotPermitted(by, Action.MANAGE_MEMBERS)
    return found


def of(project: Project) -> QuerySet[User]:
    """Who may run jobs for it, by name of the account."""
    return project.members.select_related("organisation").order_by("username")


def candidate(username: str) -> User | None:
    """The applicant of that name, of whatever organisation: partners work together."""
    return User.objects.filter(username=username, role=Role.APPLICANT, is_active=True).first()


@transaction.atomic
def add(*, project: Project, user: User, by: Actor, now: datetime) -> None:
    """The person may run jobs for the project."""
    locked = _held(project, by)
    if locked.members.filter(pk=user.pk).exists():
        return
    locked.members.add(user)
    _changed(locked, user, what="member.added", by=by, now=now)


@transaction.atomic
def remove(*, project: Project, user: User, by: Actor, now: datetime) -> None:
    """The person may start nothing new for the project; what runs is not ended by it."""
    locked = _held(project, by)
    if not locked.members.filter(pk=user.pk).exists():
        return
    locked.members.remove(user)
    _changed(locked, user, what="member.removed", by=by, now=now)


def _held(project: Project, by: Actor) -> Project:
    found = Project.objects.select_related("organisation").select_for_update(
        of=("self",), no_key=True
    )
    locked = found.get(pk=project.pk)
    require(by, Action.MANAGE_MEMBERS, locked)
    return locked


def _changed(project: Project, user: User, *, what: str, by: Actor, now: datetime) -> None:
    audit.record(by=by, what=what, subject=project.key, at=now, detail={"user": user.username})
    desired.touch(
        Cluster.objects.filter(
            Q(
                pools__allocations__project=project,
                pools__allocations__state=Allocation.State.ACTIVE,
            )
            | Q(pools__lent_rights__project=project)
        ).distinct()
    )
