"""Where a job of this size should run: the project's guarantees and lent rights side by side.

- A place is one right of the project: an allocation, or what it may borrow, on one pool. Places
  that cannot run the job are named with the reason; among the others, in this order:
  1. what starts at once before what has a time, that before what waits for the project's own jobs,
     that before what waits for an unknown time;
  2. of two that start at once, the guarantee before what is lent: nobody takes it back;
  3. the earlier time;
  4. the model that was named first, then the smallest memory that is enough: larger ones stay free
     for who needs them;
  5. the place with more left, so that the next job fits too.
- Free within a guarantee starts at once, whatever runs there now: what is lent gives way.
- An estimate is the site's own; where it says none, none is made up here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, Literal

from pydantic import AwareDatetime, Field, JsonValue, model_validator

from dure.vocabulary.distinct import require_distinct
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Reason

Start = Literal["at_once", "at", "after_own", "unknown", "never"]
"""after_own: when enough of the project's own jobs there have ended."""

RANK: Final[dict[Start, int]] = {"at_once": 0, "at": 1, "after_own": 2, "unknown": 3, "never": 4}

_NO_TIME: Final = 0


class Wish(Frozen):
    """What the job needs. `models`: those that will do, the best first; none named: any will.

    `lent`: whether it may be preempted and wait again ("only": it shall not use a guarantee).
    """

    accelerators: int = Field(gt=0)
    models: tuple[str, ...] = ()
    memory_gb: int = Field(default=0, ge=0, description="of each accelerator, at least")
    lent: Literal["no", "also", "only"] = "no"
    time_limit_s: int | None = Field(default=None, gt=0)


class Estimate(Frozen):
    """The site says when a lent job of this size would start; `at` None: it sees no time."""

    accelerators: int = Field(gt=0)
    at: AwareDatetime | None


class Place(Frozen):
    """One right of the project. `allocation` None: what it may borrow on the pool.

    `limit`: the accelerators it is for; `in_use` and `queued`: those of the project's own jobs that
    run and wait under it. `up`: accelerators of the pool that work; `idle`: of these, held by
    nobody; None where the site does not say. `heard`: the site's agent was heard of lately.
    """

    cluster: str
    pool: str
    model: str
    memory_gb: int = Field(gt=0)
    allocation: str | None = None
    limit: int = Field(ge=0)
    in_use: int = Field(default=0, ge=0)
    queued: int = Field(default=0, ge=0)
    starts: AwareDatetime | None = None
    ends: AwareDatetime | None = None
    up: int | None = Field(default=None, ge=0)
    idle: int | None = Field(default=None, ge=0)
    heard: bool = True
    take_back_bound_s: float | None = None
    estimates: tuple[Estimate, ...] = ()

    @property
    def left(self) -> int:
        """What is left of the right, after the project's own jobs."""
        return max(0, self.limit - self.in_use - self.queued)


class Verdict(Frozen):
    """What one place means for the job. `why_not`: why another was chosen, where it could run."""

    cluster: str
    pool: str
    allocation: str | None
    start: Start
    at: AwareDatetime | None = None
    reason: Reason
    why_not: Reason | None = None


class Route(Frozen):
    """Every place with its verdict, the best first. `chosen`: the first, if it can run the job."""

    chosen: Verdict | None
    verdicts: tuple[Verdict, ...]


class RoutingSnapshot(Frozen):
    """What is decided from."""

    wish: Wish
    places: tuple[Place, ...]
    now: AwareDatetime

    @model_validator(mode="after")
    def _named_once(self) -> RoutingSnapshot:
        require_distinct("place", (f"{one.pool}/{one.allocation or 'lent'}" for one in self.places))
        return self


def choose(snapshot: RoutingSnapshot) -> Route:
    """The best place for the job, and why each other one is not."""
    wish, now = snapshot.wish, snapshot.now
    judged = [(place, judge(place, wish, now)) for place in snapshot.places]
    judged.sort(key=lambda one: _order(one[0], one[1], wish))
    verdicts = tuple(
        verdict
        if index == 0 or verdict.start == "never"
        else verdict.model_copy(update={"why_not": _why_not(judged[0], (place, verdict), wish)})
        for index, (place, verdict) in enumerate(judged)
    )
    best = verdicts[0] if verdicts and verdicts[0].start != "never" else None
    return Route(chosen=best, verdicts=verdicts)


def judge(place: Place, wish: Wish, now: datetime) -> Verdict:
    """What the place means for the job, whatever the others are."""
    hindrance = _hindrance(place, wish, now)
    if hindrance is not None:
        return _verdict(place, "never", hindrance)
    return _owners(place, wish) if place.allocation is not None else _borrowers(place, wish)


