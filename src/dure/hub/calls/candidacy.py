"""What an application is in the programme's terms: its amount, its track, its applicant."""

from __future__ import annotations

from datetime import datetime

from dure.engine import eligibility
from dure.engine.organisation_names import canonical_name
from dure.hub.allocations.models import Allocation
from dure.hub.calls.models import Application
from dure.hub.people.models import Organisation
from dure.hub.supply.queries import rules
from dure.vocabulary.programme import Call as CallRules
from dure.vocabulary.programme import Programme, SizeClass, Track

AMOUNT_FIELDS = ("servers", "hours", "accelerators")
"""The form's question that holds the amount, by the programme's unit; the first one present."""

ANY_MODEL = "either"


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


def running_awards(applications: list[Application], now: datetime) -> dict[int, int]:
    """How many running allocations each of the applicants' organisations holds."""
    organisations = {a.organisation_id for a in applications}
    held = Allocation.objects.filter(
        project__organisation__in=organisations, state=Allocation.State.ACTIVE, ends_at__gt=now
    ).values_list("project__organisation_id", flat=True)
    counts: dict[int, int] = {}
    for organisation in held:
        if organisation is not None:
            counts[organisation] = counts.get(organisation, 0) + 1
    return counts


def _leases(organisation: Organisation, document: Programme) -> bool:
    """Whether the organisation is a provider with a leased pool: by number, or by name."""
    name = canonical_name(organisation.name)
    return any(
        pool.arrangement == "leased"
        and (
            (
                bool(provider.registration_number)
                and provider.registration_number == organisation.registration_number
            )
            or name in {canonical_name(provider.name.ko), canonical_name(provider.name.en)}
        )
        for provider, _, pool in document.pools()
    )


def candidate(
    application: Application, now: datetime, running: dict[int, int] | None = None
) -> eligibility.Candidate:
    """The application as the eligibility rules see it; `running` saves a query each."""
    organisation = application.organisation
    counts = running if running is not None else running_awards([application], now)
    return eligibility.Candidate(
        application=application.number,
        answers=application.answers,
        applicant=eligibility.Applicant(
            organisation=organisation.name,
            leases_to_programme=_leases(organisation, rules(application.call.programme)),
            running_awards=counts.get(organisation.pk, 0),
        ),
    )
