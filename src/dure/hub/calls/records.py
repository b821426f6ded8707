"""What the hub's records say of the applicants and partners of a call, read once for many.

- Only what a rule of the programme asks for is read.
- A partner is the registered organisation of its number, or else of a name that means the same.
- "Earlier" applications are those submitted to the same call before, neither withdrawn nor refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from dure.engine import eligibility
from dure.engine.organisation_names import name_keys
from dure.hub.allocations.models import Allocation
from dure.hub.calls.models import Application
from dure.hub.people.models import Certificate, Organisation, Sanction
from dure.hub.people.standing import in_force
from dure.vocabulary.programme import Programme
from dure.vocabulary.registration_numbers import comparable

Named = tuple[str, str]
"""A name and a registration number, either as written."""


@dataclass(frozen=True, slots=True)
class Records:
    """By organisation id, except `earlier` (by application id) and `partners` (by name)."""

    running: dict[int, int]
    certificates: dict[int, dict[str, date]]
    sanctions: dict[int, list[Sanction]]
    lessors: frozenset[str]
    earlier: dict[int, tuple[int, int]] = field(default_factory=dict)
    partners: dict[Named, eligibility.Partner] = field(default_factory=dict)

    def leases(self, name: str, number: str) -> bool:
        return not self.lessors.isdisjoint(_keys(name, number))


def read(
    applications: Sequence[Application], document: Programme, *, today: date, now: datetime
) -> Records:
    """The records that the programme's rules ask for."""
    asked = {rule.kind for rule in document.eligibility}
    organisations = {application.organisation_id for application in applications}
    named = set(_partners(applications)) if "consortium" in asked else set()
    registered = _registered(named)
    known = organisations | {found.pk for found in registered.values()}
    of_sanctions = {"not_sanctioned", "no_late_report", "consortium"}
    base = Records(
        running=running_awards(organisations, now) if "no_running_award" in asked else {},
        certificates=_certificates(organisations) if "holds_certificate" in asked else {},
        sanctions=_sanctions(known, today) if asked & of_sanctions else {},
        lessors=_lessors(document),
        earlier=_earlier(applications) if "at_most_applications" in asked else {},
    )
    base.partners.update({one: _partner(one, registered.get(one), base) for one in named})
    return base


def running_awards(organisations: Iterable[int], now: datetime) -> dict[int, int]:
    """How many running allocations each organisation holds."""
    held = Allocation.objects.filter(
        project__organisation__in=set(organisations),
        state=Allocation.State.ACTIVE,
        ends_at__gt=now,
    ).values_list("project__organisation_id", flat=True)
    return dict(Counter(held))


def partners_of(application: Application) -> list[Named]:
    """The partners that the answers name, as written."""
    return [
        (str(entry.get("name", "")), str(entry.get("number", "")))
        for answer in application.answers.values()
        if isinstance(answer, list)
        for entry in answer
        if isinstance(entry, dict)
    ]


def _partners(applications: Iterable[Application]) -> Iterator[Named]:
    for application in applications:
        yield from partners_of(application)


def _registered(named: set[Named]) -> dict[Named, Organisation]:
    if not named:
        return {}
    by_key: dict[str, Organisation] = {}
    for organisation in Organisation.objects.order_by("pk"):
        for key in _keys(organisation.name, organisation.registration_number):
            by_key.setdefault(key, organisation)
    return {
        (name, number): found
        for name, number in named
        if (found := _first(by_key, _keys(name, number))) is not None
    }


def _first(by_key: dict[str, Organisation], keys: Iterable[str]) -> Organisation | None:
    """By the number where that is known, which sorts first."""
    return next((by_key[key] for key in sorted(keys) if key in by_key), None)


def _keys(name: str, number: str) -> frozenset[str]:
    digits = comparable(number)
    return name_keys(name) | (frozenset({f"#{digits}"}) if digits else frozenset())


def _lessors(document: Programme) -> frozenset[str]:
    return frozenset(
        key
        for provider, _, pool in document.pools()
        if pool.arrangement == "leased"
        for name in (provider.name.ko, provider.name.en)
        for key in _keys(name, provider.registration_number)
    )


def _certificates(organisations: set[int]) -> dict[int, dict[str, date]]:
    held: dict[int, dict[str, date]] = {}
    for one in Certificate.objects.filter(organisation__in=organisations):
        held.setdefault(one.organisation_id, {})[one.kind] = one.valid_until
    return held


def _sanctions(organisations: set[int], today: date) -> dict[int, list[Sanction]]:
    found: dict[int, list[Sanction]] = {}
    for one in in_force(today).filter(organisation__in=organisations).order_by("pk"):
        found.setdefault(one.organisation_id, []).append(one)
    return found


def _earlier(applications: Sequence[Application]) -> dict[int, tuple[int, int]]:
    """(of the organisation, of the person); a draft comes after all that are submitted."""
    calls = {application.call_id for application in applications}
    none = (Application.State.DRAFT, Application.State.WITHDRAWN, Application.State.REFUSED)
    standing = (
        Application.objects.filter(call__in=calls, submitted_at__isnull=False)
        .exclude(state__in=none)
        .order_by("submitted_at", "number")
        .values_list("pk", "call_id", "organisation_id", "applicant_id")
    )
    earlier: dict[int, tuple[int, int]] = {}
    organisations: Counter[tuple[int, int]] = Counter()
    people: Counter[tuple[int, int]] = Counter()
    for pk, call, organisation, person in standing:
        earlier[pk] = organisations[call, organisation], people[call, person]
        organisations[call, organisation] += 1
        people[call, person] += 1
    for one in applications:
        if one.pk not in earlier:
            theirs = organisations[one.call_id, one.organisation_id]
            earlier[one.pk] = theirs, people[one.call_id, one.applicant_id]
    return earlier


def _partner(
    named: Named, registered: Organisation | None, records: Records
) -> eligibility.Partner:
    name, number = named
    return eligibility.Partner(
        name=name,
        number=number,
        sector=registered.sector if registered else None,
        region=registered.region if registered else None,
        leases_to_programme=records.leases(name, number),
        sanctioned=registered is not None and is_sanctioned(records, registered.pk),
    )


def is_sanctioned(records: Records, organisation: int) -> bool:
    """Under a sanction; a report that is overdue is judged by its own rule."""
    return any(
        one.cause != Sanction.Cause.LATE_REPORT for one in records.sanctions.get(organisation, ())
    )
