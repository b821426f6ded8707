"""What can go wrong between a program and the hub, kept apart by what to do about it.

- `HubAway`: known, try again later. Nothing was decided.
- `Refused`: known, final. The hub understood and said no; the problem document says why.
- `ProtocolMismatch`: known, final. Somebody answered, but not in the language we speak.
- No message carries a token.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Problem(BaseModel):
    """The hub's problem document. Unknown members are kept out, not refused: it is only read."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: str = "about:blank"
    title: str = ""
    detail: str = ""


class ClientError(Exception):
    """The base of the three."""


class HubAway(ClientError):
    """The hub could not be reached, or could not answer now."""

    def __init__(self, base_url: str, why: str) -> None:
        self.base_url = base_url
        self.why = why
        super().__init__(f"the hub at {base_url} is away ({why})")


class Refused(ClientError):
    """The hub said no, and asking again will not change that."""

    def __init__(self, status: int, problem: Problem) -> None:
        self.status = status
        self.problem = problem
        super().__init__(problem.detail or problem.title or f"the hub answered {status}")


class ProtocolMismatch(ClientError):
    """The answer is not one this version of Dure understands."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"the hub's answer to {what} is not understood: {why}")
