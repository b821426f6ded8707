"""Refuses a ranking that breaks a rule; written apart from the planner and without its solver.

- Each application of the call stands once, with its reviews, raw mean, bonus and tie-break as they
  follow from the points.
- Ranks run from 1 without a gap, higher score first, equal scores by the tie-break; so do the raw
  ones. Without a rank is who has too few reviews or is below the pass mark, and nobody else.
- A corrected score is the mean of the corrected points that the plan's own leniencies and stretches
  give. The leniencies solve the mixed model at the plan's own variances: no reviewer's could be
  bettered by more than a thousandth of a point.
- Reasons and notes are of the catalogue and fill their sentences.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from hashlib import sha256
from statistics import NormalDist, fmean, pstdev
from typing import Final

from dure.engine.scoring.facts import Estimate, Ranked, ScoringPlan, ScoringSnapshot
from dure.vocabulary.plans import Reason, Violation
from dure.vocabulary.programme.calls import Rubric
from dure.vocabulary.reasons import CATALOGUE

ROUNDED: Final = Fraction(1, 1000)
"""What rounding leniencies to thousandths may leave of a reviewer's equation, per review."""

BORROWED: Final = 5
"""Rank-based: the weight of a stack of n reviews is n / (n + 5), as the rubric's words say."""

_RANKED: Final = frozenset(
    f"scoring.ranked{corrected}{tied}"
    for corrected in ("", "_corrected")
    for tied in ("", "_by_tie_break")
)

Pair = tuple[str, str]


def violations(
    snapshot: ScoringSnapshot, rubric: Rubric, plan: ScoringPlan
) -> tuple[Violation, ...]:
    """Everything wrong with `plan`; empty means that it may be applied."""
    case = _Case(snapshot, rubric, plan)
    found = [*_once_each(case)]
    if not found:
        found += [*_figures(case), *_ranks(case), *_without_rank(case), *_intervals(case)]
    found += _estimate(case)
    found += (v for one in plan.intents for v in _unsaid(one.application, one.reason))
    found += (v for note in plan.notes for v in _unsaid("the plan's note", note))
    return tuple(found)


@dataclass(frozen=True)
class _Case:
    snapshot: ScoringSnapshot
    rubric: Rubric
    plan: ScoringPlan

    @cached_property
    def totals(self) -> dict[Pair, int]:
        return {(r.application, r.reviewer): sum(r.points.values()) for r in self.snapshot.reviews}

    @cached_property
    def given_to(self) -> dict[str, list[int]]:
        found: defaultdict[str, list[int]] = defaultdict(list)
        for (application, _), points in self.totals.items():
            found[application].append(points)
        return found

    @cached_property
    def given_by(self) -> dict[str, dict[str, int]]:
        """Reviewer -> application -> points."""
        found: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for (application, reviewer), points in self.totals.items():
            found[reviewer][application] = points
        return found

    @cached_property
    def estimate(self) -> Estimate | None:
        return self.plan.estimate

    @cached_property
    def corrected(self) -> dict[Pair, Fraction]:
        """Each review's points on the panel's scale."""
        if self.estimate is None:
            return {pair: Fraction(points) for pair, points in self.totals.items()}
        if self.estimate.method == "rank-based":
            return _normal_scores(self.given_by)
        stretches = {one.reviewer: one.stretch for one in self.estimate.reviewers}
        return _stretched(self.given_by, stretches)

    @cached_property
    def leniency(self) -> dict[str, Fraction]:
        return (
            {one.reviewer: one.leniency for one in self.estimate.reviewers} if self.estimate else {}
        )

    def bonus(self, application: str) -> int:
        return self.snapshot.bonus_points.get(application, 0)

    def raw_score(self, application: str) -> Fraction:
        given = self.given_to.get(application, [])
        return _mean(given) + self.bonus(application) if given else Fraction(0)

    @cached_property
    def corrected_scores(self) -> dict[str, Fraction]:
        points: defaultdict[str, list[Fraction]] = defaultdict(list)
        for (application, reviewer), value in self.corrected.items():
            points[application].append(value - self.leniency.get(reviewer, Fraction(0)))
        return {name: _thousandth(_mean(values)) for name, values in points.items()}

    def score(self, application: str) -> Fraction:
        """The score that counts."""
        if self.estimate is None or not self.given_to.get(application):
            return self.raw_score(application)
        return self.corrected_scores[application] + self.bonus(application)

    def passing(self, application: str) -> bool:
        """Enough reviews, and at the mark with the score that the mark is for."""
        ranks_alone = self.rubric.correction == "rank-based"
        score = self.raw_score(application) if ranks_alone else self.score(application)
        return self._enough(application) and score >= self.rubric.pass_mark

    def passing_raw(self, application: str) -> bool:
        return self._enough(application) and self.raw_score(application) >= self.rubric.pass_mark

    def _enough(self, application: str) -> bool:
        return len(self.given_to.get(application, [])) >= self.rubric.reviews_per_application

    def tie_break(self, application: str) -> str:
        return sha256(f"{self.plan.header.seed}:{application}".encode()).hexdigest()


