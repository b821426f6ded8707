"""The policies that are compared, each a small module; what they say is on the report.

A policy is a set of the kernel's rules and of the live decisions that run at control steps.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

from dure.twin.policies import (
    headroom,
    islands,
    islands_by_hand,
    least_lost,
    pool,
    predicted,
    stewarded,
)
from dure.twin.policies.facts import TwinPolicy

PolicyName = Literal[
    "islands",
    "islands-by-hand",
    "pool",
    "stewarded",
    "headroom",
    "least-lost",
    "predicted",
]

_ALL: Final = (
    islands.POLICY,
    islands_by_hand.POLICY,
    pool.POLICY,
    stewarded.POLICY,
    headroom.POLICY,
    least_lost.POLICY,
    predicted.POLICY,
)

POLICIES: Final[dict[str, TwinPolicy]] = dict(zip(get_args(PolicyName), _ALL, strict=True))

DEFAULT: Final[PolicyName] = "least-lost"
"""What the evidence favours: see docs/explanations/twin-policies.md."""

__all__ = ["DEFAULT", "POLICIES", "PolicyName", "TwinPolicy"]
