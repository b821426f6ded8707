"""What must be true of every route, checked from the snapshot alone.

- Every place has one verdict, and a reason.
- The chosen place can run the job: its model and memory are wanted, its right is large enough, in
  force, and its site was heard of.
- None is chosen only where none can run it; the chosen one stands first.
- No place that is free within a guarantee is passed over, unless for another such; no idle one is
  passed over for one that has to wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from dure.engine.routing import Place, Route, RoutingSnapshot, Verdict
from dure.vocabulary.plans import Violation


def violations(snapshot: RoutingSnapshot, route: Route) -> tuple[Violation, ...]:
    """Every violation of the rules above; none, and the job may be sent."""
    return (
        *_complete(snapshot, route),
        *_able(snapshot, route),
        *_first(snapshot, route),
        *_at_once(snapshot, route),
    )


def _complete(snapshot: RoutingSnapshot, route: Route) -> Iterator[Violation]:
    places = sorted((one.pool, one.allocation or "") for one in snapshot.places)
    judged = sorted((one.pool, one.allocation or "") for one in route.verdicts)
    if places != judged:
        yield Violation(rule="complete", detail=f"places {places}, verdicts {judged}")


def _able(snapshot: RoutingSnapshot, route: Route) -> Iterator[Violation]:
    if route.chosen is None:
        return
    place = _place(snapshot, route.chosen)
    if place is None or not _can(snapshot, place):
        yield Violation(rule="able", detail=f"{route.chosen.pool} cannot run the job")


def _first(snapshot: RoutingSnapshot, route: Route) -> Iterator[Violation]:
    if route.chosen is None:
        able = [one.pool for one in snapshot.places if _can(snapshot, one)]
        if able:
            yield Violation(rule="none", detail=f"{able[0]} can run the job, and none is chosen")
    elif route.verdicts[0] != route.chosen:
        yield Violation(rule="first", detail=f"{route.chosen.pool} is chosen and not the first")


def _at_once(snapshot: RoutingSnapshot, route: Route) -> Iterator[Violation]:
    chosen = None if route.chosen is None else _place(snapshot, route.chosen)
    if chosen is None:
        return
    for place in snapshot.places:
        if not _can(snapshot, place):
            continue
        if _free(snapshot, place) and not _free(snapshot, chosen):
            yield Violation(rule="guarantee", detail=f"{place.pool} is free and passed over")
        if _idle(snapshot, place) and not (_free(snapshot, chosen) or _idle(snapshot, chosen)):
            yield Violation(rule="idle", detail=f"{place.pool} stands idle and is passed over")


def _place(snapshot: RoutingSnapshot, verdict: Verdict) -> Place | None:
    key = (verdict.pool, verdict.allocation)
    return next((one for one in snapshot.places if (one.pool, one.allocation) == key), None)


def _can(snapshot: RoutingSnapshot, place: Place) -> bool:
    wish, now = snapshot.wish, snapshot.now
    ends = now + timedelta(seconds=wish.time_limit_s or 1)
    return (
        (wish.lent != "no" if place.allocation is None else wish.lent != "only")
        and (not wish.models or place.model in wish.models)
        and place.memory_gb >= wish.memory_gb
        and place.limit >= wish.accelerators
        and (place.starts is None or place.starts <= now)
        and (place.ends is None or (place.ends > now and ends <= place.ends))
        and place.heard
        and (place.up is None or place.up >= wish.accelerators)
    )


def _free(snapshot: RoutingSnapshot, place: Place) -> bool:
    taken = place.in_use + place.queued
    return place.allocation is not None and place.limit - taken >= snapshot.wish.accelerators


def _idle(snapshot: RoutingSnapshot, place: Place) -> bool:
    needs = snapshot.wish.accelerators
    within = place.limit - place.in_use - place.queued >= needs
    return place.allocation is None and within and (place.idle or 0) >= needs
