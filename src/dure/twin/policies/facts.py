"""What a policy is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

from dure.vocabulary.programme.reclaim import ReclaimRule

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Order = Callable[[Ints, Ints, Ints], Ints]
"""submit_s, work_s, user -> the key that orders a queue, lowest first."""


def by_arrival(submit_s: Ints, _work_s: Ints, _user: Ints) -> Ints:
    """First come, first served."""
    return submit_s


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinPolicy:
    """`reclaim`: the scenario's rules, none, or these rules instead of them.

    `review_days`: how often reclaim and waitlist run. `headroom`: the share of each pool that is
    never lent. `says` is a sentence of the report.
    """

    label: str
    says: str
    islands: bool = False
    lends: bool = False
    reclaim: Literal["scenario", "none"] | tuple[ReclaimRule, ...] = "none"
    review_days: int = 1
    headroom: Fraction = Fraction(0)
    victims: Literal["youngest", "least_lost"] = "youngest"
    order: Order = by_arrival
