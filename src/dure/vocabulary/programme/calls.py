"""What applicants see: tracks, size classes, the form, the rubric, the calls."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dure.vocabulary.frozen import Frozen, Text
from dure.vocabulary.programme.reviewing import ReviewStage, stages_agree, written_stage
from dure.vocabulary.programme.types import Exact, Key, Portion

Amount = Annotated[int, Field(gt=0)]
FieldKind = Literal[
    "text", "long_text", "integer", "choice", "boolean", "date", "share", "organisations"
]
"""`organisations`: a list of names, each with its registration number where it has one."""


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
    """How reviewers score; the points are the weights and add up to `total`.

    `correction` says how the mean of the reviewers' totals is corrected for the reviewers: `none`;
    `mixed-effects`, for how lenient and how spread out each reviewer's points are, as estimated
    from the panel; `rank-based`, by the ranks that each reviewer's points make. The raw mean and
    its rank stay beside the corrected ones.
    """

    criteria: tuple[Criterion, ...] = Field(min_length=1)
    total: int = 100
    reviews_per_application: int = Field(default=3, gt=0)
    pass_mark: Exact = Fraction(0)
    correction: Literal["none", "mixed-effects", "rank-based"] = "none"
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
    """Requests of like size; applicants of one class compete in one order of rank.

    Amounts are in the programme's unit. `min_amount_by_model` and `max_amount_by_model` replace the
    bounds for the models they name; `max_accelerators` bounds what is held at one time, for
    programmes that award hours; `max_months` shortens the track's term. `contiguity`: servers of
    one cluster, or whole blocks of one cluster.
    """

    id: Key
    label: Text
    min_amount: int = Field(gt=0)
    max_amount: int = Field(gt=0)
    min_amount_by_model: dict[str, Amount] = {}
    max_amount_by_model: dict[str, Amount] = {}
    max_accelerators: int | None = Field(default=None, gt=0)
    max_months: int | None = Field(default=None, gt=0)
    contiguity: Literal["cluster", "blocks"] = "cluster"
    review: Literal["verifier", "panel", "peer"] = "panel"

    @model_validator(mode="after")
    def _ordered(self) -> SizeClass:
        for model in ("", *self.min_amount_by_model, *self.max_amount_by_model):
            least, most = self.bounds(model)
            if most < least:
                of = f" for {model}" if model else ""
                msg = f"max_amount{of} ({most}) is below min_amount{of} ({least})"
                raise ValueError(msg)
        return self

    def bounds(self, model: str) -> tuple[int, int]:
        """The least and the most of `model` in this class; the general ones for any other word."""
        return (
            self.min_amount_by_model.get(model, self.min_amount),
            self.max_amount_by_model.get(model, self.max_amount),
        )

    def holds(self, *, model: str, amount: int, accelerators: int | None = None) -> bool:
        """Whether a request of this size belongs here."""
        least, most = self.bounds(model)
        within = self.max_accelerators is None or (accelerators or 0) <= self.max_accelerators
        return least <= amount <= most and within


class Track(Frozen):
    """A lane of the programme: who may enter, how much, for how long, how it is awarded."""

    id: Key
    label: Text
    sectors: tuple[Key, ...] = Field(min_length=1)
    size_classes: tuple[SizeClass, ...] = Field(min_length=1)
    max_months: int = Field(gt=0)
    award: Literal["whole", "reducible"] = "whole"
    max_amount_by_model: dict[str, Amount] = {}

    def size_class_of(
        self, *, model: str, amount: int, accelerators: int | None = None
    ) -> SizeClass | None:
        """The first class, in the file's order, that holds the request; None where none does."""
        if amount > self.max_amount_by_model.get(model, amount):
            return None
        fitting = (
            c
            for c in self.size_classes
            if c.holds(model=model, amount=amount, accelerators=accelerators)
        )
        return next(fitting, None)


class Quota(Frozen):
    """A split of the whole programme, over all rounds.

    `target` is reported against; `cap` binds: no round may take the group beyond it; `floor` binds
    from below: a round gives the group at least what is missing, as far as it asks for it.
    """

    id: Key
    label: Text
    sectors: tuple[Key, ...] = ()
    share: Portion
    enforcement: Literal["target", "cap", "floor"]
    source: str = ""


class Call(Frozen):
    """A window for submissions, the pools it offers and the seed of its tie-breaks.

    A `rolling` call supplies while it is open: `supply_from` is then the first day of supply.
    """

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
    stages: tuple[ReviewStage, ...] = ()

    def review_stages(self, rubric: Rubric) -> tuple[ReviewStage, ...]:
        """The stages in their order; one written stage where the file names none."""
        return self.stages or (written_stage(rubric.reviews_per_application),)

    @model_validator(mode="after")
    def _stages_make_the_score(self) -> Call:
        stages_agree(self.stages)
        return self

    @model_validator(mode="after")
    def _in_order(self) -> Call:
        first_supply_after = self.opens if self.rolling else self.closes
        if self.opens > self.closes or first_supply_after > self.supply_from:
            raise ValueError("the dates must run: opens, closes, supply_from")
        return self
