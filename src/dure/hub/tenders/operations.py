"""Supply calls open and close; providers bid."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction

from dure.engine import eligibility
from dure.engine.tender.reading import judged, read
from dure.hub.audit import operations as audit
from dure.hub.calls import windows
from dure.hub.calls.answers import typed
from dure.hub.calls.operations import AnswersInvalid, UnableToSubmit, failure
from dure.hub.calls.windows import NotAtThisStage, advance
from dure.hub.notices import operations as notices
from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import Organisation, User
from dure.hub.supply import models as supply
from dure.hub.supply.queries import rules
from dure.hub.tenders.models import Bid, SupplyCall
from dure.vocabulary.frozen import Text
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme import SupplyCall as CallRules
from dure.vocabulary.programme.bid_questions import questions

__all__ = ["AnswersInvalid", "UnableToSubmit"]

State = SupplyCall.State


def rules_of(call: SupplyCall) -> CallRules:
    """The call in the programme's file."""
    return next(c for c in rules(call.programme).supply_calls if c.id == call.key)


@transaction.atomic
def announce_supply_calls(*, programme: supply.Programme, by: Actor, now: datetime) -> None:
    """Makes the programme's supply calls known; dates follow the file until a call has opened."""
    asked = rules(programme).supply_calls
    windows.announce(SupplyCall, asked, programme=programme, by=by, now=now)


@transaction.atomic
def open_supply_call(*, call: SupplyCall, by: Actor, now: datetime) -> SupplyCall:
    """Lets bids in, from the call's opening time on."""
    return advance(call, needed=(State.ANNOUNCED,), to=State.OPEN, by=by, now=now)


@transaction.atomic
def close_supply_call(*, call: SupplyCall, by: Actor, now: datetime) -> SupplyCall:
    """Ends submission; drafts stay drafts."""
    return advance(call, needed=(State.OPEN,), to=State.CLOSED, by=by, now=now)


@transaction.atomic
def start_bid(*, call: SupplyCall, by: User, now: datetime) -> Bid:
    """The organisation's draft; the one it has already, where it has one."""
    require(by, Action.BID)
    locked = windows.held(call)
    _takes_bids(locked, now)
    organisation = _organisation(by)
    standing = locked.bids.filter(organisation=organisation)
    if found := standing.exclude(state=Bid.State.WITHDRAWN).first():
        return found
    bid = Bid.objects.create(
        call=locked,
        number=f"{locked.key}-{windows.take_number(locked):03d}",
        organisation=organisation,
        bidder=by,
        created_at=now,
    )
    audit.record(by=by, what="bid.started", subject=bid.number, at=now)
    return bid


def _organisation(by: User) -> Organisation:
    if by.organisation is None:
        raise UnableToSubmit([failure("organisation", None, _NO_ORGANISATION)])
    return by.organisation


def save_bid(*, bid: Bid, answers: dict[str, object], by: User, now: datetime) -> Bid:
    """Keeps what is well typed, then raises AnswersInvalid for what is not."""
    saved, problems = _keep(bid=bid, answers=answers, by=by, now=now)
    if problems:
        raise AnswersInvalid(problems)
    return saved


@transaction.atomic
def _keep(
    *, bid: Bid, answers: dict[str, object], by: User, now: datetime
) -> tuple[Bid, dict[str, Reason]]:
    locked = _draft(bid, by)
    good, problems = typed(questions(rules_of(locked.call)), answers)
    locked.answers = good
    locked.save(update_fields=["answers"])
    audit.record(
        by=by,
        what="bid.saved",
        subject=locked.number,
        at=now,
        detail={"answered": len(good), "mistyped": sorted(problems)},
    )
    return locked, problems


def _draft(bid: Bid, by: User) -> Bid:
    SupplyCall.objects.select_for_update(no_key=True).get(pk=bid.call_id)
    locked = Bid.objects.select_for_update(no_key=True).get(pk=bid.pk)
    require(by, Action.EDIT_BID, locked)
    if locked.state != Bid.State.DRAFT:
        raise NotAtThisStage(locked.number, locked.state, Bid.State.DRAFT)
    return locked


def problems_of(bid: Bid) -> dict[str, Reason]:
    """What keeps the draft from being submitted, by question; reads only."""
    asked = rules_of(bid.call)
    missing = {
        field.id: Reason(code="answer.required")
        for field in questions(asked)
        if field.required and bid.answers.get(field.id) in (None, "")
    }
    return {**missing, **read(bid.answers, asked).problems}


def failures_of(bid: Bid) -> tuple[eligibility.Failure, ...]:
    """The rules of the document check that the bid does not meet as it stands; reads only."""
    return eligibility.failures(candidate(bid), rules_of(bid.call).screening())


def candidate(bid: Bid) -> eligibility.Candidate:
    """The bid as the document check sees it."""
    asked = rules_of(bid.call)
    return eligibility.Candidate(
        application=bid.number,
        answers=judged(bid.answers, asked, read(bid.answers, asked).lots),
        applicant=eligibility.Applicant(organisation=bid.organisation.name),
    )


@transaction.atomic
def submit_bid(*, bid: Bid, by: User, now: datetime) -> Bid:
    """Hands the draft in. Raises AnswersInvalid for what is missing, UnableToSubmit."""
    locked = _draft(bid, by)
    _takes_bids(locked.call, now)
    if problems := problems_of(locked):
        raise AnswersInvalid(problems)
    locked.price = sum(lot.price for lot in read(locked.answers, rules_of(locked.call)).lots)
    locked.state = Bid.State.SUBMITTED
    locked.submitted_at = now
    locked.save()
    audit.record(by=by, what="bid.submitted", subject=locked.number, at=now)
    received = Reason(code="tender.bid_received", params={"bid": locked.number})
    notices.tell(people=[by], subject=locked.number, reason=received, now=now)
    return locked


@transaction.atomic
def withdraw_bid(*, bid: Bid, by: User, now: datetime) -> Bid:
    """Takes a draft back, or a submission while the call is open."""
    call = SupplyCall.objects.select_for_update(no_key=True).get(pk=bid.call_id)
    locked = Bid.objects.select_for_update(no_key=True).get(pk=bid.pk)
    require(by, Action.EDIT_BID, locked)
    submitted = locked.state == Bid.State.SUBMITTED and call.state == SupplyCall.State.OPEN
    if locked.state != Bid.State.DRAFT and not submitted:
        raise NotAtThisStage(locked.number, locked.state, "draft, or submitted to an open call")
    locked.state = Bid.State.WITHDRAWN
    locked.save(update_fields=["state"])
    audit.record(by=by, what="bid.withdrawn", subject=locked.number, at=now)
    return locked


def _takes_bids(call: SupplyCall, now: datetime) -> None:
    if not call.takes_submissions(now):
        say = Text(
            ko=f"공급 공모 {call.key}은(는) 지금 제안을 받지 않습니다.",
            en=f"The supply call {call.key} does not take bids now.",
        )
        raise UnableToSubmit([failure("call_open", None, say)])


_NO_ORGANISATION: Final = Text(
    ko="소속 기관이 등록된 계정만 제안할 수 있습니다. 운영 담당자에게 문의해 주십시오.",
    en="Only an account with an organisation can bid. Please ask the operator.",
)
