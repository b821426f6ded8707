"""How far a person's list reaches: to everything, or to what is of their organisation."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet

from dure.hub.people.gate import Action, NotPermitted, may
from dure.hub.people.models import Role, User

Row = TypeVar("Row", bound=Model)


def reachable(
    everything: QuerySet[Row], *, by: User, see: Action, organisation: str
) -> QuerySet[Row]:
    """Of `everything`, what this person may see; `organisation` leads from a row to whose it is.

    Raises NotPermitted to who can have none.
    """
    if may(by, see):
        return everything
    if by.role != Role.APPLICANT:
        raise NotPermitted(by, see)
    return of_organisation(everything, by=by, organisation=organisation)


def of_organisation(
    everything: QuerySet[Row], *, by: User, organisation: str = "organisation"
) -> QuerySet[Row]:
    """Of `everything`, what is of the person's organisation; nothing where they have none."""
    if by.organisation_id is None:
        return everything.none()
    return everything.filter(**{organisation: by.organisation_id})
