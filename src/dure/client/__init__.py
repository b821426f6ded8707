"""The typed way to talk to a hub: `SiteClient` for agents, `HubClient` for people's programs."""

from dure.client.errors import ClientError, HubAway, Problem, ProtocolMismatch, Refused
from dure.client.hub import HubClient
from dure.client.site import SiteClient
from dure.client.transport import Patience

__all__ = [
    "ClientError",
    "HubAway",
    "HubClient",
    "Patience",
    "Problem",
    "ProtocolMismatch",
    "Refused",
    "SiteClient",
]