def _hindrance(place: Place, wish: Wish, now: datetime) -> Reason | None:
    """Why the place cannot run the job; None where it can."""
    lent = place.allocation is None
    if lent and wish.lent == "no":
        return _reason("routing.lent_not_wanted")
    if not lent and wish.lent == "only":
        return _reason("routing.guarantee_not_wanted")
    if wish.models and place.model not in wish.models:
        return _reason("routing.other_model", model=place.model)
    if place.memory_gb < wish.memory_gb:
        return _reason("routing.little_memory", has=place.memory_gb, needs=wish.memory_gb)
    if place.limit < wish.accelerators:
        code = "routing.beyond_loan" if lent else "routing.beyond_allocation"
        return _reason(code, needs=wish.accelerators, limit=place.limit)
    return _not_now(place, wish, now)


def _not_now(place: Place, wish: Wish, now: datetime) -> Reason | None:
    if place.starts is not None and now < place.starts:
        return _reason("routing.not_begun")
    if place.ends is not None and place.ends <= now:
        return _reason("routing.over")
    if place.ends is not None and now + timedelta(seconds=wish.time_limit_s or 0) > place.ends:
        return _reason("routing.outlasts")
    if not place.heard:
        return _reason("routing.silent", cluster=place.cluster)
    if place.up is not None and place.up < wish.accelerators:
        return _reason("routing.down", up=place.up, needs=wish.accelerators)
    return None


def _owners(place: Place, wish: Wish) -> Verdict:
    if wish.accelerators <= place.left:
        if place.take_back_bound_s is None:
            return _verdict(place, "at_once", _reason("routing.free", left=place.left))
        within = max(1, round(place.take_back_bound_s))
        reason = _reason("routing.free_within", left=place.left, seconds=within)
        return _verdict(place, "at_once", reason)
    reason = _reason(
        "routing.after_own", left=place.left, limit=place.limit, needs=wish.accelerators
    )
    return _verdict(place, "after_own", reason)


def _borrowers(place: Place, wish: Wish) -> Verdict:
    if wish.accelerators > place.left:
        reason = _reason("routing.loan_in_use", left=place.left, limit=place.limit)
        return _verdict(place, "after_own", reason)
    if place.idle is not None and place.idle >= wish.accelerators:
        return _verdict(place, "at_once", _reason("routing.idle", idle=place.idle))
    estimate = estimate_for(wish.accelerators, place.estimates)
    if estimate is None:
        return _verdict(place, "unknown", _reason("routing.no_estimate", needs=wish.accelerators))
    if estimate.at is None:
        return _verdict(place, "unknown", _reason("routing.no_time", needs=wish.accelerators))
    return _verdict(place, "at", _reason("routing.estimated"), at=estimate.at)


def estimate_for(accelerators: int, estimates: Iterable[Estimate]) -> Estimate | None:
    """The estimate for the next larger size: a smaller job starts no later."""
    enough = [one for one in estimates if one.accelerators >= accelerators]
    return min(enough, key=lambda one: one.accelerators, default=None)


def _order(place: Place, verdict: Verdict, wish: Wish) -> tuple[object, ...]:
    return (
        RANK[verdict.start],
        place.allocation is None if verdict.start == "at_once" else False,
        verdict.at.timestamp() if verdict.at is not None else _NO_TIME,
        _preference(place, wish),
        place.memory_gb,
        -place.left,
        place.pool,
        place.allocation or "",
    )


def _preference(place: Place, wish: Wish) -> int:
    return wish.models.index(place.model) if place.model in wish.models else len(wish.models)


def _why_not(best: tuple[Place, Verdict], other: tuple[Place, Verdict], wish: Wish) -> Reason:
    """The first of the rules by which `best` goes before."""
    (first, chosen), (place, verdict) = best, other
    if chosen.start != verdict.start or chosen.at != verdict.at:
        return _reason("routing.starts_later", pool=first.pool)
    if verdict.start == "at_once" and (place.allocation is None) != (first.allocation is None):
        return _reason("routing.may_be_taken_back", pool=first.pool)
    if _preference(place, wish) != _preference(first, wish):
        return _reason("routing.model_less_wanted", model=first.model)
    if place.memory_gb != first.memory_gb:
        return _reason("routing.larger_than_needed", model=first.model)
    if place.left != first.left:
        return _reason("routing.less_left", pool=first.pool, left=place.left, there=first.left)
    return _reason("routing.by_name", pool=first.pool)


def _verdict(place: Place, start: Start, reason: Reason, *, at: datetime | None = None) -> Verdict:
    return Verdict(
        cluster=place.cluster,
        pool=place.pool,
        allocation=place.allocation,
        start=start,
        at=at,
        reason=reason,
    )


def _reason(code: str, **params: JsonValue) -> Reason:
    return Reason(code=code, params=params)
