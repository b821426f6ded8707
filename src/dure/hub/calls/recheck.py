"""Eligibility once more, before a round: who has become ineligible since screening.

- The same rules on the same answers as at screening, with what the hub knows now: an award that
  has begun, a sanction, a certificate that has run out in the meantime.
- Reads only. Who is named here is held out of the round, with these failures as the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dure.engine import eligibility
from dure.hub.calls import candidacy
from dure.hub.calls.models import Application
from dure.hub.supply.queries import rules


def ineligible_now(
    *, applications: Iterable[Application], now: datetime
) -> dict[str, tuple[eligibility.Failure, ...]]:
    """By application number, the rules it no longer meets; the still eligible are not in it.

    The applications are of one call and are given with `call__programme` and `organisation`.
    """
    asked = sorted(applications, key=lambda application: application.number)
    if not asked:
        return {}
    document = rules(asked[0].call.programme)
    known = candidacy.read(asked, now)
    failing = {
        application.number: eligibility.failures(
            candidacy.candidate(application, now, known), document.eligibility
        )
        for application in asked
    }
    return {number: found for number, found in failing.items() if found}
