"""Winners are chosen, their sites inspected, prices adjusted, agreements signed.

- A choice is proposed, checked without a solver, and applied once people have approved it.
- A winner whose inspection fails leaves the choice; it is made again without that bid, and approved
  again. Until then nothing is agreed with anybody whom the new choice might not hold.
- An agreed price is at most the price of what was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction

from django.db import transaction

from dure.engine import tender
from dure.engine.checks import tender as tender_check
from dure.engine.tender.reading import read
from dure.hub.allocations import decisions
from dure.hub.allocations.decisions import PlanRefused
from dure.hub.allocations.models import Decision
from dure.hub.audit import operations as audit
from dure.hub.calls.windows import NotAtThisStage, advance
from dure.hub.notices import operations as notices
from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import User
from dure.hub.supply.queries import rules
from dure.hub.tenders.models import Bid, Inspection, SupplyCall
from dure.hub.tenders.operations import rules_of
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme.supply_calls import InspectionItem

IN_THE_CHOICE = (Bid.State.ADMITTED, Bid.State.SELECTED, Bid.State.REJECTED, Bid.State.FAILED)
States = SupplyCall.State


class FindingsInvalid(Exception):
    """Items of the inspection without an answer, or that the call does not have."""

    def __init__(self, problems: dict[str, Reason]) -> None:
        super().__init__(", ".join(sorted(problems)))
        self.problems = problems


class PriceInvalid(Exception):
    """An agreed price above the bid's, or none."""

    def __init__(self, price: int, most: int) -> None:
        super().__init__(f"{price} is not between 1 and {most}")
        self.reason = (
            Reason(code="answer.too_small", params={"minimum": 1})
            if price < 1
            else Reason(code="answer.too_large", params={"maximum": most})
        )


@transaction.atomic
def choose_winners(*, call: SupplyCall, by: Actor, now: datetime) -> Decision:
    """Proposes who is bought from; an earlier proposal is superseded. Raises PlanRefused."""
    require(by, Action.SOLVE_ROUND)
    decisions.hold(call.programme_id)
    locked = SupplyCall.objects.select_for_update(no_key=True).get(pk=call.pk)
    if locked.state != States.SCORED:
        raise NotAtThisStage(locked.key, locked.state, States.SCORED)
    asked = rules_of(locked)
    header = decisions.next_header(programme=locked.programme, now=now, seed=asked.tie_break_seed)
    snapshot = _snapshot(locked)
    policy = tender.TenderPolicy(rubric=asked.rubric, award=asked.award)
    plan = tender.plan(snapshot, policy, header)
    if wrong := tender_check.violations(snapshot, policy, plan):
        raise PlanRefused(wrong)
    Decision.objects.filter(supply_calls=locked, state=Decision.State.PROPOSED).update(
        state=Decision.State.SUPERSEDED
    )
    locked.decision = decisions.record(
        programme=locked.programme, snapshot=snapshot, policy=policy, plan=plan, by=by
    )
    locked.save(update_fields=["decision"])
    return locked.decision


def _snapshot(call: SupplyCall) -> tender.TenderSnapshot:
    asked = rules_of(call)
    bids = call.bids.filter(state__in=IN_THE_CHOICE).select_related("organisation")
    return tender.TenderSnapshot(
        call=call.key,
        bids=tuple(bid_of(bid, call) for bid in bids.order_by("number")),
        tflops={
            model.id: model.bf16_tflops
            for model in rules(call.programme).accelerators
            if model.id in asked.models
        },
        accelerators_per_server=asked.accelerators_per_server,
    )


def bid_of(bid: Bid, call: SupplyCall) -> tender.Bid:
    """A stored bid as the choice sees it."""
    found = read(bid.answers, rules_of(call))
    return tender.Bid(
        bid=bid.number,
        provider=bid.organisation.name,
        lots=found.lots,
        divisible=found.divisible,
        reviewed=Fraction(bid.reviewed) if bid.reviewed else None,
        standing="failed_inspection" if bid.state == Bid.State.FAILED else "standing",
    )


@transaction.atomic
def approve_choice(*, call: SupplyCall, plan: int, by: User, now: datetime) -> Decision:
    """A person approves the plan of that number; with the last approval needed it is done.

    Raises StalePlan, ApprovedAlready, PlanRefused; Decision.DoesNotExist for another plan's number.
    """
    require(by, Action.APPROVE_DECISION)
    decisions.hold(call.programme_id)
    locked = SupplyCall.objects.select_for_update(no_key=True).get(pk=call.pk)
    decision = Decision.objects.get(supply_calls=locked, number=plan)
    needed = rules(locked.programme).allotment.approvals
    approved = decisions.approve(decision=decision, by=by, now=now, needed=needed)
    if approved.state == Decision.State.APPLIED:
        _apply(locked, approved, by, now)
    return approved


