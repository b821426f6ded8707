"""Reading a ranking: raw beside corrected, what was found of the reviewers, what hangs on what.

- The ranking is read from the stored plan, the sensitivity computed anew from the stored inputs:
  the same inputs give the same answer, also when the reviews are gone.
- Once there is a round, what hangs on the correction is found by making its plan again in the other
  order. For one reviewer or point, before a round, and where somebody asks for so many places, who
  is served is put simply: the first so many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from django.core.cache import cache

from dure.engine.scoring import Ranked, ScoringPlan, ScoringSnapshot, chances
from dure.hub.allocations.models import Decision, Outcome
from dure.hub.calls.models import Application, Call
from dure.hub.people.gate import Action, NotPermitted, require
from dure.hub.people.models import User
from dure.hub.reviews.round_again import round_again
from dure.hub.supply.models import Pool
from dure.hub.supply.queries import rules
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme import Rubric

if TYPE_CHECKING:  # it loads numpy
    from dure.engine.scoring.sensitivity import OnePoint

SCORING: Final = "scoring"
Order = Literal["rank", "raw", "shift"]
KEPT_S: Final = 3600
"""A sensitivity takes seconds and never changes; a page turned need not make it again."""


@dataclass(frozen=True, slots=True)
class Line:
    """One application's two scores and ranks; titles are added for those that are shown."""

    ranked: Ranked
    title: str = ""
    organisation: str = ""

    @property
    def fallen(self) -> int:
        """Places lost by the correction."""
        return max(0, -(self.ranked.shift or 0))


@dataclass(frozen=True, slots=True)
class RankingSeen:
    """A call's latest ranking."""

    call: Call
    decision: Decision
    plan: ScoringPlan

    @property
    def notes(self) -> tuple[Reason, ...]:
        return self.plan.notes

    @property
    def moved(self) -> int:
        """Applications that the correction gave another rank."""
        return sum(bool(one.shift) for one in self.plan.intents)

    @property
    def ranked(self) -> int:
        return sum(one.rank is not None for one in self.plan.intents)

    def lines(self, order: Order) -> list[Ranked]:
        """Every application in the order asked for; those without that rank come last."""
        last = len(self.plan.intents) + 1
        if order == "shift":
            return sorted(
                self.plan.intents, key=lambda one: (-abs(one.shift or 0), one.rank or last)
            )
        if order == "raw":
            return sorted(
                self.plan.intents, key=lambda one: (one.raw_rank or last, one.rank or last)
            )
        return list(self.plan.intents)


def ranking_of(*, key: str, by: User) -> RankingSeen | None:
    """The latest ranking of the call; None before one. Raises NotPermitted, also without a call."""
    require(by, Action.SEE_ROUND)
    call = Call.objects.select_related("programme").defer("programme__document").filter(key=key)
    found = call.first()
    if found is None:
        raise NotPermitted(by, Action.SEE_ROUND)
    decision = (
        Decision.objects.filter(call=found, kind=SCORING).defer("snapshot").order_by("-number")
    ).first()
    if decision is None:
        return None
    return RankingSeen(found, decision, ScoringPlan.model_validate(decision.plan))


def titled(lines: Sequence[Ranked]) -> list[Line]:
    """The lines of one page with the applications' titles."""
    titles = {number: (title, name) for number, title, name in _titles(lines)}
    return [Line(one, *titles.get(one.application, ("", ""))) for one in lines]


def _titles(lines: Sequence[Ranked]) -> Any:
    numbers = [one.application for one in lines]
    return Application.objects.filter(number__in=numbers).values_list(
        "number", "title", "organisation__name"
    )


def order_asked(word: str) -> Order:
    """The order that an address asks for; by rank where it asks for none that there is."""
    return next((order for order in get_args(Order) if order == word), "rank")


@dataclass(frozen=True, slots=True)
class Hanging:
    """An application whose outcome hangs on something, and how probably it is among the best."""

    application: str
    rank: int | None
    served: bool
    on_correction: bool
    on_reviewers: tuple[str, ...]
    on_points: tuple[OnePoint, ...]
    chance: Fraction | None


@dataclass(frozen=True, slots=True)
class SensitivitySeen:
    """Whose outcome hangs on what, where the first `places` are served."""

    places: int
    corrects: bool
    by_round: bool
    hanging: tuple[Hanging, ...]

    @property
    def on_correction(self) -> int:
        return sum(one.on_correction for one in self.hanging)

    @property
    def on_reviewers(self) -> int:
        return sum(bool(one.on_reviewers) for one in self.hanging)

    @property
    def on_points(self) -> int:
        return sum(bool(one.on_points) for one in self.hanging)


def sensitivity_of(*, seen: RankingSeen, by: User, places: int | None = None) -> SensitivitySeen:
    """Computed where it was not asked for lately. `places`: as many as are served or would be."""
    require(by, Action.SEE_ROUND)
    served = _places(seen) if places is None else places
    served = max(1, min(served, seen.ranked or 1))
    latest = Decision.objects.filter(call=seen.call, kind="round").order_by("-number")
    number = latest.values_list("number", flat=True).first()
    made_at = seen.decision.made_at.isoformat()
    key = f"sensitivity:{seen.decision.pk}:{made_at}:{served}:{number if places is None else 0}"
    kept = cache.get(key)
    if kept is None:
        kept = _computed(seen, served, by_round=places is None)
        cache.set(key, kept, KEPT_S)
    found: SensitivitySeen = kept
    return found


def _computed(seen: RankingSeen, places: int, *, by_round: bool) -> SensitivitySeen:
    from dure.engine.scoring.sensitivity import sensitivity  # noqa: PLC0415  # loads numpy

    snapshot = ScoringSnapshot.model_validate(seen.decision.snapshot)
    rubric = Rubric.model_validate(seen.decision.policy)
    seed = seen.plan.header.seed
    decided = round_again(seen.call) if by_round else None
    made = sensitivity(
        snapshot, rubric, seed, lambda ranked: frozenset(ranked[:places]), decided=decided
    )
    likely: Mapping[str, Fraction] = chances(snapshot, rubric, seed, top=places)
    ranks = {one.application: one.rank for one in seen.plan.intents}
    return SensitivitySeen(
        places=places,
        corrects=rubric.correction != "none",
        by_round=decided is not None,
        hanging=tuple(
            Hanging(
                application=one.application,
                rank=ranks[one.application],
                served=one.served,
                on_correction=one.on_correction,
                on_reviewers=one.on_reviewers,
                on_points=one.on_points,
                chance=likely.get(one.application),
            )
            for one in made.dependent
        ),
    )


def _places(seen: RankingSeen) -> int:
    """As many as the latest round serves; before one, as many as the free servers do by rank."""
    from dure.engine.scoring.sensitivity import until_used_up  # noqa: PLC0415  # loads numpy

    given = Outcome.objects.filter(decision__call=seen.call, servers__gt=0)
    latest = Decision.objects.filter(call=seen.call, kind="round").order_by("-number")[:1]
    served = given.filter(decision__in=list(latest)).count()
    if served:
        return served
    asked = seen.call.applications.values_list("number", "amount")
    amounts = {number: amount or 0 for number, amount in asked}
    ranked = [
        one.application for one in seen.plan.intents if one.rank and one.application in amounts
    ]
    return len(until_used_up(amounts, _free_servers(seen.call))(ranked))


def _free_servers(call: Call) -> int:
    asked = rules(call.programme).call(call.key)
    named = asked.pools if asked else ()
    return sum(pool.free_servers for pool in Pool.objects.filter(key__in=named))