def _once_each(case: _Case) -> Iterator[Violation]:
    said = Counter(one.application for one in case.plan.intents)
    for name in sorted(said.keys() | set(case.snapshot.applications)):
        expected = 1 if name in case.snapshot.applications else 0
        if said[name] != expected:
            detail = f"application {name} stands {said[name]} times, not {expected}"
            yield Violation(rule="standing_wrong", detail=detail)


def _figures(case: _Case) -> Iterator[Violation]:
    for one in case.plan.intents:
        name = one.application
        given = case.given_to.get(name, [])
        for rule, said, found in (
            ("raw_score_wrong", one.raw_score, case.raw_score(name)),
            ("score_wrong", one.score, case.score(name)),
            ("reviews_wrong", one.reviews, len(given)),
            ("spread_wrong", one.spread, max(given, default=0) - min(given, default=0)),
            ("tie_break_wrong", one.tie_break, case.tie_break(name)),
        ):
            if said != found:
                yield _about(one, rule, f"says {said}, the points give {found}")


def _ranks(case: _Case) -> Iterator[Violation]:
    for rule, said, score, passing in (
        (
            "rank_wrong",
            {o.application: o.rank for o in case.plan.intents},
            case.score,
            case.passing,
        ),
        (
            "raw_rank_wrong",
            {o.application: o.raw_rank for o in case.plan.intents},
            case.raw_score,
            case.passing_raw,
        ),
    ):
        ranked = [name for name in case.snapshot.applications if passing(name)]
        ranked.sort(key=lambda name: (-score(name), case.tie_break(name)))
        due: dict[str, int] = {name: rank for rank, name in enumerate(ranked, start=1)}
        for name, rank in said.items():
            if rank != due.get(name):
                detail = f"{name} has rank {rank}, its score gives {due.get(name)}"
                yield Violation(rule=rule, detail=detail)


def _without_rank(case: _Case) -> Iterator[Violation]:
    ranks = [one.rank for one in case.plan.intents]
    places = [len(ranks) + 1 if rank is None else rank for rank in ranks]
    if places != sorted(places):
        yield Violation(rule="order_wrong", detail="the plan's lines are not in the order of rank")
    for one in case.plan.intents:
        if (one.reason.code in _RANKED) != (one.rank is not None):
            yield _about(one, "reason_unfit", f"has rank {one.rank} and reason {one.reason.code}")


def _intervals(case: _Case) -> Iterator[Violation]:
    many = sum(one.rank is not None for one in case.plan.intents)
    for one in case.plan.intents:
        due = case.estimate is not None and one.rank is not None
        low, high = one.rank_low, one.rank_high
        if low is None or high is None:
            if due or low != high:
                yield _about(one, "interval_wrong", "has no interval of ranks")
        elif not due or not 1 <= low <= high <= many:
            yield _about(one, "interval_wrong", f"has the ranks {low} to {high} of {many}")


def _estimate(case: _Case) -> Iterator[Violation]:
    estimate = case.estimate
    if estimate is None:
        return
    if estimate.method != case.rubric.correction:
        detail = f"the rubric says {case.rubric.correction}, the plan used {estimate.method}"
        yield Violation(rule="method_wrong", detail=detail)
    if {one.reviewer for one in estimate.reviewers} != case.given_by.keys():
        yield Violation(rule="reviewers_wrong", detail="the estimate is of other reviewers")
        return
    for reviewer, off in _imbalances(case, estimate):
        if abs(off) > float(ROUNDED) * 1.01:
            detail = f"{reviewer}'s leniency is {off:+.4f} points from what the model gives"
            yield Violation(rule="leniency_wrong", detail=detail)


