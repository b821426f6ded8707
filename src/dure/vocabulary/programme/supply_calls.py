"""Supply calls: providers bid, and are chosen by points under a budget.

- The rubric has sections of criteria. A criterion is scored by reviewers, or computed from the
  bid's own figures by a stated formula. All points together are exactly 100.
- A formula is linear between a worst and a best value, or relative to the best bid. What is better,
  more or less, follows from the figure.
- The award rules are ceilings (budget, winners, one winner's share, one centre) and minimums of
  what is bought; a minimum is named, so that a refusal or a conflict can name it.
- A certificate is good when it is held and has not expired on a day, or, where the call takes
  that, when it is planned by a day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from dure.vocabulary.distinct import require_distinct
from dure.vocabulary.frozen import Frozen, Text
from dure.vocabulary.programme.calls import Criterion, FormField, Rubric
from dure.vocabulary.programme.eligibility import Affirmed, EligibilityRule, fields_of
from dure.vocabulary.programme.types import Exact, Key, Portion

TOTAL_POINTS: Final = 100
"""What supplier rubrics add up to (Korea's notice of 2026)."""

MOST_CLUSTERS: Final = 8
"""The form asks for each cluster at a time; more than this is no form any more (our choice)."""

ComputedFigure = Literal[
    "pflops_per_billion", "public_share", "largest_cluster", "kw_per_pflops", "months_to_service"
]
"""Dense BF16 PFLOP/s bought for 10^9 of the currency; the accelerators' share for public use; the
most servers for public use in one cluster; kW for one PFLOP/s; months until the last is in service.
"""

LESS_IS_BETTER: Final[frozenset[ComputedFigure]] = frozenset({"kw_per_pflops", "months_to_service"})


DERIVED: Final = ("bid.largest_cluster", "bid.public_accelerators", "bid.months", "bid.price")
"""What rules may judge of a bid beside its answers: the most servers for public use in one
cluster, accelerators for public use, months until the last cluster is in service, the price."""


class Linear(Frozen):
    """No points at `worst` and beyond, all of them at `best` and beyond, in proportion between."""

    kind: Literal["linear"]
    worst: Exact
    best: Exact

    @model_validator(mode="after")
    def _spans(self) -> Linear:
        if self.worst == self.best:
            raise ValueError("worst and best must differ")
        return self


class Relative(Frozen):
    """All points for the best bid; the others in the ratio of their figure to the best one's."""

    kind: Literal["relative"]


Formula = Annotated[Linear | Relative, Field(discriminator="kind")]


class SupplyCriterion(Frozen):
    """One line of the rubric: scored by reviewers at a stage, or computed from a figure."""

    id: Key
    label: Text
    points: int = Field(gt=0)
    stage: Literal["written", "presentation"] = "written"
    figure: ComputedFigure | None = None
    formula: Formula | None = None

    @model_validator(mode="after")
    def _formula_fits(self) -> SupplyCriterion:
        if (self.figure is None) != (self.formula is None):
            raise ValueError("a computed criterion needs both its figure and its formula")
        if self.figure is not None and isinstance(self.formula, Linear):
            falls = self.formula.best < self.formula.worst
            if falls != (self.figure in LESS_IS_BETTER):
                better = "less" if self.figure in LESS_IS_BETTER else "more"
                msg = f"{better} {self.figure} is better: worst and best are the wrong way round"
                raise ValueError(msg)
        return self


class Section(Frozen):
    """A heading of the rubric with its points, as notices publish them."""

    id: Key
    label: Text
    points: int = Field(gt=0)
    criteria: tuple[SupplyCriterion, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _adds_up(self) -> Section:
        points = sum(criterion.points for criterion in self.criteria)
        if points != self.points:
            msg = f"the criteria's points add up to {points}, not to the section's {self.points}"
            raise ValueError(msg)
        return self


class SupplyRubric(Frozen):
    """How bids are scored; `pass_mark` is in points of the whole.

    `correction` is that of the demand calls' rubric, for the reviewers' part.
    """

    sections: tuple[Section, ...] = Field(min_length=1)
    reviews_per_bid: int = Field(default=3, gt=0)
    correction: Literal["none", "mixed-effects", "rank-based"] = "none"
    pass_mark: Exact = Fraction(0)
    note: str = ""

    @model_validator(mode="after")
    def _adds_up(self) -> SupplyRubric:
        points = sum(section.points for section in self.sections)
        if points != TOTAL_POINTS:
            msg = f"the sections' points add up to {points}, not to {TOTAL_POINTS}"
            raise ValueError(msg)
        require_distinct("criterion", (criterion.id for criterion in self.criteria()))
        if not any(criterion.figure is None for criterion in self.criteria()):
            raise ValueError("no criterion is left to the reviewers; a panel must judge something")
        return self

    def criteria(self) -> Iterator[SupplyCriterion]:
        for section in self.sections:
            yield from section.criteria

    def computed(self) -> tuple[SupplyCriterion, ...]:
        return tuple(c for c in self.criteria() if c.figure is not None)

    def reviewed(self) -> Rubric:
        """What reviewers score, as the scoring decision takes it; the pass mark is judged later."""
        criteria = tuple(
            Criterion(id=c.id, label=c.label, points=c.points)
            for c in self.criteria()
            if c.figure is None
        )
        return Rubric(
            criteria=criteria,
            total=sum(c.points for c in criteria),
            reviews_per_application=self.reviews_per_bid,
            correction=self.correction,
        )


class CertificateRule(Frozen):
    """A certificate that bids need: held on `valid_on`, or planned by `planned_by` where given."""

    id: Key
    label: Text
    valid_on: date
    planned_by: date | None = None
    say: Text


class Minimum(Frozen):
    """What must be bought at least.

    `accelerators`: for public use, of all winners together. `cluster`: one cluster with as many
    servers for public use, of some winner, or with `each_winner` of each of them.
    """

    id: Key
    label: Text
    kind: Literal["accelerators", "cluster"]
    at_least: int = Field(gt=0)
    models: tuple[Key, ...] = ()
    each_winner: bool = False

    @model_validator(mode="after")
    def _of_each(self) -> Minimum:
        if self.each_winner and self.kind != "cluster":
            raise ValueError("each_winner goes with kind cluster only")
        return self


class SupplyAward(Frozen):
    """How winners are chosen.

    `strict-order`: the best-placed bid gets as much as it can, then the next; nobody is passed over
    by a worse-scored bid unless a rule here does it. `score-weighted`: the most of points times
    public PFLOP/s. `most_share_of_budget` bounds one winner's price.
    """

    objective: Literal["strict-order", "score-weighted"] = "strict-order"
    budget: int = Field(gt=0)
    most_winners: int | None = Field(default=None, gt=0)
    most_share_of_budget: Portion | None = None
    one_centre: bool = False
    minimums: tuple[Minimum, ...] = ()

    @model_validator(mode="after")
    def _named_once(self) -> SupplyAward:
        require_distinct("minimum", (*RULES, *(minimum.id for minimum in self.minimums)))
        return self


RULES: Final = ("budget", "most_winners", "most_share_of_budget", "one_centre")
"""The ids of the ceilings, beside those of the minimums."""


class InspectionItem(Frozen):
    """One thing looked at on the site; each must pass."""

    id: Key
    label: Text


class SupplyCall(Frozen):
    """A window for bids, what is bought, and how.

    `award_on`: from when months to service count. Prices are in the programme's currency.
    """

    id: Key
    label: Text
    opens: date
    closes: date
    award_on: date
    models: tuple[Key, ...] = Field(min_length=1)
    accelerators_per_server: int = Field(default=8, gt=0)
    most_clusters: int = Field(default=3, gt=0, le=MOST_CLUSTERS)
    form: tuple[FormField, ...] = ()
    eligibility: tuple[EligibilityRule, ...] = ()
    certificates: tuple[CertificateRule, ...] = ()
    rubric: SupplyRubric
    award: SupplyAward
    inspection: tuple[InspectionItem, ...] = ()
    tie_break_seed: str = Field(min_length=1)
    source: str = ""

    @model_validator(mode="after")
    def _rules_judge_what_is_asked(self) -> SupplyCall:
        known = (*(field.id for field in self.form), *DERIVED)
        for rule in self.eligibility:
            for name in fields_of(rule):
                if name not in known:
                    listed = ", ".join(known)
                    msg = f"rule '{rule.id}': there is no field '{name}'; there are: {listed}"
                    raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _in_order(self) -> SupplyCall:
        if self.opens > self.closes or self.closes > self.award_on:
            raise ValueError("the dates must run: opens, closes, award_on")
        return self

    @model_validator(mode="after")
    def _named_once(self) -> SupplyCall:
        require_distinct("form field", (field.id for field in self.form))
        require_distinct("certificate", (rule.id for rule in self.certificates))
        require_distinct("inspection item", (item.id for item in self.inspection))
        require_distinct("eligibility rule", (rule.id for rule in self.screening()))
        return self

    def screening(self) -> tuple[EligibilityRule, ...]:
        """The document check: the call's own rules, then one for each certificate."""
        return (
            *self.eligibility,
            *(
                Affirmed(
                    id=f"certificate-{rule.id}",
                    kind="affirmed",
                    field=good_certificate(rule.id),
                    say=rule.say,
                )
                for rule in self.certificates
            ),
        )


def good_certificate(scheme: str) -> str:
    """The derived answer that says whether the scheme's certificate is good for the call."""
    return f"certificate.{scheme}.good"
