"""How a round chooses among ranked applications: the policy, and bounds on groups.

- `strict-rank`: nobody stands behind a worse-ranked one of the same track and size class, unless a
  named constraint does it. `score-weighted`: the most score per server and month, whatever the
  rank. `lottery`: strict rank, where the applications of one band of scores are in a drawn order.
- A group rule bounds the servers of those it names. An empty list names everybody.
- A cap holds in every month; a floor counts server-months over the whole round.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from dure.vocabulary.frozen import Frozen, Text
from dure.vocabulary.programme.types import Exact, Key, Portion

PolicyName = Literal["strict-rank", "score-weighted", "lottery"]


class Bound(Frozen):
    """A number of servers, or a share of all the servers the programme (or this round) has."""

    servers: int | None = Field(default=None, ge=0)
    share: Portion | None = None
    of: Literal["programme", "round"] = "programme"

    @model_validator(mode="after")
    def _one_of_two(self) -> Bound:
        if (self.servers is None) == (self.share is None):
            raise ValueError("a bound is either a number of servers or a share; write one of them")
        return self


class GroupRule(Frozen):
    """Bounds on the servers of a group; `each` makes one group of every organisation or region."""

    id: Key
    label: Text
    sectors: tuple[Key, ...] = ()
    regions: tuple[Key, ...] = ()
    tracks: tuple[Key, ...] = ()
    size_classes: tuple[Key, ...] = ()
    models: tuple[Key, ...] = ()
    each: Literal["together", "organisation", "region"] = "together"
    most: Bound | None = None
    least: Bound | None = None

    @model_validator(mode="after")
    def _bounds_something(self) -> GroupRule:
        if self.most is None and self.least is None:
            raise ValueError("a group rule needs `most`, `least` or both")
        if self.each != "together" and self.least is not None:
            raise ValueError("`least` is for a group taken together; name the group instead")
        return self


class Allotment(Frozen):
    """How the allocator chooses among ranked applications.

    `lottery_bands`: the least score of each band, best band first; below the last is one more band.
    `approvals`: how many different people must approve a round before it is applied.
    """

    policy: PolicyName = "strict-rank"
    organisation_cap: int | None = Field(default=None, gt=0)
    region_bonus_points: dict[str, int] = {}
    rules: tuple[GroupRule, ...] = ()
    lottery_bands: tuple[Exact, ...] = ()
    approvals: int = Field(default=1, ge=1, le=5)

    @model_validator(mode="after")
    def _bands_for_a_lottery(self) -> Allotment:
        if (self.policy == "lottery") != bool(self.lottery_bands):
            raise ValueError("a lottery needs lottery_bands, and only a lottery has them")
        if list(self.lottery_bands) != sorted(set(self.lottery_bands), reverse=True):
            raise ValueError("lottery_bands must fall from the best band to the last")
        return self
