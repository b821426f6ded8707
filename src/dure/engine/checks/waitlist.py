"""What a plan of the waitlist must keep, checked on the plan alone.

- One intent for each waiting application and for no other, in the waitlist's order.
- Each turn, as a round of that one request over what those ahead of it left, passes the check of
  rounds: capacity, whole blocks, caps, what was asked for, and that nobody stays who would fit and
  nobody gets less than would fit.
- A promotion's sentence says what is promoted, from which place and past how many.
"""

from __future__ import annotations

from collections.abc import Iterator

from dure.engine.allocation.facts import Outcome, Request, RoundPlan, RoundPolicy, RoundSnapshot
from dure.engine.checks import allocation
from dure.engine.waitlist import Promote, Stay, Turn, WaitlistPlan, caps_of, in_order
from dure.vocabulary.plans import Violation


def violations(
    snapshot: RoundSnapshot, policy: RoundPolicy, plan: WaitlistPlan
) -> tuple[Violation, ...]:
    """Everything wrong with the plan; empty when it may be applied."""
    due = in_order(snapshot)
    if [intent.application for intent in plan.intents] != [r.application for r in due]:
        detail = "the intents are not one per waiting application in the waitlist's order"
        return (Violation(rule="waitlist.not_in_order", detail=detail),)
    return tuple(_turns(snapshot, caps_of(policy), plan))


def _turns(snapshot: RoundSnapshot, caps: RoundPolicy, plan: WaitlistPlan) -> Iterator[Violation]:
    turn = Turn(offers=snapshot.offers, held=snapshot.held)
    skipped = 0
    for request, intent in zip(in_order(snapshot), plan.intents, strict=True):
        round_ = turn.of(request, snapshot)
        wrong = allocation.violations(round_, caps, _alone(request, intent, round_, plan))
        yield from wrong
        if isinstance(intent, Stay):
            skipped += 1
            continue
        yield from _said(request, intent, skipped)
        if wrong:
            return  # what is left for the others follows from an award that cannot be
        turn = turn.after(request, intent)


def _alone(
    request: Request, intent: Promote | Stay, round_: RoundSnapshot, plan: WaitlistPlan
) -> RoundPlan:
    """The turn as a plan of its own; its merit is claimed for it, not checked against others."""
    outcome = intent.as_outcome()
    merit = _merit(request, outcome, round_)
    return RoundPlan(
        header=plan.header, intents=(outcome,), objective=merit, bound=merit, optimal=True
    )


def _merit(request: Request, outcome: Outcome, round_: RoundSnapshot) -> int:
    model = next((o.model for o in round_.offers if o.pool == outcome.pool), None)
    wish = next((w for w in request.wishes if w.model == model), None)
    return outcome.servers * request.merit(wish) if wish else 0


def _said(request: Request, intent: Promote, skipped: int) -> Iterator[Violation]:
    true = {
        "servers": intent.servers,
        "pool": intent.pool,
        "place": request.rank,
        "skipped": skipped,
    }
    told = {name: intent.reason.params.get(name) for name in true}
    if told != true:
        detail = f"{request.application} is told {told}, true is {true}"
        yield Violation(rule="waitlist.wrong_reason", detail=detail)
