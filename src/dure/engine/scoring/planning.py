"""Scoring: from reviewers' points to one published order.

- A reviewer gives each criterion 0 to its points; their sum is the reviewer's score out of the
  rubric's total. An application's raw score is the exact mean over its reviewers plus its bonus.
- The score that counts is the raw one, or the one corrected for reviewers where the rubric says so;
  both stand in the plan, with both ranks.
- Order: higher score first; equal scores by the tie-break, a hash of the published seed and the
  application's id that anybody can recompute.
- An application with too few reviews, or below the pass mark, has no rank and says why. The mark
  is for the score that counts; ranks within reviewers carry no level, so there for the raw one.
- Whole numbers and fractions only: a float's last digit must not order two applications.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from hashlib import sha256
from math import floor
from typing import TYPE_CHECKING

from pydantic import JsonValue

from dure.engine.scoring.facts import Ranked, ScoringPlan, ScoringSnapshot
from dure.engine.scoring.panel import Panel
from dure.engine.scoring.points import hundredths, total, two_decimals
from dure.vocabulary.plans import Header, Reason
from dure.vocabulary.programme.calls import Rubric

if TYPE_CHECKING:  # it loads numpy, which a plain mean does without
    from dure.engine.scoring.correction import Correction


class UnknownApplicationError(ValueError):
    """Points for an application that is not in the call."""


def tie_break(seed: str, application: str) -> str:
    """SHA-256 of `seed:application` in hexadecimal; among equal scores the lower goes first."""
    return sha256(f"{seed}:{application}".encode()).hexdigest()


def plan(snapshot: ScoringSnapshot, rubric: Rubric, header: Header) -> ScoringPlan:
    """Ranks the call's applications; `header.seed` is the published seed of the tie-break.

    Raises UnknownApplicationError, or a subclass of UnableToScoreError for the first review that
    does not fit the rubric.
    """
    made = orders(snapshot, rubric, header.seed)
    order, correction = made.order, made.correction
    spans: Mapping[str, tuple[int, int]] = {}
    if correction is not None:
        spans = correction.intervals(sorted(order.ranks), snapshot.bonus_points, header.seed)
    return ScoringPlan(
        header=header,
        intents=tuple(order.intent(one, made.raw, header.seed, spans) for one in order.standings),
        estimate=correction.estimate() if correction else None,
        notes=made.notes(),
    )


@dataclass(frozen=True)
class Orders:
    """A call's raw order and the one that counts; the same where nothing is corrected."""

    panel: Panel
    standings: tuple[Standing, ...]
    rubric: Rubric
    correction: Correction | None

    @cached_property
    def raw(self) -> Order:
        return Order.of(self.standings, self.rubric)

    @cached_property
    def order(self) -> Order:
        if self.correction is None:
            return self.raw
        return Order.of([s.corrected(self.correction) for s in self.standings], self.rubric)

    def notes(self) -> tuple[Reason, ...]:
        """What of the panel a reader of the ranking should know."""
        if self.rubric.correction == "none":
            return self.panel.notes()
        if self.correction is None:
            return (*self.panel.notes(), Reason(code="scoring.too_few_to_correct"))
        return (*self.panel.notes(), *self.correction.notes())


def orders(snapshot: ScoringSnapshot, rubric: Rubric, seed: str) -> Orders:
    """The orders without reasons and chances. Raises what `plan` raises."""
    return orders_of(panel_of(snapshot, rubric), snapshot, rubric, seed)


def orders_of(panel: Panel, snapshot: ScoringSnapshot, rubric: Rubric, seed: str) -> Orders:
    """The same of a panel that is read already; of the snapshot only applications and bonus."""
    standings = _standings(snapshot, panel, seed)
    return Orders(panel, tuple(standings), rubric, correction_of(panel, rubric))


def chances(
    snapshot: ScoringSnapshot, rubric: Rubric, seed: str, *, top: int
) -> dict[str, Fraction]:
    """How probably each ranked application's own merit is among the best `top`.

    Empty where nothing is corrected: a plain mean has no model to ask. Raises what `plan` raises.
    """
    made = orders(snapshot, rubric, seed)
    if made.correction is None:
        return {}
    return made.correction.chances(sorted(made.order.ranks), snapshot.bonus_points, seed, top)


def panel_of(snapshot: ScoringSnapshot, rubric: Rubric) -> Panel:
    """The reviews, added up. Raises what `plan` raises."""
    named = {review.application for review in snapshot.reviews} | snapshot.bonus_points.keys()
    if strangers := sorted(named - set(snapshot.applications)):
        msg = f"reviews or bonus points for applications not in the call: {', '.join(strangers)}"
        raise UnknownApplicationError(msg)
    return Panel.of({(r.application, r.reviewer): total(r, rubric) for r in snapshot.reviews})


def correction_of(panel: Panel, rubric: Rubric) -> Correction | None:
    """The rubric's correction fitted to the panel; None without one, or with too few reviews."""
    if rubric.correction == "none" or not panel.can_be_corrected:
        return None
    from dure.engine.scoring.correction import Correction  # noqa: PLC0415  # loads numpy

    return Correction.of(panel, rubric.correction)


