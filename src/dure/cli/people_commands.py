"""`dure hub create-user` and what else concerns accounts, on the hub's own machine.

- A person with an organisation is of one that the programme understands: a new one has a sector
  and a region that the loaded programme knows.
- A provider's people are known by the registration number in the programme file: `--provider`
  takes it from there, so that they see their clusters.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dure.cli.hub_door import (
    FAILED,
    UNUSABLE,
    AsJson,
    account,
    console,
    end,
    loaded_programme,
    missing,
    opened,
    say,
)
from dure.vocabulary.registration_numbers import standard

if TYPE_CHECKING:
    from dure.hub.allocations.models import Project
    from dure.hub.people.models import Organisation

app = typer.Typer()

MOST_NAMED: Final = 20
"""Projects named to who mistyped one: a screenful (our choice)."""

PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@app.command("create-user")
def create_user(
    username: str,
    *,
    role: Annotated[
        str, typer.Option(help="applicant, reviewer, operator, provider or auditor.")
    ] = "applicant",
    organisation: Annotated[str, typer.Option(help="Name; made when it is new.")] = "",
    sector: Annotated[str, typer.Option(help="Sector of a new organisation.")] = "",
    region: Annotated[str, typer.Option(help="Region of a new organisation.")] = "",
    registration_number: Annotated[
        str, typer.Option(help="Its registration number; finds the organisation, or goes with it.")
    ] = "",
    provider: Annotated[
        str, typer.Option(help="For --role provider: whose clusters, by the programme's name.")
    ] = "",
    fields: Annotated[
        str, typer.Option(help="A reviewer's fields of expertise, comma-separated.")
    ] = "",
    password_stdin: PasswordStdin = False,
    as_json: AsJson = False,
) -> None:
    """Make an account. Without --password-stdin it asks for a password."""
    with opened():
        from django.db import transaction  # noqa: PLC0415

        from dure.hub import clock  # noqa: PLC0415
        from dure.hub.people import operations  # noqa: PLC0415
        from dure.hub.people.models import Role, User  # noqa: PLC0415

        if role not in Role.values:
            end(f"There is no role {role}; choose of {', '.join(Role.values)}.", UNUSABLE)
        if provider and (role != Role.PROVIDER or organisation):
            end("--provider goes with --role provider and without --organisation.", UNUSABLE)
        if User.objects.filter(username=username).exists():
            end(f"There is an account {username} already.", FAILED)
        password = _password(from_stdin=password_stdin)
        with transaction.atomic():
            belongs = (
                _of_provider(provider)
                if provider
                else _organisation(
                    organisation, sector=sector, region=region, number=registration_number
                )
            )
            operations.add_user(
                username=username,
                role=Role(role),
                organisation=belongs,
                password=password,
                fields_of_expertise=[f.strip() for f in fields.split(",") if f.strip()],
                by=console(),
                now=clock.now(),
            )
    say(
        {"user": username, "role": role, "organisation": belongs and belongs.name},
        as_json=as_json,
        sentence=f"Made {username} ({role}{f', {belongs.name}' if belongs else ''}).",
    )


@app.command("create-token")
def create_token(
    username: str,
    *,
    label: Annotated[str, typer.Option(help="What the token is for.")] = "cli",
    as_json: AsJson = False,
) -> None:
    """Make a personal token for the API (`dure round`, scripts). It is shown once."""
    with opened():
        from dure.hub import clock  # noqa: PLC0415
        from dure.hub.people import operations  # noqa: PLC0415

        token = operations.issue_token(
            user=account(username), label=label, by=console(), now=clock.now()
        )
    say({"user": username, "token": token}, as_json=as_json, sentence=token)


@app.command("tokens")
def list_tokens(username: str, *, as_json: AsJson = False) -> None:
    """List a person's tokens by number; a token itself is never shown again."""
    with opened():
        from dure.hub.people import tokens  # noqa: PLC0415

        found = list(tokens.tokens_of(user=account(username), by=console()))
    facts = [
        {
            "id": token.pk,
            "label": token.label,
            "created": token.created_at,
            "expires": token.expires_at,
            "revoked": token.revoked_at,
        }
        for token in found
    ]
    lines = [
        f"{token.pk}  {token.label}, until {token.expires_at:%F}"
        + (f", revoked {token.revoked_at:%F}" if token.revoked_at else "")
        for token in found
    ]
    none = f"{username} has no token."
    say({"user": username, "tokens": facts}, as_json=as_json, sentence="\n".join(lines) or none)


@app.command("revoke-token")
def revoke_token(username: str, token: int, *, as_json: AsJson = False) -> None:
    """Take a token back, by its number in `dure hub tokens`; it opens nothing any more."""
    with opened():
        from dure.hub import clock  # noqa: PLC0415
        from dure.hub.people import tokens  # noqa: PLC0415
        from dure.hub.people.models import PersonalToken  # noqa: PLC0415

        user = account(username)
        try:
            revoked = tokens.revoke(token=token, user=user, by=console(), now=clock.now())
        except PersonalToken.DoesNotExist:
            end(f"{username} has no token {token}; see `dure hub tokens {username}`.", FAILED)
    say(
        {"user": username, "id": token, "revoked": revoked.revoked_at},
        as_json=as_json,
        sentence=f"Token {token} ({revoked.label}) of {username} is revoked.",
    )


