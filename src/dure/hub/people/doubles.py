"""Entries of the register that may be one organisation, for the operator to look at.

- Nothing is stored and nothing is merged: the list is what the names and numbers say now.
"""

from __future__ import annotations

from dataclasses import dataclass

from dure.engine import duplicates as engine
from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import Organisation
from dure.vocabulary.plans import Reason


@dataclass(frozen=True, slots=True)
class Double:
    """Two entries, the earlier one first, and why they may be one."""

    first: Organisation
    second: Organisation
    evidence: tuple[Reason, ...]


def registered_twice(*, by: Actor) -> list[Double]:
    """The pairs by the name of the first."""
    require(by, Action.MANAGE_PEOPLE)
    entries = {str(one.pk): one for one in Organisation.objects.all()}
    pairs = engine.registered_twice(
        engine.Registered(organisation=key, name=one.name, number=one.registration_number)
        for key, one in entries.items()
    )
    found = [_double(entries[pair.first], entries[pair.second], pair.evidence) for pair in pairs]
    return sorted(found, key=lambda pair: (pair.first.name, pair.first.pk, pair.second.pk))


def _double(one: Organisation, other: Organisation, why: tuple[Reason, ...]) -> Double:
    first, second = sorted((one, other), key=lambda entry: entry.pk)
    return Double(first, second, why)