@dataclass(frozen=True, slots=True)
class Standing:
    """An application's reviews, added up; `error` where the score is a corrected one."""

    application: str
    totals: tuple[int, ...]
    bonus: int
    tie_break: str
    raw: Fraction
    score: Fraction
    error: Fraction | None = None

    @property
    def order(self) -> tuple[float, Fraction, str, str]:
        # The float, rounded, is never in another order; only where it is equal is the score asked.
        return -float(self.score), -self.score, self.tie_break, self.application

    def corrected(self, correction: Correction) -> Standing:
        """The same application with its corrected score; without a review there is none."""
        if not self.totals:
            return self
        return Standing(
            application=self.application,
            totals=self.totals,
            bonus=self.bonus,
            tie_break=self.tie_break,
            raw=self.raw,
            score=correction.scores[self.application] + self.bonus,
            error=correction.errors[self.application],
        )


def _standings(snapshot: ScoringSnapshot, panel: Panel, seed: str) -> list[Standing]:
    totals: defaultdict[str, list[int]] = defaultdict(list)
    for (application, _), points in panel.totals():
        totals[application].append(points)
    return [
        _standing(name, totals[name], snapshot.bonus_points.get(name, 0), seed)
        for name in snapshot.applications
    ]


def _standing(application: str, totals: list[int], bonus: int, seed: str) -> Standing:
    # Without a review there is nothing to add a bonus to.
    raw = Fraction(sum(totals), len(totals)) + bonus if totals else Fraction(0)
    return Standing(
        application=application,
        totals=tuple(sorted(totals)),
        bonus=bonus,
        tie_break=tie_break(seed, application),
        raw=raw,
        score=raw,
    )


@dataclass(frozen=True)
class Order:
    """Standings in the plan's order, ranks of those that have one, reasons of those that do not."""

    standings: tuple[Standing, ...]
    ranks: Mapping[str, int]
    kept_out: Mapping[str, Reason]

    @classmethod
    def of(cls, standings: Sequence[Standing], rubric: Rubric) -> Order:
        ordered = sorted(standings, key=lambda standing: standing.order)
        judged = {s.application: _why_unranked(s, rubric) for s in ordered}
        kept_out = {name: why for name, why in judged.items() if why is not None}
        eligible = [s for s in ordered if s.application not in kept_out]
        return cls(
            standings=(*eligible, *(s for s in ordered if s.application in kept_out)),
            ranks={s.application: rank for rank, s in enumerate(eligible, start=1)},
            kept_out=kept_out,
        )

    @cached_property
    def same_score(self) -> Mapping[Fraction, int]:
        """How many of the ranked have each score."""
        return Counter(s.score for s in self.standings if s.application in self.ranks)

    def intent(
        self,
        standing: Standing,
        raw: Order,
        seed: str,
        spans: Mapping[str, tuple[int, int]],
    ) -> Ranked:
        """The standing as the plan says it; `spans` are the intervals of ranks."""
        name = standing.application
        low, high = spans.get(name, (None, None))
        return Ranked(
            application=name,
            score=standing.score,
            spread=Fraction(standing.totals[-1] - standing.totals[0] if standing.totals else 0),
            reviews=len(standing.totals),
            rank=self.ranks.get(name),
            tie_break=standing.tie_break,
            raw_score=standing.raw,
            raw_rank=raw.ranks.get(name),
            standard_error=standing.error,
            rank_low=low,
            rank_high=high,
            reason=self.kept_out.get(name) or self._why_ranked(standing, seed),
        )

    def _why_ranked(self, standing: Standing, seed: str) -> Reason:
        code = "scoring.ranked" if standing.error is None else "scoring.ranked_corrected"
        params: dict[str, JsonValue] = {
            "rank": self.ranks[standing.application],
            **_figures(standing),
        }
        if self.same_score[standing.score] == 1:
            return Reason(code=code, params=params)
        return Reason(code=f"{code}_by_tie_break", params={**params, "seed": seed})


def _figures(standing: Standing) -> dict[str, JsonValue]:
    """The score as its sentence says it; a corrected one with the raw one beside it."""
    said: dict[str, JsonValue] = {
        "score": two_decimals(standing.score),
        "reviews": len(standing.totals),
    }
    if standing.error is None:
        return said
    return {**said, "raw_score": two_decimals(standing.raw)}


def _why_unranked(standing: Standing, rubric: Rubric) -> Reason | None:
    reviews = len(standing.totals)
    if reviews < rubric.reviews_per_application:
        return Reason(
            code="scoring.too_few_reviews",
            params={"reviews": reviews, "required": rubric.reviews_per_application},
        )
    by_level = rubric.correction != "rank-based"
    judged = standing.score if by_level else standing.raw
    if judged >= rubric.pass_mark:
        return None
    corrected = by_level and standing.error is not None
    params: dict[str, JsonValue] = _figures(standing) if corrected else {"reviews": reviews}
    # Cut, not rounded: 59.999 must not read as 60.00 below a mark of 60.00.
    params |= {
        "score": hundredths(floor(judged * 100)),
        "pass_mark": two_decimals(rubric.pass_mark),
    }
    code = "scoring.below_pass_mark_corrected" if corrected else "scoring.below_pass_mark"
    return Reason(code=code, params=params)
