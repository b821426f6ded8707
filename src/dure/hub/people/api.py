"""The register of organisations, for programs."""

from __future__ import annotations

from ninja import Router

from dure.client.models import OrganisationDoubleView, OrganisationView
from dure.hub.auth import PersonalToken, UserRequest
from dure.hub.people import doubles
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


def _entry(one: Organisation) -> OrganisationView:
    return OrganisationView(
        id=one.pk,
        name=one.name,
        registration_number=one.registration_number,
        sector=one.sector,
        region=one.region,
    )
