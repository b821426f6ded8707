"""Refuses a round plan that breaks a rule; written apart from the planner and without a solver.

- Each application of the round has exactly one outcome, in the form its kind demands, and a reason
  from the catalogue that fits the outcome and fills its sentence.
- No pool, capping quota or organisation cap is exceeded; a pool's model is one the applicant takes.
- Rank: whoever waits has no justified complaint. One is justified if a worse-ranked request of the
  same class holds servers that would do for it and no limit of its own is full.
- Nothing that fits is left out, and nothing that could grow is left reduced.
- The merit claimed is the merit reached, and no more than the bound.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from dure.engine.allocation.facts import (
    Outcome,
    PoolOffer,
    Request,
    RoundPlan,
    RoundPolicy,
    RoundSnapshot,
)
from dure.vocabulary.plans import Violation
from dure.vocabulary.reasons import CATALOGUE

_SAID_OF: Final = {
    "awarded": frozenset({"round.awarded"}),
    "reduced": frozenset(
        {"round.reduced", "round.reduced_quota", "round.reduced_organisation_cap"}
    ),
    "waitlisted": frozenset(
        {
            "round.better_ranked_ahead",
            "round.pool_full",
            "round.other_classes_ahead",
            "round.quota_full",
            "round.organisation_cap",
            "round.pool_too_small",
            "round.no_pool",
        }
    ),
}


@dataclass
class _Tally:
    """What the plan's well-formed outcomes use up; a bound is a (kind, name) pair."""

    requests: Mapping[str, Request]
    offers: Mapping[str, PoolOffer]
    left: dict[tuple[str, str], int]
    served: dict[str, Outcome] = field(default_factory=dict)


def violations(
    snapshot: RoundSnapshot, policy: RoundPolicy, plan: RoundPlan
) -> tuple[Violation, ...]:
    """Everything wrong with `plan`; empty means that it may be applied."""
    tally = _Tally(
        requests={r.application: r for r in snapshot.requests},
        offers={o.pool: o for o in snapshot.offers},
        left=_bounds(snapshot, policy),
    )
    broken = [*_one_outcome_each(tally, plan), *_forms(tally, plan)]
    for outcome in tally.served.values():
        for bound in (("pool", str(outcome.pool)), *_binding(snapshot, policy, tally, outcome)):
            tally.left[bound] -= outcome.servers
    broken += _overdrawn(tally)
    broken += _complaints(snapshot, policy, tally)
    broken += _room_unused(snapshot, policy, tally)
    broken += _claims(tally, plan)
    return tuple(broken)


def _bounds(snapshot: RoundSnapshot, policy: RoundPolicy) -> dict[tuple[str, str], int]:
    left = {("pool", o.pool): o.servers for o in snapshot.offers}
    left |= {("quota", q.quota): q.servers_left for q in snapshot.quotas}
    if policy.organisation_cap is not None:
        for name in {r.organisation for r in snapshot.requests}:
            used = snapshot.organisation_used.get(name, 0)
            left["organisation", name] = max(0, policy.organisation_cap - used)
    return left


def _limits(
    snapshot: RoundSnapshot, policy: RoundPolicy, request: Request
) -> frozenset[tuple[str, str]]:
    """The quotas and the cap that bind a request."""
    binding = {("quota", q.quota) for q in snapshot.quotas if request.sector in q.sectors}
    if policy.organisation_cap is not None:
        binding.add(("organisation", request.organisation))
    return frozenset(binding)


def _binding(
    snapshot: RoundSnapshot, policy: RoundPolicy, tally: _Tally, outcome: Outcome
) -> frozenset[tuple[str, str]]:
    return _limits(snapshot, policy, tally.requests[outcome.application])


def _one_outcome_each(tally: _Tally, plan: RoundPlan) -> Iterator[Violation]:
    said = Counter(outcome.application for outcome in plan.intents)
    for name in tally.requests:
        if said[name] != 1:
            rule = "outcome_missing" if said[name] == 0 else "outcome_repeated"
            yield Violation(rule=rule, detail=f"application {name} has {said[name]} outcomes")
    for name in said:
        if name not in tally.requests:
            yield Violation(rule="application_unknown", detail=f"{name} is not in this round")


def _forms(tally: _Tally, plan: RoundPlan) -> Iterator[Violation]:
    """Checks each outcome by itself; those that hold servers enter the tally."""
    for outcome in plan.intents:
        request = tally.requests.get(outcome.application)
        if request is None:
            continue
        yield from _reason(outcome)
        if outcome.outcome == "waitlisted":
            if outcome.pool is not None or outcome.servers != 0:
                yield _about(outcome, "waitlisted_holds_servers", "waits but is given servers")
            continue
        yield from _holding(tally, request, outcome)


