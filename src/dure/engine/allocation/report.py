"""What a round came to: a funnel, who succeeded, what each bound cost.

- The funnel counts applications: all, those that some pool could hold, those that the bounds and
  what was promised before would allow, and what became of them.
- Success is being served at all, whole or in part, by sector, region, size class, track and every
  further facet; rates are exact. The interval of 95 % says how little a small group's rate tells.
- What an application asks for is its most wanted model, for all its months.
- Of bounds that each organisation or region has by itself, those are listed that are used up in
  some month; a bound taken together is always listed.
- Prices are the plan's own: what one more server for one month would add in merit, at the margin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import groupby
from math import sqrt
from typing import Final

from dure.engine.allocation.excuses import justified_complaints
from dure.engine.allocation.facts import (
    Group,
    Monthly,
    Outcome,
    Price,
    Request,
    RoundPlan,
    RoundPolicy,
    RoundSnapshot,
)
from dure.engine.allocation.limits import Award, Round, read
from dure.engine.allocation.matching import holds, unit, wants
from dure.engine.allocation.windows import Windows
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.programme.types import Exact

Z_95: Final = 1.959964
"""Half of the interval of 95 % of a normal distribution, in standard deviations."""


class Funnel(Frozen):
    """How many applications are left at each step, and what the plan reached.

    `gap` is the share of the bound that the plan may lack at most.
    """

    applications: int
    fit_a_pool: int
    within_bounds: int
    served_whole: int
    served_in_part: int
    waiting: int
    servers_asked: int
    server_months_asked: int
    server_months_given: int
    merit: int
    bound: int
    gap: Exact


class PoolUse(Frozen):
    """Servers of one pool in each month."""

    pool: str
    model: str
    offered: Monthly
    given: Monthly
    left: Monthly


class Success(Frozen):
    """How one group fared. `low` and `high`: Wilson's interval of the success rate."""

    dimension: str
    group: str
    applications: int
    served: int
    server_months_asked: int
    server_months_given: int
    success: Exact
    given_of_asked: Exact
    low: float
    high: float


class BoundUse(Frozen):
    """One bound: what was promised before, what this round gives, what is left in each month.

    `reached` counts this round's server-months towards `least`.
    """

    group: str
    kind: str
    unit: str
    most: int | None
    least: int | None
    held: Monthly
    given: Monthly
    left: Monthly | None
    reached: int
    prices: tuple[Price, ...]


class RoundReport(Frozen):
    """Everything about one round that its page and its letter of transparency need."""

    funnel: Funnel
    pools: tuple[PoolUse, ...]
    fairness: tuple[Success, ...]
    bounds: tuple[BoundUse, ...]
    complaints: int


def round_report(snapshot: RoundSnapshot, policy: RoundPolicy, plan: RoundPlan) -> RoundReport:
    """The report of a finished plan; the order of the snapshot's entries changes nothing."""
    round_ = read(snapshot, policy, plan.header.seed)
    outcomes = {outcome.application: outcome for outcome in plan.intents}
    return RoundReport(
        funnel=_funnel(round_, plan),
        pools=tuple(_pool_uses(round_, plan)),
        fairness=tuple(_fairness(round_.requests, outcomes)),
        bounds=tuple(_bound_uses(round_, plan)),
        complaints=len(justified_complaints(round_, awards_of(plan))),
    )


def awards_of(plan: RoundPlan) -> dict[str, Award]:
    """What the plan awards, by application."""
    return {
        outcome.application: Award(outcome.pool, outcome.servers, outcome.start)
        for outcome in plan.intents
        if outcome.pool is not None
    }


def _funnel(round_: Round, plan: RoundPlan) -> Funnel:
    before = Windows(round_, round_.room({}))
    became = Counter(outcome.outcome for outcome in plan.intents)
    return Funnel(
        applications=len(round_.requests),
        fit_a_pool=sum(_fits_a_pool(r, round_, before) for r in round_.requests),
        within_bounds=sum(_within_bounds(r, round_, before) for r in round_.requests),
        served_whole=became["awarded"],
        served_in_part=became["reduced"],
        waiting=became["waitlisted"],
        servers_asked=sum(r.wishes[0].servers for r in round_.requests),
        server_months_asked=sum(_asked(r) for r in round_.requests),
        server_months_given=sum(_given(o) for o in plan.intents),
        merit=plan.objective,
        bound=plan.bound,
        gap=Fraction(plan.bound - plan.objective, plan.bound) if plan.bound else Fraction(0),
    )


def _fits_a_pool(request: Request, round_: Round, before: Windows) -> bool:
    starts = slice(request.earliest, request.latest + 1)
    for wish in request.wishes:
        if wish.model not in round_.by_model:
            continue
        fits = before.servers(wish.model, request.months)[:, starts] >= wish.minimum
        if request.contiguity == "blocks":
            blocks = before.in_blocks(wish.model, request.months)[:, starts]
            fits = fits & (blocks >= wish.minimum)
        if fits.any():
            return True
    return False


