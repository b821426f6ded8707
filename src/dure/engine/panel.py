"""Panels: who passes a stage of the review.

- Each application is judged on its own, by the reviews it has: one that stands alone is judged like
  any other, and nobody need pass.
- An evaluator recognises an application by giving it at least the mark of the points; a majority is
  more than half of those who reviewed it.
- Where the programme must choose somebody, the best passes below the marks; the seed breaks ties.
- In peer review whoever has not given all the reviews they owe is rejected, whatever their score.
- Fractions only: a float's last digit must not decide.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from hashlib import sha256
from math import floor
from typing import Literal

from pydantic import Field, model_validator

from dure.vocabulary.distinct import require_distinct
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Header, Intent, Plan, Reason
from dure.vocabulary.programme.reviewing import PanelRule, ReviewStage
from dure.vocabulary.programme.types import Exact

Points = Mapping[str, int]


class Evaluation(Frozen):
    """What one evaluator gave one application, by criterion."""

    application: str
    reviewer: str
    points: dict[str, int]


class Owed(Frozen):
    """The peer reviews that an application's own people owe: how many they were asked for, and how
    many they have not given."""

    application: str
    asked: int
    missing: int = Field(ge=0)


class PanelSnapshot(Frozen):
    """`criteria`: those that the stage judges, with their points."""

    call: str
    stage: str
    criteria: dict[str, int]
    applications: tuple[str, ...]
    evaluations: tuple[Evaluation, ...]
    owed: tuple[Owed, ...] = ()

    @model_validator(mode="after")
    def _once_each(self) -> PanelSnapshot:
        require_distinct("application", self.applications)
        require_distinct(
            "evaluation", (f"{e.application} by {e.reviewer}" for e in self.evaluations)
        )
        require_distinct("application that owes reviews", (o.application for o in self.owed))
        return self


class Verdict(Intent):
    """Shares are of the points that can be had. `tier` 1 is best; None where there are no tiers."""

    application: str
    passed: bool
    votes: int
    evaluators: int
    mean: Exact
    by_criterion: dict[str, Exact]
    tier: int | None = None


class PanelPlan(Plan):
    """Verdicts by application."""

    kind: Literal["panel"] = "panel"
    stage: str
    intents: tuple[Verdict, ...]


def judge(
    *, application: str, given: Sequence[Points], criteria: Points, rule: PanelRule
) -> Verdict:
    """Whether the reviews given let the application pass, and what it failed first if not."""
    total = sum(criteria.values())
    each = [Fraction(sum(points[c] for c in criteria), total) for points in given]
    by_criterion = {
        c: Fraction(sum(points[c] for points in given), len(given) * most) if given else Fraction(0)
        for c, most in criteria.items()
    }
    mean = sum(each, Fraction(0)) / len(each) if each else Fraction(0)
    votes = sum(share >= rule.evaluator_mark for share in each)
    failed = _failed(votes, mean, by_criterion, len(each), rule)
    return Verdict(
        application=application,
        passed=failed is None,
        votes=votes,
        evaluators=len(each),
        mean=mean,
        by_criterion=by_criterion,
        reason=failed or _passed(votes, mean, len(each), rule),
    )


def plan(snapshot: PanelSnapshot, stage: ReviewStage, header: Header) -> PanelPlan:
    """The stage's verdicts on all of its applications."""
    given: defaultdict[str, list[Points]] = defaultdict(list)
    for evaluation in sorted(snapshot.evaluations, key=lambda e: (e.application, e.reviewer)):
        given[evaluation.application].append(evaluation.points)
    judged = [
        judge(application=a, given=given[a], criteria=snapshot.criteria, rule=stage.panel)
        for a in sorted(snapshot.applications)
    ]
    if not stage.panel.no_award:
        judged = _at_least_one(judged, header.seed)
    if stage.peer is not None:
        owed = {o.application: o for o in snapshot.owed if o.missing}
        judged = [_tiered(_owing(v, owed.get(v.application)), stage.peer.tiers) for v in judged]
    return PanelPlan(header=header, stage=snapshot.stage, intents=tuple(judged))


def _failed(
    votes: int,
    mean: Fraction,
    by_criterion: Mapping[str, Fraction],
    evaluators: int,
    rule: PanelRule,
) -> Reason | None:
    """The first rule not met. Shares are cut, not rounded: 59.999 must not read as 60 below 60."""
    if not evaluators:
        return Reason(code="panel.no_review")
    if rule.majority and 2 * votes <= evaluators:
        mark = _percent(rule.evaluator_mark)
        params = {"votes": votes, "evaluators": evaluators, "mark": mark}
        return Reason(code="panel.no_majority", params=dict(params))
    if rule.minimum_mean is not None and mean < rule.minimum_mean:
        params = {"share": _percent(mean), "mark": _percent(rule.minimum_mean)}
        return Reason(code="panel.below_mean", params=dict(params))
    for criterion, least in sorted(rule.minimum_each.items()):
        if by_criterion[criterion] < least:
            share = _percent(by_criterion[criterion])
            params = {"criterion": criterion, "share": share, "mark": _percent(least)}
            return Reason(code="panel.below_criterion", params=dict(params))
    return None


def _passed(votes: int, mean: Fraction, evaluators: int, rule: PanelRule) -> Reason:
    params = {"share": _percent(mean), "evaluators": evaluators}
    if rule.majority:
        return Reason(code="panel.passed_by_majority", params={**params, "votes": votes})
    return Reason(code="panel.passed", params=dict(params))


def _at_least_one(judged: list[Verdict], seed: str) -> list[Verdict]:
    """Where nobody passed, the best of those who were reviewed does."""
    reviewed = [v for v in judged if v.evaluators]
    if not reviewed or any(v.passed for v in judged):
        return judged
    best = min(reviewed, key=lambda v: (-v.mean, _lot(seed, v.application)))
    why = Reason(code="panel.best_of_all", params={"share": _percent(best.mean)})
    return [
        v.model_copy(update={"passed": True, "reason": why}) if v is best else v for v in judged
    ]


def _owing(verdict: Verdict, owed: Owed | None) -> Verdict:
    if owed is None:
        return verdict
    why = Reason(
        code="panel.peer_reviews_missing", params={"missing": owed.missing, "asked": owed.asked}
    )
    return verdict.model_copy(update={"passed": False, "reason": why})


def _tiered(verdict: Verdict, tiers: Sequence[Fraction]) -> Verdict:
    if not verdict.passed:
        return verdict
    tier = next((n for n, least in enumerate(tiers, 1) if verdict.mean >= least), len(tiers) + 1)
    return verdict.model_copy(update={"tier": tier})


def _lot(seed: str, application: str) -> str:
    return sha256(f"{seed}:{application}".encode()).hexdigest()


def _percent(share: Fraction) -> str:
    tenths = floor(share * 1000)
    return f"{tenths // 10}.{tenths % 10}" if tenths % 10 else str(tenths // 10)
