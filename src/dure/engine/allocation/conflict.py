"""Floors that cannot be met together, and which of them."""

from __future__ import annotations

from typing import Final

from dure.engine.allocation.exact import Model
from dure.engine.allocation.limits import Round
from dure.engine.allocation.options import AllOptions


FLOORS_EFFORT: Final = 30.0
"""Deterministic time of the question whether floors can be met."""


class UnableToMeetFloors(ValueError):
    """Floors that cannot be met together; without any one of `groups` the others could be."""

    def __init__(self, groups: tuple[str, ...]) -> None:
        self.groups = groups
        super().__init__(
            f"no plan keeps all the rules: these floors conflict: {', '.join(groups)}"
            if len(groups) > 1
            else f"no plan keeps all the rules: the floor of {groups[0]} cannot be met"
        )


def conflict_of(round_: Round) -> tuple[str, ...]:
    """Floors of which each is needed for the conflict: without it the others can be met."""
    options = AllOptions(round_).every()
    kept = [x for x in round_.limits if x.least is not None]
    for limit in list(kept):
        without = frozenset(x for x in round_.limits if x is limit or x not in kept)
        if not Model(round_, options, without=without).can_be_met(FLOORS_EFFORT):
            kept.remove(limit)
    return tuple(limit.said for limit in kept)
