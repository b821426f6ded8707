"""Making organisations, accounts and tokens."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from dure.hub.audit import operations as audit
from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import Organisation, PersonalToken, Role, User
from dure.vocabulary.plans import Reason
from dure.vocabulary.registration_numbers import is_wrong, standard

TOKEN_LIFETIME = timedelta(days=90)


class WrongRegistrationNumber(Exception):
    """The number's check digit does not fit: a digit of it is mistyped."""

    def __init__(self, *, name: str, number: str) -> None:
        super().__init__(name, number)
        self.reason = Reason(
            code="answer.wrong_registration_number", params={"name": name, "number": number}
        )


@transaction.atomic
def add_organisation(
    *,
    name: str,
    sector: str,
    region: str,
    by: Actor,
    now: datetime,
    registration_number: str = "",
    young_company: bool = False,
) -> Organisation:
    """A new organisation; the same registration number twice is refused by its constraint.

    Raises WrongRegistrationNumber. None, or one of another country's form, is taken as it is.
    """
    require(by, Action.MANAGE_PEOPLE)
    if is_wrong(registration_number):
        raise WrongRegistrationNumber(name=name, number=registration_number)
    organisation = Organisation.objects.create(
        name=name,
        sector=sector,
        region=region,
        registration_number=standard(registration_number),
        young_company=young_company,
    )
    audit.record(
        by=by, what="organisation.added", subject=f"organisation:{organisation.pk}", at=now
    )
    return organisation


@transaction.atomic
def add_user(
    *,
    username: str,
    role: Role,
    by: Actor,
    now: datetime,
    organisation: Organisation | None = None,
    password: str | None = None,
    display_name: str = "",
    fields_of_expertise: Sequence[str] = (),
) -> User:
    """A new account. Without a password it cannot sign in until one is set."""
    require(by, Action.MANAGE_PEOPLE)
    user = User(
        username=username,
        role=role,
        organisation=organisation,
        display_name=display_name,
        fields_of_expertise=list(fields_of_expertise),
    )
    if password is None:
        user.set_unusable_password()
    else:
        user.set_password(password)
    user.save()
    audit.record(
        by=by, what="user.added", subject=f"user:{username}", at=now, detail={"role": role.value}
    )
    return user


@transaction.atomic
def set_password(*, user: User, password: str, by: Actor, now: datetime) -> None:
    """A new password; it ends the person's sessions. A person sets only their own."""
    if by != user:
        require(by, Action.MANAGE_PEOPLE)
    user.set_password(password)
    user.save(update_fields=["password"])
    audit.record(by=by, what="password.set", subject=f"user:{user.username}", at=now)


@transaction.atomic
def issue_token(*, user: User, label: str, by: Actor, now: datetime) -> str:
    """A personal token for the API, shown once. A person makes only their own."""
    if by != user:
        require(by, Action.MANAGE_PEOPLE)
    token = secrets.token_urlsafe(32)
    PersonalToken.objects.create(
        user=user,
        label=label,
        sha256=PersonalToken.digest(token),
        created_at=now,
        expires_at=now + TOKEN_LIFETIME,
    )
    audit.record(by=by, what="token.issued", subject=f"user:{user.username}", at=now)
    return token


def user_of(*, token: str, now: datetime) -> User | None:
    """The active person whose token this is, or None."""
    found = (
        PersonalToken.objects.select_related("user__organisation")
        .filter(
            sha256=PersonalToken.digest(token),
            revoked_at__isnull=True,
            expires_at__gt=now,
            user__is_active=True,
        )
        .first()
    )
    return found.user if found else None
