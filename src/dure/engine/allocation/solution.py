"""What a round's search ends with."""

from __future__ import annotations

from dataclasses import dataclass

from dure.engine.allocation.facts import Price
from dure.engine.allocation.limits import Award


@dataclass(frozen=True, slots=True)
class Solution:
    """Awards, their merit, the merit no plan can exceed, and what scarcity is worth."""

    awards: dict[str, Award]
    merit: int
    bound: int
    prices: tuple[Price, ...]