def _within_bounds(request: Request, round_: Round, before: Windows) -> bool:
    starts, blocks = slice(request.earliest, request.latest + 1), request.contiguity == "blocks"
    return any(
        bool(
            (
                before.fitting(request, wish.model, request.months, blocks=blocks)[:, starts]
                >= wish.minimum
            ).any()
        )
        for wish in request.wishes
        if wish.model in round_.by_model
    )


def _asked(request: Request) -> int:
    return request.wishes[0].servers * request.months


def _given(outcome: Outcome) -> int:
    return outcome.servers * outcome.months if outcome.pool is not None else 0


def _pool_uses(round_: Round, plan: RoundPlan) -> Iterator[PoolUse]:
    months = round_.snapshot.months
    by_pool: dict[str, list[Outcome]] = {pool: [] for pool in round_.offers}
    for outcome in plan.intents:
        if outcome.pool is not None:
            by_pool[outcome.pool].append(outcome)
    for pool, offer in round_.offers.items():
        given = _monthly(by_pool[pool], months)
        yield PoolUse(
            pool=pool,
            model=offer.model,
            offered=offer.servers,
            given=given,
            left=tuple(a - b for a, b in zip(offer.servers, given, strict=True)),
        )


def _monthly(outcomes: Iterable[Outcome], months: int) -> Monthly:
    found = [0] * months
    for outcome in outcomes:
        for month in range(outcome.start, outcome.start + outcome.months):
            found[month] += outcome.servers
    return tuple(found)


def _fairness(requests: tuple[Request, ...], outcomes: Mapping[str, Outcome]) -> Iterator[Success]:
    said = sorted(
        ((dimension, group, r.application) for r in requests for dimension, group in _groups(r))
    )
    by_name = {r.application: r for r in requests}
    for (dimension, group), members in groupby(said, key=lambda one: one[:2]):
        names = [application for _, _, application in members]
        yield _success(dimension, group, [(by_name[n], outcomes[n]) for n in names])


def _groups(request: Request) -> Iterator[tuple[str, str]]:
    yield "sector", request.sector
    yield "region", request.region
    yield "size_class", request.size_class
    yield "track", request.track
    yield from request.facets.items()


def _success(dimension: str, group: str, members: list[tuple[Request, Outcome]]) -> Success:
    served = sum(outcome.pool is not None for _, outcome in members)
    asked = sum(_asked(request) for request, _ in members)
    given = sum(_given(outcome) for _, outcome in members)
    low, high = wilson(served, len(members))
    return Success(
        dimension=dimension,
        group=group,
        applications=len(members),
        served=served,
        server_months_asked=asked,
        server_months_given=given,
        success=Fraction(served, len(members)),
        given_of_asked=Fraction(given, asked),
        low=low,
        high=high,
    )


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's interval of 95 % for a rate, to four decimals (E. B. Wilson, JASA 22, 1927)."""
    rate, z2 = successes / trials, Z_95 * Z_95
    centre = rate + z2 / (2 * trials)
    half = Z_95 * sqrt(rate * (1 - rate) / trials + z2 / (4 * trials * trials))
    scale = 1 + z2 / trials
    return round(max(0.0, (centre - half) / scale), 4), round(min(1.0, (centre + half) / scale), 4)


def _bound_uses(round_: Round, plan: RoundPlan) -> Iterator[BoundUse]:
    outcomes = {outcome.application: outcome for outcome in plan.intents}
    for group in sorted(round_.policy.groups, key=lambda g: g.group):
        members: dict[str, list[Outcome]] = {} if group.each != "together" else {"": []}
        for request in round_.requests:
            outcome = outcomes[request.application]
            if outcome.pool is None:
                continue
            if wants(group, request, round_.offers[outcome.pool].model):
                members.setdefault(unit(group, request), []).append(outcome)
        for name in sorted(members):
            use = _bound_use(group, name, members[name], round_, plan.prices)
            if group.each == "together" or (use.left is not None and min(use.left) == 0):
                yield use


def _bound_use(
    group: Group, name: str, served: list[Outcome], round_: Round, prices: tuple[Price, ...]
) -> BoundUse:
    months = round_.snapshot.months
    given, held = _monthly(served, months), [0] * months
    for fact in round_.snapshot.held:
        if holds(group, fact) and unit(group, fact) == name:
            held = [a + b for a, b in zip(held, fact.servers, strict=True)]
    most = group.most
    return BoundUse(
        group=group.group,
        kind=group.kind,
        unit=name,
        most=most,
        least=group.least,
        held=tuple(held),
        given=given,
        left=None
        if most is None
        else tuple(max(0, most - a - b) for a, b in zip(held, given, strict=True)),
        reached=sum(given),
        prices=tuple(p for p in prices if p.kind == group.kind and p.name == (name or group.group)),
    )
