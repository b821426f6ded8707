"""What applicants see: tracks, size classes, the form, the rubric, the calls."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from dure.vocabulary.frozen import Frozen, Text
from dure.vocabulary.programme.types import Exact, Key, Portion

FieldKind = Literal["text", "long_text", "integer", "choice", "boolean", "date", "share"]


class Choice(Frozen):
    value: str
    label: Text


class FormField(Frozen):
    """One question of the application form."""

    id: Key
    label: Text
    help: Text | None = None
    kind: FieldKind
    required: bool = True
    choices: tuple[Choice, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    max_length: int = Field(default=2000, gt=0)

    @model_validator(mode="after")
    def _choices_where_chosen(self) -> FormField:
        if (self.kind == "choice") != bool(self.choices):
            raise ValueError("a choice field needs choices, and only a choice field has them")
        return self


class Criterion(Frozen):
    """One line of the rubric, scored 0 to `points`."""

    id: Key
    label: Text
    points: int = Field(gt=0)


class Rubric(Frozen):
    """How reviewers score; the points are the weights and add up to `total`."""

    criteria: tuple[Criterion, ...] = Field(min_length=1)
    total: int = 100
    reviews_per_application: int = Field(default=3, gt=0)
    pass_mark: Exact = Field(default="0", validate_default=True)  # type: ignore[arg-type]  # read as Exact
    note: str = ""

    @model_validator(mode="after")
    def _adds_up(self) -> Rubric:
        points = sum(criterion.points for criterion in self.criteria)
        if points != self.total:
            msg = (
                f"the criteria's points add up to {points}, not to the rubric's total {self.total}"
            )
            raise ValueError(msg)
        return self


class SizeClass(Frozen):
    """Requests of like size; applicants of one class compete in one order of rank."""

    id: Key
    label: Text
    min_amount: int = Field(gt=0)
    max_amount: int = Field(gt=0)
    review: Literal["verifier", "panel", "peer"] = "panel"

    @model_validator(mode="after")
    def _ordered(self) -> SizeClass:
        if self.max_amount < self.min_amount:
            raise ValueError("max_amount is below min_amount")
        return self


class Track(Frozen):
    """A lane of the programme: who may enter, how much, for how long, how it is awarded."""

    id: Key
    label: Text
    sectors: tuple[Key, ...] = Field(min_length=1)
    size_classes: tuple[SizeClass, ...] = Field(min_length=1)
    max_months: int = Field(gt=0)
    award: Literal["whole", "reducible"] = "whole"
    max_amount_by_model: dict[str, int] = {}


class Quota(Frozen):
    """A split of the whole programme, over all rounds.

    `target` is reported against; `cap` binds: no round may take the group beyond it.
    """

    id: Key
    label: Text
    sectors: tuple[Key, ...] = ()
    share: Portion
    enforcement: Literal["target", "cap"]
    source: str = ""


class Call(Frozen):
    """A window for submissions, the pools it offers and the seed of its tie-breaks."""

    id: Key
    label: Text
    tracks: tuple[Key, ...] = Field(min_length=1)
    pools: tuple[Key, ...] = Field(min_length=1)
    opens: date
    closes: date
    supply_from: date
    months: int = Field(gt=0)
    tie_break_seed: str = Field(min_length=1)
    rolling: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> Call:
        if not self.opens <= self.closes <= self.supply_from:
            raise ValueError("the dates must run: opens, closes, supply_from")
        return self


class Allotment(Frozen):
    """How the allocator chooses among ranked applications."""

    policy: Literal["strict-rank"] = "strict-rank"
    organisation_cap: int | None = Field(default=None, gt=0)
    region_bonus_points: dict[str, int] = {}
