"""Applications that may be one project: found by the hub, decided by the operator.

- A finding changes nothing but the list; what was decided on a pair stays decided.
- "The same" refuses the later application and keeps the first; both must still stand.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from dure.engine import duplicates as engine
from dure.engine.eligibility import Failure
from dure.hub.audit import operations as audit
from dure.hub.calls.models import Application, Call, DuplicatePair
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import Action, Actor, require
from dure.vocabulary.frozen import Text
from dure.vocabulary.plans import Reason

STANDING = (Application.State.SUBMITTED, Application.State.ADMITTED)

_SAME = Text(
    ko="다른 신청과 같은 과제로 확인되어 접수되지 않았습니다.",
    en="It was found to be the same project as another application.",
)


class DecidedAlready(Exception):
    """The operator has decided on this pair before."""


def snapshot(call: Call) -> engine.DuplicatesSnapshot:
    """The standing applications of the call as duplicates are told."""
    standing = list(
        call.applications.filter(state__in=STANDING)
        .select_related("organisation", "applicant")
        .order_by("submitted_at", "number")
    )
    organisations = {application.organisation for application in standing}
    return engine.DuplicatesSnapshot(
        call=call.key,
        projects=tuple(_project(place, one) for place, one in enumerate(standing)),
        organisations=tuple(
            engine.Registered(
                organisation=str(one.pk), name=one.name, number=one.registration_number
            )
            for one in sorted(organisations, key=lambda one: one.pk)
        ),
    )


def _project(place: int, application: Application) -> engine.Project:
    answers = application.answers
    return engine.Project(
        application=application.number,
        order=place,
        title=application.title,
        summary=str(answers.get("summary", "")),
        organisation=application.organisation.name,
        number=application.organisation.registration_number,
        person=str(answers.get("lead_name", "") or application.applicant.display_name),
    )


def find_duplicates(*, call: Call, by: Actor, now: datetime) -> int:
    """Looks for duplicates among what stands now and lists new ones; returns how many."""
    require(by, Action.MANAGE_CALL)
    found = engine.find(snapshot(call))
    with transaction.atomic():
        numbers = {number for pair in found.projects for number in (pair.first, pair.second)}
        known = {a.number: a for a in call.applications.filter(number__in=numbers)}
        listed = set(call.duplicate_pairs.values_list("first__number", "second__number"))
        new = [
            DuplicatePair(
                call=call,
                first=known[pair.first],
                second=known[pair.second],
                percent=pair.percent,
                evidence=[reason.model_dump(mode="json") for reason in pair.evidence],
            )
            for pair in found.projects
            if (pair.first, pair.second) not in listed
        ]
        DuplicatePair.objects.bulk_create(new, batch_size=500, ignore_conflicts=True)
        audit.record(
            by=by,
            what="duplicates.looked_for",
            subject=call.key,
            at=now,
            detail={"found": len(found.projects), "new": len(new)},
        )
    return len(new)


@transaction.atomic
def decide(
    *, pair: DuplicatePair, ruling: DuplicatePair.Ruling, by: Actor, now: datetime
) -> DuplicatePair:
    """Keeps both, or refuses the later one. Raises DecidedAlready, NotAtThisStage."""
    require(by, Action.MANAGE_CALL)
    Call.objects.select_for_update(no_key=True).get(pk=pair.call_id)
    locked = (
        DuplicatePair.objects.select_for_update(of=("self",), no_key=True)
        .select_related("first")
        .get(pk=pair.pk)
    )
    if locked.ruling:
        raise DecidedAlready
    if ruling == DuplicatePair.Ruling.SAME:
        _refuse_second(locked)
    locked.ruling, locked.ruled_at = ruling, now
    locked.save(update_fields=["ruling", "ruled_at"])
    second = Application.objects.values_list("number", flat=True).get(pk=locked.second_id)
    audit.record(
        by=by,
        what=f"duplicate.{ruling.value}",
        subject=second,
        at=now,
        detail={"first": locked.first.number, "percent": locked.percent},
    )
    return locked


def _refuse_second(pair: DuplicatePair) -> None:
    second = Application.objects.select_for_update(no_key=True).get(pk=pair.second_id)
    for one in (pair.first, second):
        if one.state not in STANDING:
            raise NotAtThisStage(one.number, one.state, "submitted or admitted")
    kept = Reason(code="screening.same_project", params={"first": pair.first.number})
    failure = Failure(rule="duplicate", field=None, say=_SAME, detail=kept)
    second.state = Application.State.REFUSED
    second.failures = [failure.model_dump(mode="json")]
    second.save(update_fields=["state", "failures"])
