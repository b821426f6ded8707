"""Rankings, for programs."""

from __future__ import annotations

from fractions import Fraction

from ninja import Router

from dure.client.scores import (
    HangingView,
    LeniencyView,
    PointView,
    ScoresView,
    SensitivityView,
    StandingView,
)
from dure.engine.scoring import Ranked, ReviewerEffect
from dure.hub.allocations.models import Decision
from dure.hub.auth import PersonalToken, UserRequest
from dure.hub.people.models import User
from dure.hub.portal.reasons import sentence
from dure.hub.problems import Problem
from dure.hub.reviews import ranking_queries

router = Router(tags=["reviews"], auth=PersonalToken())

REFUSALS = {401: Problem, 404: Problem}


@router.get("rounds/{call}/scores", response={200: ScoresView, **REFUSALS})
def scores(request: UserRequest, call: str) -> ScoresView:
    """The call's latest ranking: raw beside corrected, and the reviewers' leniency."""
    seen = _seen(call, request.auth)
    estimate = seen.plan.estimate
    return ScoresView(
        call=call,
        plan=seen.decision.number,
        method=estimate.method if estimate else "none",
        notes=tuple(sentence(note) for note in seen.notes),
        standings=tuple(_standing(one) for one in seen.plan.intents),
        reviewers=tuple(_leniency(one) for one in estimate.reviewers) if estimate else (),
    )


@router.get(
    "rounds/{call}/scores/sensitivity", response={200: SensitivityView, 422: Problem, **REFUSALS}
)
def sensitivity(request: UserRequest, call: str, places: int | None = None) -> SensitivityView:
    """Whose outcome hangs on the correction, on one reviewer, on one point. Takes seconds.

    `places`: how many are served, from 1 to as many as are ranked; else as the round serves.
    """
    seen = _seen(call, request.auth)
    report = ranking_queries.sensitivity_of(seen=seen, by=request.auth, places=places)
    return SensitivityView(
        call=call,
        plan=seen.decision.number,
        places=report.places,
        by_round=report.by_round,
        hanging=tuple(_hanging(one) for one in report.hanging),
    )


def _seen(call: str, by: User) -> ranking_queries.RankingSeen:
    seen = ranking_queries.ranking_of(key=call, by=by)
    if seen is None:
        raise Decision.DoesNotExist
    return seen


def _standing(one: Ranked) -> StandingView:
    return StandingView(
        application=one.application,
        rank=one.rank,
        score=_decimal(one.score),
        raw_rank=one.raw_rank,
        raw_score=_decimal(one.raw_score),
        standard_error=None if one.standard_error is None else _decimal(one.standard_error),
        rank_low=one.rank_low,
        rank_high=one.rank_high,
        shift=one.shift,
        reviews=one.reviews,
        reason_code=one.reason.code,
        reason=sentence(one.reason),
    )


def _leniency(one: ReviewerEffect) -> LeniencyView:
    return LeniencyView(
        reviewer=one.reviewer,
        reviews=one.reviews,
        group=one.group,
        mean=_decimal(one.mean),
        leniency=_decimal(one.leniency),
        standard_error=_decimal(one.standard_error),
        stretch=_decimal(one.stretch),
    )


def _hanging(one: ranking_queries.Hanging) -> HangingView:
    return HangingView(
        application=one.application,
        rank=one.rank,
        served=one.served,
        chance=None if one.chance is None else _decimal(one.chance),
        on_correction=one.on_correction,
        on_reviewers=one.on_reviewers,
        on_points=tuple(
            PointView(reviewer=point.reviewer, change=point.change) for point in one.on_points
        ),
    )


def _decimal(value: Fraction) -> str:
    """To thousandths, as corrected scores are kept."""
    whole = round(value * 1000)
    return f"{'-' if whole < 0 else ''}{abs(whole) // 1000}.{abs(whole) % 1000:03d}"
