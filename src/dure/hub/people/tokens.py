"""A person's tokens for the API: which there are, and taking one back.

- A person sees and revokes their own; an operator those of anybody. Nobody ever sees a token again.
- A revoked token opens nothing from that moment on. Revoking twice is once.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from dure.hub.audit import operations as audit
from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import PersonalToken, User


def tokens_of(*, user: User, by: Actor) -> QuerySet[PersonalToken]:
    """The person's tokens, those that still open something first, the latest first."""
    _own_or_managed(user, by)
    return user.tokens.order_by("revoked_at", "-created_at", "-pk")


@transaction.atomic
def revoke(*, token: int, user: User, by: Actor, now: datetime) -> PersonalToken:
    """Takes one of the person's tokens back. Raises PersonalToken.DoesNotExist, NotPermitted."""
    _own_or_managed(user, by)
    found = user.tokens.select_for_update(no_key=True).get(pk=token)
    if found.revoked_at is None:
        found.revoked_at = now
        found.save(update_fields=["revoked_at"])
        audit.record(
            by=by,
            what="token.revoked",
            subject=f"user:{user.username}",
            at=now,
            detail={"token": found.pk, "label": found.label},
        )
    return found


def _own_or_managed(user: User, by: Actor) -> None:
    if by != user:
        require(by, Action.MANAGE_PEOPLE)
