"""Windows for submissions, demand and supply calls alike: announced, led from stage to stage.

- A window's times follow the programme's file until it has opened.
- A step holds the programme, then the window, until the transaction ends; the audit names it by
  the window's kind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, time, timedelta
from typing import TypeVar

from django.db.models import F

from dure.hub.allocations import decisions
from dure.hub.audit import operations as audit
from dure.hub.calls.models import Window
from dure.hub.people.gate import Action, Actor, require
from dure.hub.supply.models import Programme
from dure.hub.supply.queries import rules
from dure.vocabulary.programme import Call, SupplyCall

Kind = TypeVar("Kind", bound=Window)


class NotAtThisStage(Exception):
    """The call or application is at another stage than this step needs."""

    def __init__(self, subject: str, state: str, needed: str) -> None:
        super().__init__(f"{subject} is {state}; this step needs {needed}")
        self.state, self.needed = state, needed


def announce(
    kind: type[Window],
    asked: Iterable[Call | SupplyCall],
    *,
    programme: Programme,
    by: Actor,
    now: datetime,
) -> None:
    """Makes the calls of the file known, within the caller's transaction."""
    require(by, Action.MANAGE_CALL)
    zone = rules(programme).zone
    for call in asked:
        dates = {
            "opens_at": datetime.combine(call.opens, time(), tzinfo=zone),
            "closes_at": datetime.combine(call.closes + timedelta(days=1), time(), tzinfo=zone),
        }
        first: dict[str, object] = {"programme": programme, **dates}
        stored, created = kind.objects.get_or_create(key=call.id, defaults=first)
        if created:
            audit.record(by=by, what=f"{kind.SUBJECT}.announced", subject=call.id, at=now)
        elif stored.state == Window.ANNOUNCED:
            kind.objects.filter(pk=stored.pk).update(**dates)


def advance(call: Kind, *, needed: Collection[str], to: str, by: Actor, now: datetime) -> Kind:
    """The call at its next stage, held until the transaction ends. Raises NotAtThisStage."""
    require(by, Action.MANAGE_CALL)
    decisions.hold(call.programme_id)
    locked = held(call)
    if locked.state not in needed:
        raise NotAtThisStage(locked.key, locked.state, " or ".join(needed))
    locked.state = to
    locked.save(update_fields=["state"])
    audit.record(by=by, what=f"{call.SUBJECT}.{to}", subject=locked.key, at=now)
    return locked


def held(call: Kind) -> Kind:
    """The call, which nobody else leads on or submits to until the transaction ends."""
    return type(call).objects.select_for_update(no_key=True).get(pk=call.pk)


def take_number(call: Window) -> int:
    """The next number among the submissions of a call that the caller holds."""
    type(call).objects.filter(pk=call.pk).update(next_number=F("next_number") + 1)
    return call.next_number
