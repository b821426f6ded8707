"""What is asked of a what-if: a stored round under other rules or with other supply.

- A field that is left out changes nothing; `none` takes a bound away.
- Bounds are servers in every month, as a programme file says them: a floor asks for no more than
  the group wants.
- Supply changes in all the months of the round: `by` so many servers, `to` so many. Spares are kept
  back from what the round may give; below zero they are given.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from dure.vocabulary.frozen import Frozen
from dure.vocabulary.programme.allotment import GroupRule, PolicyName
from dure.vocabulary.programme.types import Exact

LONGEST_NAME = 80
"""A heading of a table's column, in a line or two (our choice)."""

MOST_SERVERS = 1_000_000
"""Far above any programme; keeps a slip of the hand out of the solver's arithmetic."""

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME)
]
Servers = Annotated[int, Field(ge=0, le=MOST_SERVERS)]
MoreOrLess = Annotated[int, Field(ge=-MOST_SERVERS, le=MOST_SERVERS)]


class BoundChange(Frozen):
    """Another cap or floor of a quota or rule that the round has."""

    most: Servers | Literal["none"] | None = None
    least: Servers | Literal["none"] | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> BoundChange:
        if self.most is None and self.least is None:
            raise ValueError("write `most`, `least` or both")
        return self


class SupplyChange(Frozen):
    """More or fewer servers of a pool, or another number of them."""

    by: MoreOrLess | None = None
    to: Servers | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> SupplyChange:
        if (self.by is None) == (self.to is None):
            raise ValueError("write either `by` (more or fewer servers) or `to` (so many)")
        return self


class Standing(Frozen):
    """Another score and rank of an application. Without a rank it is not in the round."""

    score: Annotated[Exact, Field(ge=0)]
    rank: Annotated[int, Field(ge=1)] | None


class Change(Frozen):
    """One scenario: what is otherwise than in the stored round.

    `bounds` by the id of a quota or rule, `dropped` rules by id, `supply` and `spares` by pool,
    `standings` by application: of all of the round's, or of none.
    """

    name: Name
    policy: PolicyName | None = None
    lottery_bands: tuple[Exact, ...] = ()
    organisation_cap: Annotated[Servers, Field(gt=0)] | Literal["none"] | None = None
    bounds: dict[str, BoundChange] = {}
    added: tuple[GroupRule, ...] = ()
    dropped: tuple[str, ...] = ()
    supply: dict[str, SupplyChange] = {}
    spares: dict[str, MoreOrLess] = {}
    standings: dict[str, Standing] = {}
