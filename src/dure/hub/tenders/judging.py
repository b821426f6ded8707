"""Documents are checked, reviewers score, the call is scored: by the demand calls' own engines.

- Points are taken by stage: the criteria of the written stage first, then those of presentations.
- A stage ends with the next one's beginning; what was scored in it then stands.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from dure.engine import assignment, eligibility, scoring
from dure.engine.checks import assignment as assignment_check
from dure.hub.allocations import decisions
from dure.hub.allocations.decisions import PlanRefused
from dure.hub.allocations.models import Decision
from dure.hub.audit import operations as audit
from dure.hub.calls.windows import NotAtThisStage, advance
from dure.hub.notices import operations as notices
from dure.hub.people.gate import Action, Actor, require
from dure.hub.people.models import User
from dure.hub.reviews.facts import reviewer_facts, reviewers
from dure.hub.reviews.models import DeclaredConflict
from dure.hub.reviews.operations import MAX_COMMENT, ConflictOfInterest, points_fit
from dure.hub.tenders.models import Bid, BidReview, SupplyCall
from dure.hub.tenders.operations import candidate, rules_of
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme.supply_calls import SupplyCriterion

State = SupplyCall.State


@transaction.atomic
def check_documents(*, call: SupplyCall, by: Actor, now: datetime) -> Decision:
    """Decides which bids are admitted, by the call's rules on the bids as submitted."""
    locked = advance(call, needed=(State.CLOSED,), to=State.CHECKED, by=by, now=now)
    bids = list(
        locked.bids.filter(state=Bid.State.SUBMITTED)
        .select_related("organisation", "call__programme", "bidder")
        .order_by("number")
    )
    asked = rules_of(locked)
    snapshot = eligibility.ScreeningSnapshot(
        call=locked.key, candidates=tuple(candidate(bid) for bid in bids)
    )
    header = decisions.next_header(programme=locked.programme, now=now)
    plan = eligibility.plan(snapshot, asked.screening(), header)
    by_number = {bid.number: bid for bid in bids}
    for intent in plan.intents:
        bid = by_number[intent.application]
        bid.state = Bid.State.ADMITTED if intent.admitted else Bid.State.REFUSED
        bid.failures = [failure.model_dump(mode="json") for failure in intent.failures]
        notices.tell(
            people=[bid.bidder], subject=bid.number, reason=_document_reason(intent), now=now
        )
    Bid.objects.bulk_update(bids, ["state", "failures"])
    return decisions.record(
        programme=locked.programme,
        snapshot=snapshot,
        policy={"eligibility": [rule.model_dump(mode="json") for rule in asked.screening()]},
        plan=plan,
        by=by,
        applied=True,
        moves_capacity=False,
    )


def _document_reason(intent: eligibility.Screened) -> Reason:
    if intent.admitted:
        return Reason(code="tender.documents_passed")
    rules = ", ".join(failure.rule for failure in intent.failures)
    return Reason(code="tender.documents_refused", params={"rules": rules})


@transaction.atomic
def assign_bid_reviewers(*, call: SupplyCall, by: Actor, now: datetime) -> Decision:
    """Gives every admitted bid the reviewers it lacks, none with a conflict; reviews begin.

    During the written stage it fills the places of who stepped back.
    """
    stages = (State.CHECKED, State.WRITTEN)
    locked = advance(call, needed=stages, to=State.WRITTEN, by=by, now=now)
    bids = {
        bid.number: bid
        for bid in locked.bids.filter(state=Bid.State.ADMITTED).select_related("organisation")
    }
    people = {user.username: user for user in reviewers()}
    snapshot = assignment.AssignmentSnapshot(
        call=locked.key,
        submissions=tuple(submission_of(bids[number]) for number in sorted(bids)),
        reviewers=tuple(reviewer_facts(people[name]) for name in sorted(people)),
        held=tuple(
            assignment.Held(application=bid, reviewer=reviewer, reviewed=at is not None)
            for bid, reviewer, at in BidReview.objects.filter(bid__call=locked)
            .order_by("bid__number", "reviewer__username")
            .values_list("bid__number", "reviewer__username", "submitted_at")
        ),
    )
    policy = assignment.AssignmentPolicy(reviews=rules_of(locked).rubric.reviews_per_bid)
    header = decisions.next_header(programme=locked.programme, now=now, seed=locked.key)
    plan = assignment.plan(snapshot, policy, header)
    if wrong := assignment_check.violations(snapshot, policy, plan):
        raise PlanRefused(wrong)
    BidReview.objects.bulk_create(
        BidReview(bid=bids[one.application], reviewer=people[one.reviewer], assigned_at=now)
        for one in plan.intents
    )
    return decisions.record(
        programme=locked.programme,
        snapshot=snapshot,
        policy=policy,
        plan=plan,
        by=by,
        applied=True,
        moves_capacity=False,
    )


