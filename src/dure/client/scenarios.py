"""What the hub's user API asks and answers of what-if scenarios.

- A scenario is a stored round under a `Change`; `refusal` says why no plan fits it.
- Merit is in thousandths of a point, as everywhere in a round.
"""

from __future__ import annotations

from typing import Literal

from dure.client.models import View
from dure.vocabulary.scenario import Change


class ScenarioAsked(View):
    """What is to be planned. `plan` is the round that it starts from; the latest if left out.

    `raw_scores`: rank by the reviewers' own scores, without the correction.
    """

    plan: int | None = None
    raw_scores: bool = False
    change: Change


class TotalsView(View):
    """What a plan comes to."""

    applications: int
    served: int
    whole: int
    server_months: int
    server_months_idle: int
    merit: int
    bound: int
    optimal: bool


class PlaceView(View):
    """What an application holds in one plan, and why."""

    pool: str | None
    servers: int
    start: int
    months: int
    reason: str


class ScenarioDifferenceView(View):
    """One application that a scenario treats otherwise than the plan does."""

    application: str
    change: Literal["won", "lost", "more", "fewer", "moved"]
    before: PlaceView
    after: PlaceView


class GroupDifferenceView(View):
    """By how much a group is better (or worse, below zero) off than in the plan."""

    dimension: str
    group: str
    label: str
    served: int
    server_months: int


class ScenarioView(View):
    """One scenario held against its plan; without totals where no plan fits it."""

    name: str
    plan: int
    change: Change
    refusal: str | None = None
    totals: TotalsView | None = None
    differences: tuple[ScenarioDifferenceView, ...] = ()
    groups: tuple[GroupDifferenceView, ...] = ()


class ScenariosView(View):
    """A plan and all its scenarios side by side."""

    call: str
    plan: int
    totals: TotalsView
    scenarios: tuple[ScenarioView, ...]
