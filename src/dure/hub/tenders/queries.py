"""Reading supply calls and bids.

- A bidder sees its own bid, its outcome and its reason, and never another's bid.
- Points, ranks and reasons are read from the plan: what was decided is shown, nothing is made anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from dure.engine import assignment, tender
from dure.engine.tender.reading import read
from dure.hub.allocations.models import Decision
from dure.hub.calls.queries import AnswerShown, shown
from dure.hub.people.gate import Action, Actor, NotPermitted, require
from dure.hub.people.models import User
from dure.hub.people.reach import of_organisation
from dure.hub.reviews.facts import reviewer_facts
from dure.hub.tenders.judging import submission_of
from dure.hub.tenders.models import Bid, BidReview, Inspection, SupplyCall
from dure.hub.tenders.operations import rules_of
from dure.vocabulary.programme.bid_questions import questions


@dataclass(frozen=True, slots=True)
class Scored:
    """One bid of the choice: what the plan says of it, and how far it has come since."""

    bid: Bid
    outcome: tender.BidOutcome


@dataclass(frozen=True, slots=True)
class Choice:
    """The latest plan of the choice, as the operator reads it."""

    decision: Decision
    plan: tender.TenderPlan
    rows: tuple[Scored, ...]
    stale: bool

    @property
    def chosen(self) -> int:
        return sum(1 for row in self.rows if any(row.outcome.parts))


@dataclass(frozen=True, slots=True)
class Desk:
    """A reviewer's bids: what is still to be scored at the present stage, and what is done."""

    to_do: tuple[BidReview, ...]
    done: tuple[BidReview, ...]


def supply_calls() -> QuerySet[SupplyCall]:
    """Every supply call, the latest first, with how many bids were submitted."""
    given = ~Q(bids__state__in=[Bid.State.DRAFT, Bid.State.WITHDRAWN])
    submitted = Count("bids", filter=given & Q(bids__isnull=False))
    found = SupplyCall.objects.select_related("programme").annotate(submitted=submitted)
    return found.order_by("-opens_at", "key")


def supply_call(key: str) -> SupplyCall:
    """One supply call. Raises SupplyCall.DoesNotExist."""
    return SupplyCall.objects.select_related("programme", "decision").get(key=key)


def bids_of(*, call: SupplyCall, by: User) -> QuerySet[Bid]:
    """The bids to the call, as handed in; an open call's are sealed. Raises NotPermitted."""
    require(by, Action.SEE_BID)
    found = call.bids.select_related("organisation", "inspection").order_by("number")
    if call.state in {SupplyCall.State.ANNOUNCED, SupplyCall.State.OPEN}:
        return found.none()
    return found.exclude(state__in=[Bid.State.DRAFT, Bid.State.WITHDRAWN])


def own_bids(by: User) -> QuerySet[Bid]:
    """The bids of the person's organisation, the latest first. Raises NotPermitted."""
    require(by, Action.BID)
    found = of_organisation(Bid.objects.all(), by=by)
    return found.select_related("call__programme", "organisation").order_by("-created_at", "-pk")


def bid_for(by: Actor, number: str) -> Bid:
    """One bid; an operator sees none while its call is open.

    Raises Bid.DoesNotExist, NotPermitted.
    """
    related = ("call__programme", "call__decision", "organisation", "inspection")
    found = Bid.objects.select_related(*related).get(number=number)
    require(by, Action.SEE_BID, found)
    if isinstance(by, User) and not found.is_of(by) and not bids_of(call=found.call, by=by):
        raise NotPermitted(by, Action.SEE_BID)
    return found


def inspection_of(bid: Bid) -> Inspection | None:
    return getattr(bid, "inspection", None)


def choice_of(*, call: SupplyCall, by: User) -> Choice | None:
    """The latest plan; None before one is made. Raises NotPermitted."""
    require(by, Action.SEE_ROUND)
    if call.decision is None:
        return None
    plan = tender.TenderPlan.model_validate(call.decision.plan)
    bids = {bid.number: bid for bid in bids_of(call=call, by=by)}
    proposed = call.decision.state == Decision.State.PROPOSED
    return Choice(
        decision=call.decision,
        plan=plan,
        rows=tuple(Scored(bids[one.bid], one) for one in plan.intents if one.bid in bids),
        stale=proposed and call.decision.generation != call.programme.generation,
    )


def outcome_of(bid: Bid) -> tender.BidOutcome | None:
    """What the approved plan says of the bid; None before there is one."""
    decision = bid.call.decision
    if decision is None or decision.state != Decision.State.APPLIED:
        return None
    plan = tender.TenderPlan.model_validate(decision.plan)
    return next((one for one in plan.intents if one.bid == bid.number), None)


def answers_of(bid: Bid) -> list[AnswerShown]:
    """The questions that were answered, with the answers; clusters not offered are left out."""
    answers = [
        AnswerShown(field, shown(field, bid.answers.get(field.id)))
        for field in questions(rules_of(bid.call))
    ]
    return [one for one in answers if one.field.required or one.value is not None]


def lots_of(bid: Bid) -> tuple[tender.Lot, ...]:
    """The clusters offered."""
    return read(bid.answers, rules_of(bid.call)).lots


def desk(by: User) -> Desk:
    """The reviewer's bids in review, less those they have a conflict with."""
    require(by, Action.REVIEW)
    reviewer = reviewer_facts(by)
    stages = [SupplyCall.State.WRITTEN, SupplyCall.State.PRESENTATION]
    rows = (
        BidReview.objects.filter(reviewer=by, bid__call__state__in=stages)
        .select_related("bid__organisation", "bid__call__programme")
        .order_by("bid__number")
    )
    free = [row for row in rows if assignment.conflict(submission_of(row.bid), reviewer) is None]
    done = {row.pk for row in free if is_done(row)}
    return Desk(
        to_do=tuple(row for row in free if row.pk not in done),
        done=tuple(row for row in free if row.pk in done),
    )


def is_done(review: BidReview) -> bool:
    """Whether every criterion of the present stage has its points."""
    call = review.bid.call
    return all(
        criterion.id in review.points
        for criterion in rules_of(call).rubric.criteria()
        if criterion.figure is None and criterion.stage == call.state
    )


def review_for(by: User, pk: int) -> BidReview:
    """One of the reviewer's bids. Raises BidReview.DoesNotExist, NotPermitted."""
    related = ("bid__organisation", "bid__call__programme")
    found = BidReview.objects.select_related(*related).get(pk=pk)
    require(by, Action.REVIEW, found)
    if assignment.conflict(submission_of(found.bid), reviewer_facts(by)) is not None:
        raise NotPermitted(by, Action.REVIEW)
    return found