@transaction.atomic
def declare_bid_conflict(*, review: BidReview, by: User, now: datetime) -> None:
    """The reviewer steps back from a bid; what they said of it ends. Raises NotAtThisStage."""
    call = SupplyCall.objects.select_for_update(no_key=True).get(bids__reviews=review)
    locked = BidReview.objects.select_related("bid").get(pk=review.pk)
    require(by, Action.REVIEW, locked)
    if call.state not in {State.WRITTEN, State.PRESENTATION}:
        raise NotAtThisStage(call.key, call.state, State.WRITTEN)
    number = locked.bid.number
    DeclaredConflict.objects.get_or_create(
        reviewer=by, subject=number, defaults={"declared_at": now}
    )
    locked.delete()
    audit.record(by=by, what="bid_review.conflict_declared", subject=number, at=now)


def submission_of(bid: Bid) -> assignment.Submission:
    """What decides conflicts of interest with a bid."""
    return assignment.Submission(application=bid.number, organisation=bid.organisation.name)


def criteria_at(call: SupplyCall) -> tuple[SupplyCriterion, ...]:
    """What reviewers score at the call's present stage; nothing outside a review."""
    return tuple(
        criterion
        for criterion in rules_of(call).rubric.criteria()
        if criterion.figure is None and criterion.stage == call.state
    )


@transaction.atomic
def submit_bid_review(
    *, review: BidReview, points: dict[str, int], comment: str, by: User, now: datetime
) -> BidReview:
    """Takes, or replaces, one reviewer's points of the present stage."""
    locked = (
        BidReview.objects.select_for_update(of=("self", "bid__call"), no_key=True)
        .select_related("bid__call__programme", "bid__organisation")
        .get(pk=review.pk)
    )
    require(by, Action.REVIEW, locked)
    call = locked.bid.call
    if call.state not in {State.WRITTEN, State.PRESENTATION}:
        raise NotAtThisStage(call.key, call.state, f"{State.WRITTEN} or {State.PRESENTATION}")
    code = assignment.conflict(submission_of(locked.bid), reviewer_facts(by))
    if code is not None:
        raise ConflictOfInterest(code)
    points_fit(points, {one.id: one.points for one in criteria_at(call)})
    locked.points = {**locked.points, **points}
    locked.comment = comment[:MAX_COMMENT]
    locked.submitted_at = now
    locked.save(update_fields=["points", "comment", "submitted_at"])
    audit.record(
        by=by,
        what="bid_review.submitted",
        subject=locked.bid.number,
        at=now,
        detail={"stage": call.state},
    )
    return locked


@transaction.atomic
def start_presentations(*, call: SupplyCall, by: Actor, now: datetime) -> SupplyCall:
    """Ends the written stage; reviewers score the presentations."""
    return advance(call, needed=(State.WRITTEN,), to=State.PRESENTATION, by=by, now=now)


@transaction.atomic
def score_bids(*, call: SupplyCall, by: Actor, now: datetime) -> Decision:
    """Ends the reviews: each admitted bid gets the reviewers' score, corrected where so ruled.

    Raises NotAtThisStage while a stage of the rubric is still to come.
    """
    asked = rules_of(call)
    presented = any(c.stage == "presentation" for c in asked.rubric.criteria())
    last = State.PRESENTATION if presented else State.WRITTEN
    locked = advance(call, needed=(last,), to=State.SCORED, by=by, now=now)
    bids = {bid.number: bid for bid in locked.bids.filter(state=Bid.State.ADMITTED)}
    rubric = asked.rubric.reviewed()
    snapshot = scoring.ScoringSnapshot(
        call=locked.key,
        applications=tuple(sorted(bids)),
        reviews=_complete(locked, rubric.criteria),
    )
    header = decisions.next_header(programme=locked.programme, now=now, seed=asked.tie_break_seed)
    plan = scoring.plan(snapshot, rubric, header)
    for intent in plan.intents:
        bids[intent.application].reviewed = "" if intent.rank is None else str(intent.score)
    Bid.objects.bulk_update(bids.values(), ["reviewed"])
    return decisions.record(
        programme=locked.programme,
        snapshot=snapshot,
        policy=rubric,
        plan=plan,
        by=by,
        applied=True,
        moves_capacity=False,
    )


def _complete(call: SupplyCall, criteria: tuple[object, ...]) -> tuple[scoring.Review, ...]:
    """The reviews of every stage; one that stopped half way is none."""
    rows = BidReview.objects.filter(bid__call=call, bid__state=Bid.State.ADMITTED)
    given = rows.order_by("bid__number", "reviewer__username").values_list(
        "bid__number", "reviewer__username", "points"
    )
    return tuple(
        scoring.Review(application=bid, reviewer=reviewer, points=points)
        for bid, reviewer, points in given
        if len(points) == len(criteria)
    )
