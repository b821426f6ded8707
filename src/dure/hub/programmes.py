"""Loading a programme file: supply, calls and standing allocations, in one transaction."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from dure.hub.allocations import operations as allocations
from dure.hub.calls import operations as calls
from dure.hub.people.gate import Actor
from dure.hub.supply import operations as supply
from dure.hub.supply.models import Programme
from dure.hub.tenders import operations as tenders
from dure.vocabulary import programme as rules


@transaction.atomic
def load(*, programme: rules.Programme, by: Actor, now: datetime) -> Programme:
    """Stores the programme and makes its calls and standing allocations. Again: an update."""
    row = supply.store_programme(programme=programme, by=by, now=now)
    calls.announce_calls(programme=row, by=by, now=now)
    tenders.announce_supply_calls(programme=row, by=by, now=now)
    allocations.grant_standing(programme=row, by=by, now=now)
    return row
