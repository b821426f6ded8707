"""How an agent becomes known: a one-time token for a site credential."""

from __future__ import annotations

from pydantic import AwareDatetime, SecretStr, field_serializer

from dure.vocabulary.frozen import Frozen


class Enrolment(Frozen):
    """What an agent sends once."""

    token: str
    agent_version: str
    engine: str


class Credential(Frozen):
    """What it keeps: the bearer token of one cluster. The hub stores only its hash."""

    cluster: str
    token: SecretStr
    expires: AwareDatetime

    @field_serializer("token")
    def _reveal(self, token: SecretStr) -> str:
        return token.get_secret_value()
