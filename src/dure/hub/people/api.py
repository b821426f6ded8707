"""People's tokens and the register of organisations, for programs."""

from __future__ import annotations

from ninja import Router, Status

from dure.client.models import OrganisationDoubleView, OrganisationView, TokenView
from dure.hub import clock
from dure.hub.auth import PersonalToken, UserRequest
from dure.hub.people import doubles, tokens
from dure.hub.people.models import Organisation
from dure.hub.portal.reasons import sentence
from dure.hub.problems import Problem

router = Router(tags=["organisations"], auth=PersonalToken())


@router.get(
    "organisations/registered-twice",
    response={200: tuple[OrganisationDoubleView, ...], 401: Problem, 404: Problem},
)
def registered_twice(request: UserRequest) -> tuple[OrganisationDoubleView, ...]:
    """Pairs of entries that may be one organisation, each with why. Nothing is merged."""
    return tuple(
        OrganisationDoubleView(
            first=_entry(pair.first),
            second=_entry(pair.second),
            evidence=tuple(map(sentence, pair.evidence)),
        )
        for pair in doubles.registered_twice(by=request.auth)
    )


@router.get("tokens", response={200: tuple[TokenView, ...], 401: Problem})
def my_tokens(request: UserRequest) -> tuple[TokenView, ...]:
    """The bearer's own tokens, the one that asks among them."""
    return tuple(
        TokenView(
            id=token.pk,
            label=token.label,
            created=token.created_at,
            expires=token.expires_at,
            revoked=token.revoked_at,
        )
        for token in tokens.tokens_of(user=request.auth, by=request.auth)
    )


@router.delete("tokens/{token}", response={204: None, 401: Problem, 404: Problem})
def revoke_token(request: UserRequest, token: int) -> Status[None]:
    """Revokes one of the bearer's own tokens; it may be the one that asks. Twice is once."""
    tokens.revoke(token=token, user=request.auth, by=request.auth, now=clock.now())
    return Status(204, None)


def _entry(one: Organisation) -> OrganisationView:
    return OrganisationView(
        id=one.pk,
        name=one.name,
        registration_number=one.registration_number,
        sector=one.sector,
        region=one.region,
    )