@app.command("set-password")
def set_password(
    username: str, *, password_stdin: PasswordStdin = False, as_json: AsJson = False
) -> None:
    """Give an account a new password; it ends the person's sessions."""
    with opened():
        from dure.hub import clock  # noqa: PLC0415
        from dure.hub.people import operations  # noqa: PLC0415

        user = account(username)
        operations.set_password(
            user=user,
            password=_password(from_stdin=password_stdin),
            by=console(),
            now=clock.now(),
        )
    say({"user": username}, as_json=as_json, sentence=f"{username} has a new password.")


@app.command("add-member")
def add_member(project: str, username: str, *, as_json: AsJson = False) -> None:
    """Let a person run jobs for a project, also one of a standing allocation."""
    with opened():
        from dure.hub import clock  # noqa: PLC0415
        from dure.hub.allocations import members  # noqa: PLC0415

        found = _project(project)
        members.add(project=found, user=account(username), by=console(), now=clock.now())
        _say_members(found, as_json=as_json)


@app.command("remove-member")
def remove_member(project: str, username: str, *, as_json: AsJson = False) -> None:
    """Let a person start nothing new for a project. What runs is not ended."""
    with opened():
        from dure.hub import clock  # noqa: PLC0415
        from dure.hub.allocations import members  # noqa: PLC0415

        found = _project(project)
        members.remove(project=found, user=account(username), by=console(), now=clock.now())
        _say_members(found, as_json=as_json)


@app.command("registered-twice")
def registered_twice(*, as_json: AsJson = False) -> None:
    """List organisations that may be in the register twice, and why. Nothing is merged."""
    with opened():
        from dure.hub.people import doubles  # noqa: PLC0415
        from dure.hub.portal.reasons import sentence  # noqa: PLC0415

        pairs = [
            (pair.first, pair.second, [sentence(why) for why in pair.evidence])
            for pair in doubles.registered_twice(by=console())
        ]
    facts = [
        {
            "first": {"id": first.pk, "name": first.name},
            "second": {"id": second.pk, "name": second.name},
            "evidence": evidence,
        }
        for first, second, evidence in pairs
    ]
    lines = [f"{one.pk}, {other.pk}: {' '.join(evidence)}" for one, other, evidence in pairs]
    none = "No organisation seems to be registered twice."
    say({"pairs": facts}, as_json=as_json, sentence="\n".join(lines) or none)


def _project(key: str) -> Project:
    """The project of that key; ends the command where there is none."""
    from dure.hub.allocations.models import Allocation, Project  # noqa: PLC0415

    found = Project.objects.filter(key=key).first()
    if found is None:
        active = Project.objects.filter(allocations__state=Allocation.State.ACTIVE).distinct()
        keys = active.order_by("key").values_list("key", flat=True)
        missing(f"There is no project {key}", keys[:MOST_NAMED])
    return found


def _say_members(project: Project, *, as_json: bool) -> None:
    names = sorted(project.members.values_list("username", flat=True))
    say(
        {"project": project.key, "members": names},
        as_json=as_json,
        sentence=f"{project.key}; members: {', '.join(names) or 'none'}",
    )


def _password(*, from_stdin: bool) -> str:
    """What was typed, unless it is too easy to guess."""
    from django.contrib.auth.password_validation import validate_password  # noqa: PLC0415
    from django.core.exceptions import ValidationError  # noqa: PLC0415

    typed = (
        sys.stdin.readline().rstrip("\n")
        if from_stdin
        else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    )
    try:
        validate_password(typed)
    except ValidationError as error:
        end(" ".join(error.messages), FAILED)
    return str(typed)


def _of_provider(key: str) -> Organisation:
    """The organisation of a provider of the programme; made when it is new."""
    from dure.hub import clock  # noqa: PLC0415
    from dure.hub.supply.models import Provider  # noqa: PLC0415
    from dure.hub.supply.operations import provider_organisation  # noqa: PLC0415

    providers = Provider.objects.filter(programme=loaded_programme()).order_by("key")
    found = providers.filter(key=key).first()
    if found is None:
        missing(f"There is no provider {key}", providers.values_list("key", flat=True))
    if not found.registration_number:
        end(
            f"Provider {key} has no registration number in the programme file; its people are "
            "known by it. Add it and load the file again.",
            FAILED,
        )
    return provider_organisation(provider=found, by=console(), now=clock.now())


def _organisation(name: str, *, sector: str, region: str, number: str) -> Organisation | None:
    """The organisation named, made when it is new; None where none is named."""
    from dure.hub import clock  # noqa: PLC0415
    from dure.hub.people import operations  # noqa: PLC0415
    from dure.hub.people.models import Organisation  # noqa: PLC0415
    from dure.hub.portal.reasons import sentence  # noqa: PLC0415

    if not (name or number):
        return None
    number = standard(number)
    found = Organisation.objects.filter(
        **{"registration_number": number} if number else {"name": name}
    ).first()
    if found or not name:
        return found or end(f"No organisation has the registration number {number}.", FAILED)
    _known(sector=sector, region=region)
    try:
        return operations.add_organisation(
            name=name,
            sector=sector,
            region=region,
            registration_number=number,
            by=console(),
            now=clock.now(),
        )
    except operations.WrongRegistrationNumber as wrong:
        end(f"--registration-number: {sentence(wrong.reason)}", FAILED)


def _known(*, sector: str, region: str) -> None:
    """Ends the command unless the loaded programme has the sector and the region."""
    from dure.hub.supply.queries import rules  # noqa: PLC0415

    document = rules(loaded_programme())
    for option, given, named in (
        ("sector", sector, document.sectors),
        ("region", region, document.regions),
    ):
        keys = [one.id for one in named]
        if not given:
            missing(f"A new organisation needs --{option}", keys)
        if given not in keys:
            missing(f"There is no {option} {given} in the programme", keys)
