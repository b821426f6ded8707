"""What the programme records of an organisation: certificates, sanctions, overdue reports.

- An entry is never changed: a certificate is replaced by its renewal, a sanction is lifted.
- Each act is in the audit chain, with the reason as the operator wrote it.
"""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from dure.hub.audit import operations as audit
from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import Certificate, Organisation, Sanction


class EndsBeforeItStarts(Exception):
    """The last day of a sanction lies before its first."""


@transaction.atomic
def record_certificate(
    *, organisation: Organisation, kind: str, valid_until: date, by: Actor, now: datetime
) -> Certificate:
    """Records a certificate, or its renewal: the last day replaces the one known before."""
    require(by, Action.MANAGE_PEOPLE)
    held, _ = Certificate.objects.update_or_create(
        organisation=organisation,
        kind=kind,
        defaults={"valid_until": valid_until, "recorded_at": now},
    )
    audit.record(
        by=by,
        what="certificate.recorded",
        subject=f"organisation:{organisation.pk}",
        at=now,
        detail={"kind": kind, "valid_until": str(valid_until)},
    )
    return held


@transaction.atomic
def impose_sanction(
    *,
    organisation: Organisation,
    cause: Sanction.Cause,
    starts_on: date,
    ends_on: date | None,
    note: str,
    by: Actor,
    now: datetime,
) -> Sanction:
    """Bars the organisation, or notes its overdue report. Raises EndsBeforeItStarts."""
    require(by, Action.MANAGE_PEOPLE)
    if ends_on is not None and ends_on < starts_on:
        raise EndsBeforeItStarts
    imposed = Sanction.objects.create(
        organisation=organisation,
        cause=cause,
        starts_on=starts_on,
        ends_on=ends_on,
        note=note,
        recorded_at=now,
    )
    audit.record(
        by=by,
        what="sanction.imposed",
        subject=f"organisation:{organisation.pk}",
        at=now,
        detail={"sanction": imposed.pk, "cause": cause.value, "note": note},
    )
    return imposed


@transaction.atomic
def lift_sanction(*, sanction: Sanction, by: Actor, now: datetime) -> Sanction:
    """Ends the sanction now. Lifted already: nothing more happens."""
    require(by, Action.MANAGE_PEOPLE)
    locked = Sanction.objects.select_for_update(no_key=True).get(pk=sanction.pk)
    if locked.lifted_at is None:
        locked.lifted_at = now
        locked.save(update_fields=["lifted_at"])
        audit.record(
            by=by,
            what="sanction.lifted",
            subject=f"organisation:{locked.organisation_id}",
            at=now,
            detail={"sanction": locked.pk},
        )
    return locked


def in_force(today: date) -> QuerySet[Sanction]:
    """The sanctions and overdue reports that count on that day."""
    return Sanction.objects.filter(
        Q(ends_on__isnull=True) | Q(ends_on__gte=today), starts_on__lte=today, lifted_at=None
    )


def organisations(*, sought: str, by: Actor) -> QuerySet[Organisation]:
    """The register by name; `sought` is part of a name or of a registration number."""
    require(by, Action.MANAGE_PEOPLE)
    found = Organisation.objects.order_by("name", "pk")
    if sought:
        found = found.filter(Q(name__icontains=sought) | Q(registration_number__icontains=sought))
    return found
