"""What an application is in the programme's terms: its amount, its track, its applicant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from dure.engine import eligibility
from dure.hub.calls import records
from dure.hub.calls.models import Application
from dure.hub.people.models import Sanction
from dure.hub.supply.queries import rules
from dure.vocabulary.months import months_later
from dure.vocabulary.programme import Call as CallRules
from dure.vocabulary.programme import Programme, SizeClass, Track

AMOUNT_FIELDS = ("servers", "hours", "accelerators")
"""The form's question that holds the amount, by the programme's unit; the first one present."""

ANY_MODEL = "either"

MONTHS = "months"
"""The form's question that holds the term; without it the end of the term is not known."""

_MOST_MONTHS = 1200


def amount(application: Application) -> int:
    """What is asked for, in the programme's unit."""
    answers = application.answers
    return next((int(answers[name]) for name in AMOUNT_FIELDS if name in answers), 0)


def _call_rules(application: Application, document: Programme) -> CallRules:
    return next(c for c in document.calls if c.id == application.call.key)


def place(application: Application) -> tuple[Track, SizeClass, list[str]] | None:
    """The first track and size class of the call that take this request, and its models there.

    The class is that of the first acceptable model; a model that no class of the track takes in
    this amount is not acceptable.
    """
    document = rules(application.call.programme)
    call = _call_rules(application, document)
    offered = {pool.id: pool.model for _, _, pool in document.pools()}
    in_call = list(dict.fromkeys(offered[pool] for pool in call.pools))
    wanted = str(application.answers.get("model", ANY_MODEL))
    acceptable = in_call if wanted == ANY_MODEL else [m for m in in_call if m == wanted]
    for track in document.tracks:
        if track.id not in call.tracks or application.organisation.sector not in track.sectors:
            continue
        classes = {model: _size_class(application, track, model) for model in acceptable}
        taken = {model: size for model, size in classes.items() if size is not None}
        if taken:
            return track, next(iter(taken.values())), list(taken)
    return None


def _size_class(application: Application, track: Track, model: str) -> SizeClass | None:
    accelerators = application.answers.get("accelerators")
    return track.size_class_of(
        model=model,
        amount=amount(application),
        accelerators=accelerators if isinstance(accelerators, int) else None,
    )


def read(applications: Sequence[Application], now: datetime) -> records.Records:
    """The hub's records on applications of one programme, for `candidate`."""
    if not applications:
        return records.Records({}, {}, {}, frozenset())
    document = rules(applications[0].call.programme)
    today = now.astimezone(document.zone).date()
    return records.read(applications, document, today=today, now=now)


def candidate(
    application: Application, now: datetime, known: records.Records | None = None
) -> eligibility.Candidate:
    """The application as the eligibility rules see it; `known` saves the queries of each."""
    found = known if known is not None else read([application], now)
    document = rules(application.call.programme)
    dates = _dates(application, document, now)
    return eligibility.Candidate(
        application=application.number,
        answers=application.answers,
        applicant=_applicant(application, found, dates.today),
        partners=tuple(
            found.partners[named]
            for named in dict.fromkeys(records.partners_of(application))
            if named in found.partners
        ),
        dates=dates,
    )


def _applicant(
    application: Application, known: records.Records, today: date
) -> eligibility.Applicant:
    organisation = application.organisation
    sanctions = known.sanctions.get(organisation.pk, [])
    late = [s.starts_on for s in sanctions if s.cause == Sanction.Cause.LATE_REPORT]
    ends = [s.ends_on for s in sanctions if s.cause != Sanction.Cause.LATE_REPORT]
    of_organisation, of_person = known.earlier.get(application.pk, (0, 0))
    return eligibility.Applicant(
        organisation=organisation.name,
        number=organisation.registration_number,
        leases_to_programme=known.leases(organisation.name, organisation.registration_number),
        running_awards=known.running.get(organisation.pk, 0),
        certificates=known.certificates.get(organisation.pk, {}),
        sanctioned=bool(ends),
        sanctioned_until=_last(ends),
        report_overdue_days=max(((today - due).days for due in late), default=0),
        earlier_of_organisation=of_organisation,
        earlier_of_person=of_person,
    )


def _last(ends: Sequence[date | None]) -> date | None:
    """The last day of all sanctions; None where one of them has no end."""
    days = [day for day in ends if day is not None]
    return max(days) if days and len(days) == len(ends) else None


def _dates(application: Application, document: Programme, now: datetime) -> eligibility.Dates:
    call = _call_rules(application, document)
    today = now.astimezone(document.zone).date()
    supply = max(call.supply_from, today) if call.rolling else call.supply_from
    months = application.answers.get(MONTHS)
    asked = months if isinstance(months, int) and not isinstance(months, bool) else None
    return eligibility.Dates(
        today=today,
        supply=supply,
        term_end=_later(supply, asked, document.zone)
        if asked and 0 < asked <= _MOST_MONTHS
        else None,
    )


def _later(day: date, months: int, zone: ZoneInfo) -> date:
    start = datetime.combine(day, time(), tzinfo=zone)
    return months_later(start, months, zone).astimezone(zone).date()
