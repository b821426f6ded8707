"""How applications are judged: stages, what a panel must find, reviews by the applicants.

- Marks are shares of the points that can be had, so that they stand when a rubric's points change.
- A stage judges the criteria it names, or all of the rubric's. Each but the last decides who goes
  on; the last one's points rank those who are left. A call without stages has one written stage.
- A panel judges each application on its own: one that stands alone is judged like any other, and
  nobody need pass.
- In distributed peer review the applicants of a call review each other (UKRI AIRR, open access: up
  to five each, a missing review rejects one's own application, three tiers, lots within the top).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from pydantic import Field, model_validator

from dure.vocabulary.frozen import Frozen, Text
from dure.vocabulary.programme.types import Key, Portion

StageKind = Literal["document", "written", "presentation", "site_visit", "peer"]


class PanelRule(Frozen):
    """What an application must reach to pass a stage; what is not given is not asked.

    `majority`: more than half of its evaluators give it at least `evaluator_mark` of the points.
    `minimum_each`: the least mean share of a criterion's points, by criterion. `no_award`: whether
    a stage may end with nobody passing; where it may not, the best passes below the marks too.
    """

    majority: bool = False
    evaluator_mark: Portion = Fraction(3, 5)
    minimum_mean: Portion | None = None
    minimum_each: dict[Key, Portion] = {}
    no_award: bool = True


class PeerReview(Frozen):
    """The applicants review each other's applications, never of their own organisation.

    `tiers`: the least share of the points of each tier, best first; below the last is one more.
    `competitors_apart`: nobody reviews an application of a track and size class they compete in.
    """

    reviews_each: int = Field(default=5, gt=0, le=20)
    tiers: tuple[Portion, ...] = (Fraction(7, 10), Fraction(1, 2))
    competitors_apart: bool = False

    @model_validator(mode="after")
    def _tiers_fall(self) -> PeerReview:
        if list(self.tiers) != sorted(set(self.tiers), reverse=True):
            raise ValueError("tiers must fall from the best to the last")
        return self


class ReviewStage(Frozen):
    """One stage of a call's review; the last one's points make the order of rank."""

    id: Key
    label: Text
    kind: StageKind = "written"
    reviews: int = Field(default=3, gt=0)
    due_days: int = Field(default=14, gt=0)
    criteria: tuple[Key, ...] = ()
    panel: PanelRule = PanelRule()
    peer: PeerReview | None = None

    @property
    def is_judged(self) -> bool:
        """Whether somebody can fail it."""
        return self.peer is not None or self.panel != PanelRule()

    @model_validator(mode="after")
    def _peers_where_peers_review(self) -> ReviewStage:
        if (self.kind == "peer") != (self.peer is not None):
            raise ValueError("a stage of kind peer needs `peer`, and only such a stage has it")
        if self.peer is not None and self.reviews > self.peer.reviews_each:
            msg = f"{self.reviews} reviews an application need as many of each applicant"
            raise ValueError(f"{msg}, but reviews_each is {self.peer.reviews_each}")
        outside = sorted(self.panel.minimum_each.keys() - set(self.criteria))
        if self.criteria and outside:
            msg = f"minimum_each names what the stage does not judge: {', '.join(outside)}"
            raise ValueError(msg)
        return self


class Reviewing(Frozen):
    """What holds for all calls.

    `conflict_years`: for how long a project together is a conflict of interest. `most_reviews`: how
    many reviews anybody takes in one stage of a call.
    """

    conflict_years: int = Field(default=3, ge=0)
    most_reviews: int | None = Field(default=None, gt=0)


WRITTEN = Text(ko="서면 평가", en="Written review")


def written_stage(reviews: int) -> ReviewStage:
    """The stage of a call that names none."""
    return ReviewStage(id="written", label=WRITTEN, kind="written", reviews=reviews)


def stages_agree(stages: tuple[ReviewStage, ...]) -> None:
    """Raises ValueError where two stages have one name, or one before the last lets all pass."""
    names = [stage.id for stage in stages]
    if len(set(names)) < len(names):
        raise ValueError("two stages of a call have the same id")
    idle = [stage.id for stage in stages[:-1] if not stage.is_judged]
    if idle:
        msg = f"{', '.join(idle)}: a stage before the last needs a panel rule; without one all pass"
        raise ValueError(msg)