def _imbalances(case: _Case, estimate: Estimate) -> Iterator[tuple[str, float]]:
    """How far each leniency lies from its own equation, the others held."""
    if not estimate.leniency_sd:
        for reviewer, leniency in case.leniency.items():
            yield reviewer, float(leniency)
        return
    merit_ratio = float((estimate.noise_sd / estimate.merit_sd) ** 2)
    own_ratio = float((estimate.noise_sd / estimate.leniency_sd) ** 2)
    left = {pair: float(value - case.leniency[pair[1]]) for pair, value in case.corrected.items()}
    over = _less_level_and_merit(
        left, merit_ratio, {o.reviewer: o.group for o in estimate.reviewers}
    )
    pulled: defaultdict[str, float] = defaultdict(float)
    for (_, reviewer), value in over.items():
        pulled[reviewer] += value
    for reviewer, leniency in case.leniency.items():
        weight = len(case.given_by[reviewer]) + own_ratio
        yield reviewer, (pulled[reviewer] - own_ratio * float(leniency)) / weight


def _less_level_and_merit(
    left: Mapping[Pair, float], merit_ratio: float, groups: Mapping[str, int]
) -> dict[Pair, float]:
    """Points less leniency, less the group's level and the application's shrunken merit."""
    sums: defaultdict[str, list[float]] = defaultdict(list)
    group: dict[str, int] = {}
    for (application, reviewer), value in left.items():
        sums[application].append(value)
        group[application] = groups[reviewer]
    above: defaultdict[int, float] = defaultdict(float)
    below: defaultdict[int, float] = defaultdict(float)
    for application, values in sums.items():
        weight = merit_ratio / (len(values) + merit_ratio)
        above[group[application]] += weight * sum(values)
        below[group[application]] += weight * len(values)
    level = {number: above[number] / below[number] for number in above}
    merit = {
        name: sum(value - level[group[name]] for value in values) / (len(values) + merit_ratio)
        for name, values in sums.items()
    }
    return {pair: value - level[group[pair[0]]] - merit[pair[0]] for pair, value in left.items()}


def _stretched(
    given_by: Mapping[str, Mapping[str, int]], stretches: Mapping[str, Fraction]
) -> dict[Pair, Fraction]:
    """Points about the reviewer's mean, divided by the reviewer's stretch."""
    found = {}
    for reviewer, given in given_by.items():
        mean = _mean(list(given.values()))
        for application, points in given.items():
            value = mean + (points - mean) / stretches.get(reviewer, Fraction(1))
            found[application, reviewer] = _thousandth(value)
    return found


def _normal_scores(given_by: Mapping[str, Mapping[str, int]]) -> dict[Pair, Fraction]:
    """The normal quantile of the middle rank, by the reviewer's own points and by all of them."""
    everything = [points for given in given_by.values() for points in given.values()]
    mean, spread = fmean(everything), pstdev(everything)
    among_all = _quantiles(everything)
    found = {}
    for reviewer, given in given_by.items():
        own, weight = _quantiles(list(given.values())), len(given) / (len(given) + BORROWED)
        for application, points in given.items():
            score = weight * own[points] + (1 - weight) * among_all[points]
            found[application, reviewer] = Fraction(round(1000 * (mean + spread * score)), 1000)
    return found


def _quantiles(points: list[int]) -> dict[int, float]:
    many, below, found = Counter(points), 0, {}
    for value in sorted(many):
        found[value] = NormalDist().inv_cdf((below + many[value] / 2) / len(points))
        below += many[value]
    return found


def _mean(values: list[int] | list[Fraction]) -> Fraction:
    return Fraction(sum(values, Fraction(0))) / len(values)


def _thousandth(value: Fraction) -> Fraction:
    """Rounded to thousandths; halves go up."""
    return Fraction((value * 1000 + Fraction(1, 2)).__floor__(), 1000)


def _unsaid(whose: str, reason: Reason) -> Iterator[Violation]:
    """A code without a sentence, or a sentence with gaps."""
    sentence = CATALOGUE.get(reason.code)
    if sentence is None:
        detail = f"{whose} has the reason {reason.code!r}, not in the catalogue"
        yield Violation(rule="reason_unknown", detail=detail)
        return
    missing = set(re.findall(r"{(\w+)}", sentence)) - reason.params.keys()
    if missing:
        detail = f"{whose}: its reason lacks {', '.join(sorted(missing))}"
        yield Violation(rule="reason_incomplete", detail=detail)


def _about(one: Ranked, rule: str, what: str) -> Violation:
    return Violation(rule=rule, detail=f"{one.application} {what}")
