"""What the hub's user API answers about a call's ranking.

- Scores and errors are decimals in points, written out: `score` is the one that counts.
"""

from __future__ import annotations

from typing import Literal

from dure.client.models import View


class StandingView(View):
    """One application's two scores and ranks; a rank is None where it has none.

    `rank_low` and `rank_high` hold its own rank with a probability of nine in ten; they and
    `standard_error` are there only where scores are corrected. `shift`: places won.
    """

    application: str
    rank: int | None
    score: str
    raw_rank: int | None
    raw_score: str
    standard_error: str | None
    rank_low: int | None
    rank_high: int | None
    shift: int | None
    reviews: int
    reason_code: str
    reason: str


class LeniencyView(View):
    """What the panel's points say of one reviewer."""

    reviewer: str
    reviews: int
    group: int
    mean: str
    leniency: str
    standard_error: str
    stretch: str


class ScoresView(View):
    """A call's latest ranking, raw beside corrected, best first."""

    call: str
    plan: int
    method: Literal["none", "mixed-effects", "rank-based"]
    notes: tuple[str, ...]
    standings: tuple[StandingView, ...]
    reviewers: tuple[LeniencyView, ...]


class PointView(View):
    """One point more (1) or less (-1) from this reviewer."""

    reviewer: str
    change: Literal[-1, 1]


class HangingView(View):
    """An application whose outcome would turn. `chance`: to be among the served, by its merit."""

    application: str
    rank: int | None
    served: bool
    chance: str | None
    on_correction: bool
    on_reviewers: tuple[str, ...]
    on_points: tuple[PointView, ...]


class SensitivityView(View):
    """Whose outcome hangs on what, where the first `places` of the ranking are served.

    `by_round`: what hangs on the correction was found by the round's own rules, its plan being
    made again in the other order; else the first `places` of either order are compared.
    """

    call: str
    plan: int
    places: int
    by_round: bool
    hanging: tuple[HangingView, ...]
