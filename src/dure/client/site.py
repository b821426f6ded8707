"""What a site agent says to its hub, typed.

- `desired`, `report` are safe to repeat and are retried; `enrol` and `rotate` spend or replace a
  secret and are not.
- `desired` blocks up to `wait_s` where nothing is new (long poll) and then returns None.
"""

from __future__ import annotations

from typing import Final

import httpx
from pydantic import TypeAdapter

from dure.client.transport import Connection, read
from dure.protocol import Credential, Desired, Enrolment, Receipt, Report

LONGEST_WAIT_S: Final = 25
"""The hub's bound on a long poll; below the 30 s after which common proxies hang up."""

_CREDENTIAL: Final = TypeAdapter(Credential)
_DESIRED: Final = TypeAdapter(Desired)
_RECEIPT: Final = TypeAdapter(Receipt)


class SiteClient(Connection):
    """The hub's site API as the bearer of one cluster's credential (or of none, to enrol)."""

    def enrol(self, enrolment: Enrolment) -> Credential:
        """Trades the one-time token for a credential. The token is spent; raises `Refused`."""
        answer = self.ask("POST", "/api/v1/site/enrol", repeatable=False, body=enrolment)
        return read(_CREDENTIAL, answer)

    def rotate(self) -> Credential:
        """A new credential for the same cluster; the caller keeps it before it uses it."""
        return read(_CREDENTIAL, self.ask("POST", "/api/v1/site/credential", repeatable=False))

    def desired(self, *, known: int | None = None, wait_s: int = 0) -> Desired | None:
        """The whole desired state, or None where `known` is still its revision after `wait_s`."""
        answer = self.ask(
            "GET",
            "/api/v1/site/desired",
            repeatable=True,
            params={"wait_s": min(wait_s, LONGEST_WAIT_S)},
            headers={} if known is None else {"If-None-Match": f'"{known}"'},
            extra_wait_s=wait_s,
        )
        return None if answer.status_code == httpx.codes.NOT_MODIFIED else read(_DESIRED, answer)

    def report(self, report: Report) -> Receipt:
        """Says one batch; safe to repeat, because every record has a natural key."""
        answer = self.ask("POST", "/api/v1/site/reports", repeatable=True, body=report)
        return read(_RECEIPT, answer)
