"""Refuses a round plan that breaks a rule; written apart from the planner and without a solver.

- Each application of the round has exactly one outcome, at its place in the order, in the form its
  kind demands, and a reason from the catalogue that fits the outcome and fills its sentence.
- In no month is a pool, its whole blocks or a group's `most` exceeded; each `least` is reached.
- Rank: whoever waits has no cause to complain; nothing that fits is left out (`allocation_rank`).
- Awards stand in blocks that are there, whole ones where they were promised (`allocation_blocks`).
- The merit claimed is the merit reached, and no more than the bound.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from dure.engine.allocation.facts import Outcome, Request, RoundPlan, RoundPolicy, RoundSnapshot
from dure.engine.checks.allocation_blocks import misplaced
from dure.engine.checks.allocation_rank import State, complaints, left_out, places
from dure.engine.checks.allocation_use import Served
from dure.vocabulary.plans import Reason, Violation
from dure.vocabulary.reasons import CATALOGUE

_SAID_OF: Final = {
    "awarded": frozenset({"round.awarded"}),
    "reduced": frozenset(
        {
            "round.reduced",
            "round.reduced_quota",
            "round.reduced_organisation_cap",
            "round.reduced_rule",
            "round.reduced_would_pass_over",
        }
    ),
    "waitlisted": frozenset(
        {
            "round.better_ranked_ahead",
            "round.pool_full",
            "round.other_classes_ahead",
            "round.quota_full",
            "round.organisation_cap",
            "round.rule_full",
            "round.floor_ahead",
            "round.blocks_full",
            "round.blocks_split",
            "round.outscored",
            "round.would_pass_over",
            "round.pool_too_small",
            "round.no_pool",
        }
    ),
}


def violations(
    snapshot: RoundSnapshot, policy: RoundPolicy, plan: RoundPlan
) -> tuple[Violation, ...]:
    """Everything wrong with `plan`; empty means that it may be applied."""
    outcomes = {outcome.application: outcome for outcome in reversed(plan.intents)}
    place = places(snapshot, policy, plan.header.seed)
    served = _served(snapshot, outcomes)
    shares = {name: outcomes[name].blocks for name in served}
    state = State(snapshot, policy, place, served, shares)
    return (
        *_one_outcome_each(snapshot, plan),
        *_in_order(state, plan),
        *_forms(snapshot, plan),
        *state.use.exceeded(),
        *_rank_broken(state),
        *left_out(state),
        *misplaced(served, shares),
        *_claims(state, plan),
    )


def _served(snapshot: RoundSnapshot, outcomes: dict[str, Outcome]) -> dict[str, Served]:
    """The awards that can be counted: of a pool that is offered and a model that was asked for."""
    offers = {o.pool: o for o in snapshot.offers}
    served = {}
    for request in snapshot.requests:
        outcome = outcomes.get(request.application)
        offer = None if outcome is None else offers.get(outcome.pool or "")
        wish = next((w for w in request.wishes if offer and w.model == offer.model), None)
        if outcome is None or offer is None or wish is None or outcome.servers < 1:
            continue
        start, end = max(0, outcome.start), min(outcome.start + outcome.months, snapshot.months)
        if start < end:
            served[request.application] = Served(
                request=request,
                wish=wish,
                offer=offer,
                servers=outcome.servers,
                start=start,
                end=end,
            )
    return served


def _one_outcome_each(snapshot: RoundSnapshot, plan: RoundPlan) -> Iterator[Violation]:
    said = Counter(outcome.application for outcome in plan.intents)
    asked = {request.application for request in snapshot.requests}
    for name in sorted(asked):
        if said[name] != 1:
            rule = "outcome_missing" if said[name] == 0 else "outcome_repeated"
            yield Violation(rule=rule, detail=f"application {name} has {said[name]} outcomes")
    for name in sorted(said.keys() - asked):
        yield Violation(rule="application_unknown", detail=f"{name} is not in this round")


def _in_order(state: State, plan: RoundPlan) -> Iterator[Violation]:
    """The outcomes come in the order of the round, and say their place in it."""
    said = [outcome.place for outcome in plan.intents]
    if said != sorted(said):
        yield Violation(rule="place_wrong", detail="the outcomes do not stand in their order")
    for outcome in plan.intents:
        place = state.place.get(outcome.application, outcome.place)
        if outcome.place != place:
            yield _about(outcome, "place_wrong", f"is put at place {outcome.place}, not {place}")


def _forms(snapshot: RoundSnapshot, plan: RoundPlan) -> Iterator[Violation]:
    """Checks each outcome by itself."""
    requests = {r.application: r for r in snapshot.requests}
    for outcome in plan.intents:
        request = requests.get(outcome.application)
        if request is None:
            continue
        yield from _reason(outcome)
        if outcome.outcome != "waitlisted":
            yield from _holding(snapshot, request, outcome)
        elif outcome.pool is not None or outcome.servers or outcome.months or outcome.blocks:
            yield _about(outcome, "waitlisted_holds_servers", "waits but is given servers")


def _holding(snapshot: RoundSnapshot, request: Request, outcome: Outcome) -> Iterator[Violation]:
    if not request.earliest <= outcome.start <= request.latest:
        asked = f"asked for {request.earliest} to {request.latest}"
        yield _about(outcome, "start_wrong", f"starts in month {outcome.start}; {asked}")
    if outcome.months != request.months:
        asked = f"asked for {request.months}"
        yield _about(outcome, "months_wrong", f"is given {outcome.months} months; {asked}")
    offer = next((o for o in snapshot.offers if o.pool == outcome.pool), None)
    if offer is None:
        yield _about(outcome, "pool_unknown", f"is given pool {outcome.pool}, not offered")
        return
    wish = next((w for w in request.wishes if w.model == offer.model), None)
    if wish is None:
        yield _about(outcome, "model_not_accepted", f"is given {offer.model} in {offer.pool}")
        return
    whole, part = wish.servers, range(wish.minimum, wish.servers)
    if not (outcome.servers == whole if outcome.outcome == "awarded" else outcome.servers in part):
        asked = f"asked {whole} of {wish.model}, needs {wish.minimum}"
        yield _about(outcome, "amount_wrong", f"is {outcome.outcome} {outcome.servers}; {asked}")


def _reason(outcome: Outcome) -> Iterator[Violation]:
    for reason in (outcome.reason, outcome.change):
        if reason is not None:
            yield from _unsaid(outcome, reason)
    code = outcome.reason.code
    if code in CATALOGUE and code not in _SAID_OF[outcome.outcome]:
        yield _about(outcome, "reason_unfit", f"is {outcome.outcome} with the reason {code}")


def _unsaid(outcome: Outcome, reason: Reason) -> Iterator[Violation]:
    """A code without a sentence, or a sentence with gaps."""
    if reason.code not in CATALOGUE:
        what = f"has the reason {reason.code!r}, not in the catalogue"
        yield _about(outcome, "reason_unknown", what)
        return
    missing = set(re.findall(r"{(\w+)}", CATALOGUE[reason.code])) - reason.params.keys()
    if missing:
        yield _about(outcome, "reason_incomplete", f"its reason lacks {', '.join(sorted(missing))}")


def _rank_broken(state: State) -> Iterator[Violation]:
    for ahead, held in complaints(state):
        behind = held.request.application
        yield Violation(
            rule="rank_broken",
            detail=f"{ahead.application} at place {state.place[ahead.application]} waits while"
            f" {behind} at place {state.place[behind]} holds servers of {held.offer.pool}"
            " that would do for it",
        )


def _claims(state: State, plan: RoundPlan) -> Iterator[Violation]:
    reached = sum(a.servers * a.request.merit(a.wish) for a in state.served.values())
    if plan.objective != reached:
        detail = f"claims merit {plan.objective}, reaches {reached}"
        yield Violation(rule="objective_wrong", detail=detail)
    if plan.bound < plan.objective or plan.optimal != (plan.bound == plan.objective):
        detail = f"merit {plan.objective}, bound {plan.bound}, optimal {plan.optimal}"
        yield Violation(rule="bound_wrong", detail=detail)


def _about(outcome: Outcome, rule: str, what: str) -> Violation:
    return Violation(rule=rule, detail=f"{outcome.application} {what}")
