"""Rounds side by side: what other rules or other supply would have come to.

- Every scenario is a stored snapshot and its plan; one of them is the base that the others are held
  against. Nothing is planned here.
- An application wins or loses where it is served in one and not in the other; it gets more or fewer
  by servers times months; it moves where that stays the same in another pool or from another month.
- Only differences are listed. One that is in one scenario alone counts as not served in the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from dure.engine.allocation.facts import Outcome, Request, RoundPlan, RoundSnapshot
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Reason

Scenario = tuple[RoundSnapshot, RoundPlan]
Change = Literal["won", "lost", "more", "fewer", "moved"]

DIMENSIONS: tuple[Literal["sector", "region", "size_class"], ...] = (
    "sector",
    "region",
    "size_class",
)


class Totals(Frozen):
    """What one scenario comes to. `servers`: of all the awards, whatever their months."""

    applications: int
    served: int
    whole: int
    servers: int
    server_months: int
    server_months_idle: int
    merit: int
    optimal: bool


class Place(Frozen):
    """What an application holds in one scenario."""

    pool: str | None
    servers: int
    start: int
    months: int


class Difference(Frozen):
    """One application that a scenario treats otherwise than the base does, and both reasons.

    A reason is None where the application is not in that scenario.
    """

    application: str
    change: Change
    before: Place
    after: Place
    why_before: Reason | None
    why_after: Reason | None


class GroupDifference(Frozen):
    """By how much a group is better (or worse, below zero) off than in the base."""

    dimension: str
    group: str
    served: int
    server_months: int


class Compared(Frozen):
    """One scenario against the base."""

    scenario: str
    totals: Totals
    applications: tuple[Difference, ...]
    groups: tuple[GroupDifference, ...]


class Comparison(Frozen):
    """The base and, by name, every other scenario."""

    base: Totals
    others: tuple[Compared, ...]


NOTHING = Place(pool=None, servers=0, start=0, months=0)


def compare(base: Scenario, others: Mapping[str, Scenario]) -> Comparison:
    """Holds every scenario against the base; the scenarios come in the order of their names."""
    return Comparison(
        base=_totals(base),
        others=tuple(_compared(name, base, others[name]) for name in sorted(others)),
    )


def _totals(scenario: Scenario) -> Totals:
    snapshot, plan = scenario
    given = sum(o.servers * o.months for o in plan.intents)
    return Totals(
        applications=len(plan.intents),
        served=sum(o.pool is not None for o in plan.intents),
        whole=sum(o.outcome == "awarded" for o in plan.intents),
        servers=sum(o.servers for o in plan.intents),
        server_months=given,
        server_months_idle=sum(sum(offer.servers) for offer in snapshot.offers) - given,
        merit=plan.objective,
        optimal=plan.optimal,
    )


def _compared(name: str, base: Scenario, other: Scenario) -> Compared:
    before, after = _outcomes(base[1]), _outcomes(other[1])
    found = (
        _difference(application, before.get(application), after.get(application))
        for application in sorted(before.keys() | after.keys())
    )
    return Compared(
        scenario=name,
        totals=_totals(other),
        applications=tuple(difference for difference in found if difference is not None),
        groups=_groups(base, other),
    )


def _outcomes(plan: RoundPlan) -> dict[str, Outcome]:
    return {outcome.application: outcome for outcome in plan.intents}


def _place(outcome: Outcome | None) -> Place:
    if outcome is None or outcome.pool is None:
        return NOTHING
    return Place(
        pool=outcome.pool, servers=outcome.servers, start=outcome.start, months=outcome.months
    )


def _difference(application: str, was: Outcome | None, became: Outcome | None) -> Difference | None:
    before, after = _place(was), _place(became)
    if before == after:
        return None
    had, has = before.servers * before.months, after.servers * after.months
    change: Change
    if before.pool is None:
        change = "won"
    elif after.pool is None:
        change = "lost"
    else:
        change = "more" if has > had else "fewer" if has < had else "moved"
    return Difference(
        application=application,
        change=change,
        before=before,
        after=after,
        why_before=was.reason if was else None,
        why_after=became.reason if became else None,
    )


def _groups(base: Scenario, other: Scenario) -> tuple[GroupDifference, ...]:
    """The groups whose success or servers differ, in the order of dimensions and names."""
    before, after = _by_group(base), _by_group(other)
    found = []
    for dimension in DIMENSIONS:
        keys = (key for key in before.keys() | after.keys() if key[0] == dimension)
        for key in sorted(keys):
            (served, months), (now, now_months) = before.get(key, (0, 0)), after.get(key, (0, 0))
            if (served, months) != (now, now_months):
                found.append(
                    GroupDifference(
                        dimension=dimension,
                        group=key[1],
                        served=now - served,
                        server_months=now_months - months,
                    )
                )
    return tuple(found)


def _by_group(scenario: Scenario) -> dict[tuple[str, str], tuple[int, int]]:
    """Applications served and server-months given, by dimension and group."""
    requests = {r.application: r for r in scenario[0].requests}
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for outcome in scenario[1].intents:
        place = _place(outcome)
        for dimension in DIMENSIONS:
            key = (dimension, _group(requests[outcome.application], dimension))
            served, months = found.get(key, (0, 0))
            given = place.servers * place.months
            found[key] = (served + (place.pool is not None), months + given)
    return found


def _group(request: Request, dimension: Literal["sector", "region", "size_class"]) -> str:
    match dimension:
        case "sector":
            return request.sector
        case "region":
            return request.region
        case "size_class":
            return request.size_class
