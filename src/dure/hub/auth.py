"""Who is asking the API: a site agent, or a person's program."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest
from ninja.security import HttpBearer

from dure.hub import clock
from dure.hub.people import operations as people
from dure.hub.people.models import User
from dure.hub.supply import operations as supply
from dure.hub.supply.models import Cluster


class SiteToken(HttpBearer):
    """The bearer is a cluster's agent."""

    openapi_scheme = "bearer"

    def authenticate(self, _request: HttpRequest, token: str) -> Cluster | None:
        try:
            return supply.cluster_of(secret=token, now=clock.now())
        except supply.TokenRefused:
            return None


class PersonalToken(HttpBearer):
    """The bearer is a person's program."""

    openapi_scheme = "bearer"

    def authenticate(self, _request: HttpRequest, token: str) -> User | None:
        return people.user_of(token=token, now=clock.now())


class SiteRequest(HttpRequest):
    """A request whose bearer is a cluster's agent."""

    auth: Cluster


class UserRequest(HttpRequest):
    """A request whose bearer is a person's program."""

    auth: User


def _without_token(request: HttpRequest) -> bool:
    return "Authorization" not in request.headers


OPEN: Final = (PersonalToken(), _without_token)
"""Everybody may ask; but a token that is shown is a good one, or its bearer is told."""