def _holding(tally: _Tally, request: Request, outcome: Outcome) -> Iterator[Violation]:
    offer = tally.offers.get(outcome.pool or "")
    if offer is None:
        yield _about(outcome, "pool_unknown", f"is given pool {outcome.pool}, not offered")
        return
    tally.served.setdefault(outcome.application, outcome)
    if offer.model not in request.models:
        yield _about(outcome, "model_not_accepted", f"is given {offer.model} in {offer.pool}")
    whole = outcome.servers == request.servers
    part = request.minimum <= outcome.servers < request.servers
    if not (whole if outcome.outcome == "awarded" else part):
        asked = f"asked {request.servers}, needs {request.minimum}"
        yield _about(outcome, "amount_wrong", f"is {outcome.outcome} {outcome.servers}; {asked}")


def _reason(outcome: Outcome) -> Iterator[Violation]:
    code = outcome.reason.code
    if code not in CATALOGUE:
        yield _about(outcome, "reason_unknown", f"has the reason {code!r}, not in the catalogue")
        return
    if code not in _SAID_OF[outcome.outcome]:
        yield _about(outcome, "reason_unfit", f"is {outcome.outcome} with the reason {code}")
    missing = set(re.findall(r"{(\w+)}", CATALOGUE[code])) - outcome.reason.params.keys()
    if missing:
        yield _about(outcome, "reason_incomplete", f"its reason lacks {', '.join(sorted(missing))}")


def _overdrawn(tally: _Tally) -> Iterator[Violation]:
    for (kind, name), left in sorted(tally.left.items()):
        if left < 0:
            yield Violation(rule=f"{kind}_exceeded", detail=f"{kind} {name} by {-left} servers")


def _complaints(snapshot: RoundSnapshot, policy: RoundPolicy, tally: _Tally) -> Iterator[Violation]:
    for ahead in _waiting(snapshot, tally):
        full = {
            bound for bound in _limits(snapshot, policy, ahead) if tally.left[bound] < ahead.minimum
        }
        for outcome in tally.served.values():
            behind = tally.requests[outcome.application]
            offer = tally.offers[str(outcome.pool)]
            if (
                (behind.track, behind.size_class) == (ahead.track, ahead.size_class)
                and behind.rank > ahead.rank
                and behind.minimum >= ahead.minimum
                and offer.model in ahead.models
                and full <= _limits(snapshot, policy, behind)
            ):
                yield Violation(
                    rule="rank_broken",
                    detail=f"{ahead.application} at rank {ahead.rank} waits while"
                    f" {behind.application} at rank {behind.rank} holds servers of {offer.pool}"
                    " that would do for it",
                )


def _room_unused(
    snapshot: RoundSnapshot, policy: RoundPolicy, tally: _Tally
) -> Iterator[Violation]:
    for request in _waiting(snapshot, tally):
        for offer in snapshot.offers:
            bounds = {("pool", offer.pool), *_limits(snapshot, policy, request)}
            if offer.model in request.models and all(
                tally.left[bound] >= request.minimum for bound in bounds
            ):
                yield Violation(
                    rule="unserved_but_fits",
                    detail=f"{request.application} waits but {offer.pool} has room for it",
                )
    for outcome in tally.served.values():
        request = tally.requests[outcome.application]
        bounds = {("pool", str(outcome.pool)), *_limits(snapshot, policy, request)}
        if outcome.servers < request.servers and all(tally.left[b] > 0 for b in bounds):
            yield _about(outcome, "reduced_but_fits", f"could hold more of {outcome.pool}")


def _waiting(snapshot: RoundSnapshot, tally: _Tally) -> list[Request]:
    return [r for r in snapshot.requests if r.application not in tally.served]


def _claims(tally: _Tally, plan: RoundPlan) -> Iterator[Violation]:
    reached = sum(
        outcome.servers * tally.requests[name].merit_per_server
        for name, outcome in tally.served.items()
    )
    if plan.objective != reached:
        detail = f"claims merit {plan.objective}, reaches {reached}"
        yield Violation(rule="objective_wrong", detail=detail)
    if plan.bound < plan.objective or plan.optimal != (plan.bound == plan.objective):
        detail = f"merit {plan.objective}, bound {plan.bound}, optimal {plan.optimal}"
        yield Violation(rule="bound_wrong", detail=detail)


def _about(outcome: Outcome, rule: str, what: str) -> Violation:
    return Violation(rule=rule, detail=f"{outcome.application} {what}")
