"""What a supply call is decided from, and the plan.

- A bid is its lots: clusters, each in one data centre with one accelerator model. A lot is bought
  in equal parts, all or nothing where it has one part; a bid that is not divisible is bought whole.
- Servers for public use are those the bidder does not keep; only they count as volume.
- `reviewed` is the reviewers' score out of the reviewed criteria's points; None where too few
  reviews were given.
- A bid that is out after the award (its inspection failed, it withdrew) stays in the snapshot: its
  figures still are the measure of `relative` formulas, so nobody else's points move.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from dure.vocabulary.distinct import require_distinct
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Intent, Plan, Reason
from dure.vocabulary.programme.supply_calls import ComputedFigure, SupplyAward, SupplyRubric

_RATIO: Final = re.compile(r"-?\d{1,999}(/\d{1,999})?")


def _ratio(written: object) -> object:
    """A whole number, a fraction, or either as text; a float here would be a rounding."""
    if isinstance(written, int | Fraction) and not isinstance(written, bool):
        return Fraction(written)
    if not isinstance(written, str) or not _RATIO.fullmatch(written):
        raise ValueError("write a fraction such as 3/25")
    return Fraction(written)


Ratio = Annotated[Fraction, BeforeValidator(_ratio), PlainSerializer(str, return_type=str)]
"""An exact computed number: sums of figures relative to prices have longer terms than any typed."""

Standing = Literal["standing", "failed_inspection", "withdrawn"]
Outcome = Literal["won", "reduced", "refused", "below_pass_mark", "not_scored", "out"]


class Lot(Frozen):
    """One cluster of a bid. Servers, own servers and price divide into `parts` equal parts."""

    centre: str
    model: str
    servers: int = Field(gt=0)
    own_servers: int = Field(default=0, ge=0)
    parts: int = Field(default=1, gt=0)
    price: int = Field(gt=0)
    power_kw: int = Field(gt=0)
    months: int = Field(ge=0)

    @model_validator(mode="after")
    def _divides(self) -> Lot:
        if self.own_servers >= self.servers:
            raise ValueError("own use leaves no server for the public")
        for name in ("servers", "own_servers", "price"):
            if getattr(self, name) % self.parts:
                msg = f"{name} ({getattr(self, name)}) does not divide into {self.parts} parts"
                raise ValueError(msg)
        return self

    @property
    def public_servers(self) -> int:
        return self.servers - self.own_servers


class Bid(Frozen):
    """One bid that passed the document check."""

    bid: str
    provider: str
    lots: tuple[Lot, ...] = Field(min_length=1)
    divisible: bool = False
    reviewed: Ratio | None
    standing: Standing = "standing"

    @property
    def price(self) -> int:
        return sum(lot.price for lot in self.lots)


class TenderSnapshot(Frozen):
    """`tflops`: dense BF16 TFLOP/s of one accelerator, by model, from its data sheet."""

    call: str
    bids: tuple[Bid, ...]
    tflops: dict[str, int]
    accelerators_per_server: int = Field(default=8, gt=0)

    @model_validator(mode="after")
    def _agrees(self) -> TenderSnapshot:
        require_distinct("bid", (bid.bid for bid in self.bids))
        offered = {lot.model for bid in self.bids for lot in bid.lots}
        if unknown := sorted(offered - self.tflops.keys()):
            raise ValueError(f"no data-sheet figure for: {', '.join(unknown)}")
        return self


class TenderPolicy(Frozen):
    rubric: SupplyRubric
    award: SupplyAward


class ComputedPoints(Frozen):
    """One computed criterion of one bid: the figure's value, and the points it comes to."""

    criterion: str
    figure: ComputedFigure
    value: Ratio
    points: Ratio


class BidOutcome(Intent):
    """`parts`: how many parts of each lot are bought. `changes`: what would have changed it."""

    bid: str
    provider: str
    outcome: Outcome
    rank: int | None
    total: Ratio
    reviewed: Ratio | None
    computed: tuple[ComputedPoints, ...]
    parts: tuple[int, ...]
    price: int
    public_servers: int
    changes: tuple[Reason, ...] = ()


class TenderPlan(Plan):
    """Best-placed first, then those without a place by their id.

    `value` is the sum of total points times public PFLOP/s of what is bought; `bound` the most any
    choice could reach, known where that is the objective. `optimal`: no better choice exists.
    `conflict`: a smallest set of rules that no choice of bids can meet together; then nobody wins.
    """

    kind: Literal["tender"] = "tender"
    intents: tuple[BidOutcome, ...]
    price: int
    public_accelerators: int
    accelerators: int
    value: Ratio
    bound: Ratio | None
    optimal: bool
    conflict: tuple[str, ...] = ()
