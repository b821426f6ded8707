"""Calls open and close; applications are drafted, submitted, screened."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from dure.engine import eligibility
from dure.hub.allocations import decisions
from dure.hub.allocations.models import Decision
from dure.hub.audit import operations as audit
from dure.hub.calls import candidacy, windows
from dure.hub.calls.answers import typed
from dure.hub.calls.models import Application, Call
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import User
from dure.hub.supply import models as supply
from dure.hub.supply.queries import rules
from dure.vocabulary.frozen import Text
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme import Programme

State = Call.State


class AnswersInvalid(Exception):
    """Typed values that their fields do not take; the rest of the draft was kept."""

    def __init__(self, problems: dict[str, Reason]) -> None:
        super().__init__(", ".join(sorted(problems)))
        self.problems = problems


class UnableToSubmit(Exception):
    """What stands between the draft and its submission, one failure a rule or question."""

    def __init__(self, problems: list[eligibility.Failure]) -> None:
        super().__init__(", ".join(problem.rule for problem in problems))
        self.problems = problems


@transaction.atomic
def announce_calls(*, programme: supply.Programme, by: Actor, now: datetime) -> None:
    """Makes the programme's calls known; dates follow the file until a call has opened."""
    windows.announce(Call, rules(programme).calls, programme=programme, by=by, now=now)


@transaction.atomic
def open_call(*, call: Call, by: Actor, now: datetime) -> Call:
    """Lets applications in, from the call's opening time on."""
    return windows.advance(call, needed=(State.ANNOUNCED,), to=State.OPEN, by=by, now=now)


@transaction.atomic
def close_call(*, call: Call, by: Actor, now: datetime) -> Call:
    """Ends submission; drafts stay drafts."""
    return windows.advance(call, needed=(State.OPEN,), to=State.CLOSED, by=by, now=now)


@transaction.atomic
def start_application(*, call: Call, by: User, now: datetime) -> Application:
    """A new draft of the person's organisation."""
    require(by, Action.APPLY)
    locked = windows.held(call)
    _call_takes_applications(locked, now)
    if by.organisation is None:
        raise UnableToSubmit([failure("organisation", None, _NO_ORGANISATION)])
    application = Application.objects.create(
        call=call,
        number=f"{call.key}-{windows.take_number(locked):04d}",
        organisation=by.organisation,
        applicant=by,
        created_at=now,
    )
    audit.record(by=by, what="application.started", subject=application.number, at=now)
    return application


@transaction.atomic
def _keep_answers(
    *, application: Application, answers: dict[str, object], by: User, now: datetime
) -> tuple[Application, dict[str, Reason]]:
    locked = (
        Application.objects.select_for_update(of=("self",), no_key=True)
        .select_related("call__programme")
        .get(pk=application.pk)
    )
    require(by, Action.EDIT_APPLICATION, locked)
    if locked.state != Application.State.DRAFT:
        raise NotAtThisStage(locked.number, locked.state, Application.State.DRAFT)
    good, problems = typed(rules(locked.call.programme).form, answers)
    locked.answers = good
    locked.title = str(good.get("title", ""))[:300]
    locked.save(update_fields=["answers", "title"])
    audit.record(
        by=by,
        what="application.saved",
        subject=locked.number,
        at=now,
        detail={"answered": len(good), "mistyped": sorted(problems)},
    )
    return locked, problems


def save_draft(
    *, application: Application, answers: dict[str, object], by: User, now: datetime
) -> Application:
    """Keeps what is well typed, then raises AnswersInvalid for what is not."""
    saved, problems = _keep_answers(application=application, answers=answers, by=by, now=now)
    if problems:
        raise AnswersInvalid(problems)
    return saved


def check(*, application: Application, now: datetime) -> list[eligibility.Failure]:
    """What would stop this draft from being submitted now; reads only."""
    document = rules(application.call.programme)
    missing = unanswered(application, document)
    asked = {failure.field for failure in missing}
    found = eligibility.verdicts(candidacy.candidate(application, now), document.eligibility)
    failing = [
        eligibility.Failure(rule=one.rule, field=one.field, say=one.say, detail=one.detail)
        for one in found
        if one.state == "not_met" or (one.state == "open" and one.field not in asked)
    ]
    if not missing and candidacy.place(application) is None:
        failing.append(_no_track(application))
    return [*missing, *failing]


def unanswered(application: Application, document: Programme) -> list[eligibility.Failure]:
    """The questions that must be answered and are not."""
    return [
        failure(f"required.{field.id}", field.id, _REQUIRED)
        for field in document.form
        if field.required and application.answers.get(field.id) in (None, "", [])
    ]


