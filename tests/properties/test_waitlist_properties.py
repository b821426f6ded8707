"""The waitlist: nobody ahead who fits is passed over, and the check misses no mutation."""

from __future__ import annotations

from random import Random

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.properties.oracle import Oracle
from tests.properties.small_rounds import HEADER, Case, cases

from dure.engine import allocation
from dure.engine.allocation.facts import Outcome, RoundSnapshot
from dure.engine.checks.waitlist import violations
from dure.engine.waitlist import (
    Promote,
    Stay,
    Turn,
    WaitlistPlan,
    anybody_fits,
    caps_of,
    in_order,
    plan,
)
from dure.vocabulary.plans import Reason

QUEUES = cases()


@settings(deadline=None, max_examples=30)
@given(QUEUES, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(case: Case, random: Random) -> None:
    snapshot, policy = case
    turned = snapshot.model_copy(
        update={
            "requests": tuple(random.sample(snapshot.requests, len(snapshot.requests))),
            "offers": snapshot.offers[::-1],
            "held": snapshot.held[::-1],
        }
    )
    assert plan(snapshot, policy, HEADER) == plan(turned, policy, HEADER)


@settings(deadline=None, max_examples=60)
@given(QUEUES)
def test_who_goes_could_be_served_at_their_turn_who_stays_could_not_and_the_check_says_so(
    case: Case,
) -> None:
    snapshot, policy = case
    turn = Turn(offers=snapshot.offers, held=snapshot.held)
    made = plan(snapshot, policy, HEADER)
    assert violations(snapshot, policy, made) == ()
    assert anybody_fits(snapshot) or not any(isinstance(i, Promote) for i in made.intents)
    for request, intent in zip(in_order(snapshot), made.intents, strict=True):
        alone = turn.of(request, snapshot)
        assert isinstance(intent, Promote) is _can_be_served(alone, case)
        if isinstance(intent, Promote):
            turn = turn.after(request, intent)
            assert all(n >= 0 for offer in turn.offers for n in offer.servers)
            assert all(n >= 0 for offer in turn.offers for b in offer.blocks for n in b)


@settings(deadline=None, max_examples=30)
@given(QUEUES)
def test_a_turn_brings_as_much_as_the_round_of_that_one_request(case: Case) -> None:
    snapshot, policy = case
    turn = Turn(offers=snapshot.offers, held=snapshot.held)
    for request in in_order(snapshot):
        of_one, caps = turn.of(request, snapshot), caps_of(policy)
        made = allocation.plan(of_one, caps, HEADER)
        (outcome,) = made.intents
        served = allocation.alone(of_one, caps, HEADER)
        assert _merit(served, of_one) == made.objective == _merit(outcome, of_one)
        if served.pool is None:
            assert served == outcome.model_copy(update={"change": None})


def _merit(outcome: Outcome, of_one: RoundSnapshot) -> int:
    models = {offer.pool: offer.model for offer in of_one.offers}
    (request,) = of_one.requests
    wishes = {wish.model: request.merit(wish) for wish in request.wishes}
    return outcome.servers * wishes[models[outcome.pool]] if outcome.pool else 0


def _can_be_served(alone: RoundSnapshot, case: Case) -> bool:
    """By brute force: whether any way to serve this one request keeps every cap."""
    oracle = Oracle(alone, caps_of(case[1]), HEADER.seed)
    (request,) = alone.requests
    return any(oracle.keeps_capacity({request.application: way}) for way in oracle.options(request))


@settings(deadline=None, max_examples=40)
@given(QUEUES, st.randoms(use_true_random=False))
def test_the_check_sees_a_skipped_moved_cut_or_doubled_promotion(
    case: Case, random: Random
) -> None:
    snapshot, policy = case
    made = plan(snapshot, policy, HEADER)
    promoted = [n for n, intent in enumerate(made.intents) if isinstance(intent, Promote)]
    assume(promoted)
    at = random.choice(promoted)
    chosen = made.intents[at]
    assert isinstance(chosen, Promote)
    stayed = Stay(application=chosen.application, reason=Reason(code="round.no_pool"))
    mutants: list[tuple[Promote | Stay, ...]] = [
        (stayed,),
        (chosen.model_copy(update={"servers": chosen.servers + 10}),),
        (chosen.model_copy(update={"pool": "elsewhere"}),),
        (chosen.model_copy(update={"start": chosen.start + 9}),),
        (chosen.model_copy(update={"reason": Reason(code="waitlist.promoted")}),),
        (chosen, chosen),
        (),
    ]
    for mutant in mutants:
        intents = (*made.intents[:at], *mutant, *made.intents[at + 1 :])
        assert violations(snapshot, policy, _with(made, intents))


def _with(made: WaitlistPlan, intents: tuple[Promote | Stay, ...]) -> WaitlistPlan:
    return made.model_copy(update={"intents": intents})