def _apply(call: SupplyCall, decision: Decision, by: User, now: datetime) -> None:
    snapshot = tender.TenderSnapshot.model_validate(decision.snapshot)
    policy = tender.TenderPolicy.model_validate(decision.policy)
    plan = tender.TenderPlan.model_validate(decision.plan)
    if wrong := tender_check.violations(snapshot, policy, plan):
        raise PlanRefused(wrong)
    bids = {bid.number: bid for bid in call.bids.select_related("bidder")}
    for intent in plan.intents:
        bid = bids[intent.bid]
        if bid.state != Bid.State.FAILED:
            bid.state = Bid.State.SELECTED if any(intent.parts) else Bid.State.REJECTED
            bid.price = intent.price or bid.price
            bid.agreed_price = None
            bid.save(update_fields=["state", "price", "agreed_price"])
        notices.tell(people=[bid.bidder], subject=bid.number, reason=intent.reason, now=now)
    advance(call, needed=(States.SCORED,), to=States.DECIDED, by=by, now=now)


@transaction.atomic
def record_inspection(
    *, bid: Bid, findings: Mapping[str, tuple[bool, str]], by: User, now: datetime
) -> Inspection:
    """Keeps what was found at a winner's site: for each item whether it passed, and the finding.

    With one item not passed the bid leaves the choice, and the call goes back to it.
    """
    require(by, Action.MANAGE_CALL)
    call, locked = _winner(bid)
    items = rules_of(call).inspection
    _every_item(items, findings)
    passed = all(ok for ok, _ in findings.values())
    inspection, _ = Inspection.objects.update_or_create(
        bid=locked,
        defaults={
            "findings": [
                {"item": i.id, "passed": findings[i.id][0], "finding": findings[i.id][1]}
                for i in items
            ],
            "passed": passed,
            "inspected_by": by,
            "inspected_at": now,
        },
    )
    code = "tender.inspection_passed" if passed else "tender.failed_inspection"
    reason = Reason(code=code)
    audit.record(by=by, what="bid.inspected", subject=locked.number, at=now, reason=reason)
    notices.tell(people=[locked.bidder], subject=locked.number, reason=reason, now=now)
    if not passed:
        locked.state = Bid.State.FAILED
        locked.save(update_fields=["state"])
        advance(call, needed=(States.DECIDED,), to=States.SCORED, by=by, now=now)
        decisions.advance(programme=call.programme)
    return inspection


def _every_item(
    items: tuple[InspectionItem, ...], findings: Mapping[str, tuple[bool, str]]
) -> None:
    named = {item.id for item in items}
    problems = {name: Reason(code="answer.required") for name in named - findings.keys()}
    for unknown in findings.keys() - named:
        problems[unknown] = Reason(code="answer.unknown_field")
    if problems:
        raise FindingsInvalid(problems)


def _winner(bid: Bid) -> tuple[SupplyCall, Bid]:
    decisions.hold(bid.call.programme_id)
    call = SupplyCall.objects.select_for_update(no_key=True).get(pk=bid.call_id)
    locked = (
        Bid.objects.select_for_update(of=("self",), no_key=True)
        .select_related("bidder", "organisation")
        .get(pk=bid.pk)
    )
    if call.state != States.DECIDED or locked.state != Bid.State.SELECTED:
        raise NotAtThisStage(locked.number, locked.state, Bid.State.SELECTED)
    return call, locked


@transaction.atomic
def adjust_price(*, bid: Bid, price: int, by: User, now: datetime) -> Bid:
    """The cost review's outcome: the price to be agreed, at most the bid's. Raises PriceInvalid."""
    require(by, Action.MANAGE_CALL)
    call, locked = _winner(bid)
    if rules_of(call).inspection and not _passed(locked):
        raise NotAtThisStage(locked.number, "not inspected", "a passed inspection")
    most = locked.price or 0
    if not 0 < price <= most:
        raise PriceInvalid(price, most)
    locked.agreed_price = price
    locked.save(update_fields=["agreed_price"])
    reason = Reason(code="tender.price_agreed", params={"price": price, "by": most - price})
    audit.record(by=by, what="bid.price_adjusted", subject=locked.number, at=now, reason=reason)
    notices.tell(people=[locked.bidder], subject=locked.number, reason=reason, now=now)
    return locked


def _passed(bid: Bid) -> bool:
    found = Inspection.objects.filter(bid=bid).first()
    return found is not None and found.passed


@transaction.atomic
def sign_supply_agreement(*, bid: Bid, by: User, now: datetime) -> Bid:
    """The provider accepts the award at the price that the cost review set."""
    require(by, Action.EDIT_BID, bid)
    _, locked = _winner(bid)
    if locked.agreed_price is None:
        raise NotAtThisStage(locked.number, "without an agreed price", "the cost review")
    locked.state = Bid.State.AGREED
    locked.agreed_at = now
    locked.save(update_fields=["state", "agreed_at"])
    audit.record(by=by, what="supply_agreement.signed", subject=locked.number, at=now)
    return locked