@transaction.atomic
def submit_application(*, application: Application, by: User, now: datetime) -> Application:
    """The draft becomes a submission. Raises UnableToSubmit with every failing rule."""
    _hold_call(application)
    locked = (
        Application.objects.select_for_update(of=("self",), no_key=True)
        .select_related("call__programme", "organisation")
        .get(pk=application.pk)
    )
    require(by, Action.EDIT_APPLICATION, locked)
    if locked.state != Application.State.DRAFT:
        raise NotAtThisStage(locked.number, locked.state, Application.State.DRAFT)
    _call_takes_applications(locked.call, now)
    failures = check(application=locked, now=now)
    place = candidacy.place(locked)
    if failures or place is None:
        raise UnableToSubmit(failures)
    track, size, locked.models_accepted = place
    locked.track, locked.size_class = track.id, size.id
    locked.amount = candidacy.amount(locked)
    locked.state = Application.State.SUBMITTED
    locked.submitted_at = now
    locked.save()
    audit.record(by=by, what="application.submitted", subject=locked.number, at=now)
    return locked


def _hold_call(application: Application) -> None:
    """The call cannot close or be screened while a submission to it is made or taken back."""
    Call.objects.select_for_update(no_key=True).get(pk=application.call_id)


@transaction.atomic
def withdraw_application(*, application: Application, by: User, now: datetime) -> Application:
    """Takes a draft back, or a submission until it is screened."""
    _hold_call(application)
    locked = Application.objects.select_for_update(no_key=True).get(pk=application.pk)
    require(by, Action.EDIT_APPLICATION, locked)
    if locked.state not in {Application.State.DRAFT, Application.State.SUBMITTED}:
        raise NotAtThisStage(locked.number, locked.state, "draft or submitted")
    locked.state = Application.State.WITHDRAWN
    locked.save(update_fields=["state"])
    audit.record(by=by, what="application.withdrawn", subject=locked.number, at=now)
    return locked


@transaction.atomic
def screen_call(*, call: Call, by: Actor, now: datetime) -> Decision:
    """Decides who is admitted, by the programme's rules on the answers as submitted."""
    locked = windows.advance(call, needed=(State.CLOSED,), to=State.SCREENED, by=by, now=now)
    document = rules(locked.programme)
    submitted = list(
        locked.applications.filter(state=Application.State.SUBMITTED)
        .select_related("organisation", "call")
        .order_by("number")
    )
    known = candidacy.read(submitted, now)
    snapshot = eligibility.ScreeningSnapshot(
        call=locked.key,
        candidates=tuple(candidacy.candidate(a, now, known) for a in submitted),
    )
    header = decisions.next_header(programme=locked.programme, now=now)
    plan = eligibility.plan(snapshot, document.eligibility, header)
    decision = decisions.record(
        programme=locked.programme,
        call=locked,
        snapshot=snapshot,
        policy={"eligibility": [r.model_dump(mode="json") for r in document.eligibility]},
        plan=plan,
        by=by,
        applied=True,
    )
    by_number = {a.number: a for a in submitted}
    for intent in plan.intents:
        application = by_number[intent.application]
        application.state = (
            Application.State.ADMITTED if intent.admitted else Application.State.REFUSED
        )
        application.failures = [f.model_dump(mode="json") for f in intent.failures]
    Application.objects.bulk_update(submitted, ["state", "failures"], batch_size=500)
    return decision


_REQUIRED = Text(ko="이 문항에 답해 주십시오.", en="Please answer this question.")
_NO_ORGANISATION = Text(
    ko="소속 기관이 등록된 계정만 신청할 수 있습니다. 운영 담당자에게 문의해 주십시오.",
    en="Only an account with an organisation can apply. Please ask the operator.",
)


def failure(rule: str, field: str | None, say: Text) -> eligibility.Failure:
    return eligibility.Failure(rule=rule, field=field, say=say)


def _call_takes_applications(call: Call, now: datetime) -> None:
    if not call.takes_submissions(now):
        say = Text(
            ko=f"공모 {call.key}은(는) 지금 신청을 받지 않습니다.",
            en=f"The call {call.key} does not take applications now.",
        )
        raise UnableToSubmit([failure("call_open", None, say)])


def _no_track(application: Application) -> eligibility.Failure:
    amount, model = candidacy.amount(application), application.answers.get("model")
    say = Text(
        ko=f"이 공모에는 {model} {amount} 규모를 신청할 수 있는 트랙이 없습니다.",
        en=f"No track of this call takes {amount} of {model} for an applicant of this sector.",
    )
    field = next((name for name in candidacy.AMOUNT_FIELDS if name in application.answers), None)
    return failure("track", field, say)
